"""Who should do a batch: this process, Ray Data, Ray's own actors, Daft alone or Daft on Ray; the same worker in each.

    pip install -c constraints.txt -e '.[ray]' daft
    python benchmarks/cluster.py engines --photos 2000 --repeats 3
    python benchmarks/cluster.py kill --photos 1000            # kill -9 a worker: which engine carries on?
    python benchmarks/cluster.py scale --photos 4000 --workers 1 2

Photos are drawn and lie in a folder. `bare` reads, decodes and embeds in this process with nothing around it and writes
nothing; all others embed, keep vectors, decide 13 attributes and write the run. Each engine runs in a process of its own;
vectors and runs are removed before each. The rate is that of the pieces finished after each worker's first one; "start" is
what remains of the time: imports, Ray, workers, compiling the network, stopping.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from vitrine.classify import Piece, Run, write_piece
from vitrine.demo.catalog import draw_catalog
from vitrine.embed.build import propose_network
from vitrine.embed.weights import DEFAULT
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.jobs import run_training
from vitrine.learn.fuse import photos_to_fuse
from vitrine.records import now
from vitrine.stores import schema
from vitrine.workspace import Workspace, create
from vitrine.workspace import open as open_workspace

BATCH = 32


def make(folder: Path, photos: int, weights: str) -> None:
    """A workspace with 13 heads learnt from 300 drawn products, and `photos` more products with a photo of 640 pixels."""
    draw_catalog(folder / "learn", products=300, seed=1, size=192, faults=False)
    draw_catalog(folder / "new", products=photos, seed=2, size=640, faults=False)
    taxonomy = (folder / "learn" / "taxonomy.toml").read_text(encoding="utf-8")
    workspace = create(folder / "w", taxonomy, {"embedder": propose_network(weights)})
    for name in ("learn", "new"):
        items = items_of_rows(read_table(folder / name / "labels.csv"), workspace.settings.columns, workspace.taxonomy)
        workspace.ingest(items, PhotoSource(str(folder / name / "photos")), place=name)
        if name == "learn":
            run_training(workspace, attributes=None, on_embed=lambda *_: None, on_train=lambda *_: None)
    workspace.catalog.close()


def forget(workspace: Workspace) -> None:
    for name in ("embeddings", "runs", "cache"):
        shutil.rmtree(workspace.data / name, ignore_errors=True)


def pieces_of(workspace: Workspace, photos: int, size: int) -> list[Piece]:
    """Products with `photos` photos in all, in pieces of `size` photos, each photo in one piece."""
    photos_of = photos_to_fuse(workspace.catalog.read(schema.product_photos))
    pieces: list[Piece] = [Piece(0, {})]
    seen: set[str] = set()
    for sku, photo_ids in photos_of.items():
        if seen & set(photo_ids):
            continue
        seen |= set(photo_ids)
        if len(pieces[-1].photo_ids) >= size:
            pieces.append(Piece(len(pieces), {}))
        pieces[-1].photos_of[sku] = photo_ids
        if len(seen) >= photos:
            break
    return pieces


# the engines: each yields the pieces as they are written


def local(workspace: Workspace, run: Run, pieces: Sequence[Piece], workers: int) -> Iterator[Piece]:
    model = workspace.model()
    for piece in pieces:
        write_piece(piece, run, model, workspace.embed)
        yield piece


def bare(workspace: Workspace, run: Run, pieces: Sequence[Piece], workers: int) -> Iterator[Piece]:
    """Read, decode, embed: what any engine must do at least."""
    embedder = workspace.embedder
    with ThreadPoolExecutor(os.cpu_count()) as decoders:
        for piece in pieces:
            photo_ids = piece.photo_ids
            loading = decoders.map(workspace._pixels_to_embed, photo_ids)
            for start in range(0, len(photo_ids), BATCH):
                embedder.embed([next(loading) for _ in photo_ids[start : start + BATCH]])
            yield piece


def ray_data(workspace: Workspace, run: Run, pieces: Sequence[Piece], workers: int) -> Iterator[Piece]:
    from vitrine.cluster.ray_workers import RayWorkers

    start_ray(workers)
    settings = workspace.settings.cluster.model_copy(update={"workers": workers})
    yield from RayWorkers(workspace, workspace.model(), settings).write_pieces(run, pieces)


def ray_actors(workspace: Workspace, run: Run, pieces: Sequence[Piece], workers: int) -> Iterator[Piece]:
    """Ray's actors without Ray Data."""
    import ray

    from vitrine.cluster.kit import pack
    from vitrine.cluster.worker import Worker

    start_ray(workers)
    kit = ray.put(pack(workspace, workspace.model()))
    made = ray.remote(Worker).options(num_cpus=1, max_restarts=-1, max_task_retries=3)
    pool = [made.remote(kit, 1) for _ in range(workers)]
    waiting, running = list(pieces), {}
    for actor in pool * 2:
        if waiting:
            piece = waiting.pop(0)
            running[actor.write_piece.remote(piece, run, [])] = (actor, piece)
    while running:
        (done,), _ = ray.wait(list(running), num_returns=1)
        actor, piece = running.pop(done)
        ray.get(done)
        if waiting:
            following = waiting.pop(0)
            running[actor.write_piece.remote(following, run, [])] = (actor, following)
        yield piece


def daft_alone(workspace: Workspace, run: Run, pieces: Sequence[Piece], workers: int) -> Iterator[Piece]:
    import daft

    daft.set_runner_native()
    yield from in_daft(workspace, run, pieces, workers)


def daft_on_ray(workspace: Workspace, run: Run, pieces: Sequence[Piece], workers: int) -> Iterator[Piece]:
    import daft

    start_ray(workers)
    daft.set_runner_ray(noop_if_initialized=True)
    yield from in_daft(workspace, run, pieces, workers)


def in_daft(workspace: Workspace, run: Run, pieces: Sequence[Piece], workers: int) -> Iterator[Piece]:
    """One Daft pipeline, the same alone and on Ray."""
    import daft

    from vitrine.cluster.kit import pack
    from vitrine.cluster.worker import Worker

    class DaftWorker:
        def __init__(self, kit: Any) -> None:
            self._worker = Worker(kit, 1)

        def __call__(self, number: int, photos_of: str, told: str) -> int:
            said = json.loads(told)
            begun = Run(said["run_id"], said["place"], tuple(said["stopped"]), datetime.fromisoformat(said["begun_at"]))
            self._worker.write_piece(Piece(number, json.loads(photos_of)), begun, [])
            return number

    made = daft.cls(DaftWorker, max_concurrency=workers, use_process=True)(pack(workspace, workspace.model()))
    told = json.dumps({**asdict(run), "begun_at": run.begun_at.isoformat()})
    rows = {
        "number": [piece.number for piece in pieces],
        "photos_of": [json.dumps(piece.photos_of) for piece in pieces],
        "told": [told] * len(pieces),
    }
    table = daft.from_pydict(rows).into_partitions(len(pieces))
    by_number = {piece.number: piece for piece in pieces}
    done = table.select(made(table["number"], table["photos_of"], table["told"]).alias("done"))
    for row in done.iter_rows():
        yield by_number[row["done"]]


def start_ray(workers: int) -> None:
    import ray

    if not ray.is_initialized():
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ.setdefault("RAY_worker_niceness", "0")  # as this process
        ray.init(address="local", num_cpus=workers, include_dashboard=False, log_to_driver=False)
        ray.data.DataContext.get_current().enable_progress_bars = False


ENGINES: dict[str, Callable[[Workspace, Run, Sequence[Piece], int], Iterator[Piece]]] = {
    "bare": bare, "local": local,
    "ray-data": ray_data, "ray-actors": ray_actors, "daft": daft_alone, "daft-on-ray": daft_on_ray,
}  # fmt: skip


def one(folder: Path, engine: str, photos: int, piece: int, workers: int) -> dict[str, float]:
    """Seconds in all, photos a second once all workers are at work, and what the rest of the time was."""
    workspace = open_workspace(folder / "w")
    forget(workspace)
    pieces = {one.number: one for one in pieces_of(workspace, photos, piece)}
    run = Run("run-1", str(workspace.data / "runs" / "run-1"), (), now())
    done: list[tuple[float, int]] = []
    begun = time.time()
    for made in ENGINES[engine](workspace, run, list(pieces.values()), workers):
        written = Path(run.place) / made.name
        done.append((written.stat().st_mtime if written.exists() else time.time(), made.number))
    seconds = time.time() - begun
    assert sorted(number for _, number in done) == sorted(pieces), done
    done.sort()
    first = 1 if engine in ("bare", "local") else workers
    later = sum(len(pieces[number].photo_ids) for _, number in done[first:])
    rate = later / (done[-1][0] - done[first - 1][0])
    n = sum(len(one.photo_ids) for one in pieces.values())
    return {"seconds": seconds, "photos": n, "rate": rate, "start": seconds - n / rate}


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The answers of the last run, without when they were given."""
    table = pq.read_table(folder / "w" / ".vitrine" / "runs" / "run-1")
    return sorted(table.drop_columns(["predicted_at"]).to_pylist(), key=lambda row: (row["sku"], row["attribute"]))


def in_own_process(command: str, *arguments: object) -> dict[str, Any]:
    line = [sys.executable, __file__, command, *map(str, arguments)]
    result = subprocess.run(line, capture_output=True, text=True)
    if result.returncode:
        return {"failed": (result.stderr.strip().splitlines() or ["?"])[-1]}
    # Ray tells there, too, whom it lost
    answer: dict[str, Any] = json.loads(next(line for line in result.stdout.splitlines() if line.startswith("{")))
    return answer


def engines(arguments: argparse.Namespace, folder: Path) -> None:
    found: dict[str, list[dict[str, Any]]] = {}
    expected = None
    for _ in range(arguments.repeats):
        for name in arguments.engines:
            told = in_own_process("one", folder, name, arguments.photos, arguments.piece, arguments.workers[-1])
            found.setdefault(name, []).append(told)
            if "failed" not in told and name != "bare":
                rows = rows_of(folder)
                expected = expected or rows
                told["equal"] = rows == expected
    size = f"{arguments.photos} photos, {arguments.workers[-1]} workers, pieces of {arguments.piece}"
    print(f"{size}, medians of {arguments.repeats}")
    against = statistics.median(one["rate"] for one in found[arguments.engines[0]])
    for name, rounds in found.items():
        if failed := [one["failed"] for one in rounds if "failed" in one]:
            print(f"  {name:12} failed: {failed[0]}")
            continue
        start, seconds, rate = (statistics.median(one[key] for one in rounds) for key in ("start", "seconds", "rate"))
        equal = "" if name == "bare" else " rows equal" if all(one["equal"] for one in rounds) else " ROWS DIFFER"
        print(
            f"  {name:12} {rate:6.1f} photos/s {rate / against:5.2f}x, start {start:5.1f} s, in all {seconds:6.1f} s{equal}"
        )


def scale(arguments: argparse.Namespace, folder: Path) -> None:
    for workers in arguments.workers:
        rounds = [
            in_own_process("one", folder, "ray-data", arguments.photos, arguments.piece, workers)
            for _ in range(arguments.repeats)
        ]
        rates = [one["rate"] for one in rounds]
        print(
            f"{workers} workers of one core: {statistics.median(rates):6.1f} photos/s ({min(rates):.1f}-{max(rates):.1f})"
        )


def kill(arguments: argparse.Namespace, folder: Path) -> None:
    """kill -9 of a worker process in the middle of each engine's second round; are its rows those of this process?"""
    in_own_process("one", folder, "local", arguments.photos, arguments.piece, 1)
    expected = rows_of(folder)
    for name in arguments.engines:
        if name in ("bare", "local"):
            continue
        told = in_own_process("one-killed", folder, name, arguments.photos, arguments.piece, arguments.workers[-1])
        same = "rows equal" if "failed" not in told and rows_of(folder) == expected else "rows DIFFER"
        print(f"  {name:12} {told} {same}", flush=True)


def one_killed(folder: Path, engine: str, photos: int, piece: int, workers: int) -> dict[str, Any]:
    import psutil

    killed: list[int] = []
    forget(open_workspace(folder / "w"))
    home = folder / "w" / ".vitrine"

    def killer() -> None:
        while not list((home / "runs" / "run-1").glob("part-*")):
            time.sleep(0.02)
        children = psutil.Process().children(recursive=True)
        busiest = max(children, key=lambda one: one.memory_info().rss)
        killed.append(busiest.pid)
        busiest.kill()

    threading.Thread(target=killer, daemon=True).start()
    told: dict[str, Any] = one(folder, engine, photos, piece, workers)
    return {**told, "killed": killed}


def main() -> None:
    if sys.argv[1:2] and sys.argv[1] in ("one", "one-killed"):
        folder, engine, *numbers = sys.argv[2:]
        print(json.dumps((one if sys.argv[1] == "one" else one_killed)(Path(folder), engine, *map(int, numbers))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=["engines", "kill", "scale"])
    parser.add_argument("--photos", type=int, default=2_000)
    parser.add_argument("--piece", type=int, default=250, help="photos in a piece")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--weights", default=DEFAULT, help="a name that comes with Vitrine, or a file")
    parser.add_argument("--keep", type=Path, help="a folder for what is drawn and learnt, made where it is not there")
    parser.add_argument("--engines", nargs="*", default=list(ENGINES))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.keep or Path(name)
        if not (folder / "w").exists():
            make(folder, arguments.photos, arguments.weights)
        {"engines": engines, "kill": kill, "scale": scale}[arguments.study](arguments, folder)


if __name__ == "__main__":
    main()
