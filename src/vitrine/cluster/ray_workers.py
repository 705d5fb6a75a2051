"""Workers in a Ray cluster, fed by Ray Data: it restarts a worker that died and does its piece again elsewhere.

What goes over the network is small: a piece's product and photo numbers one way, "done" the other. Photos, vectors and
answers go between the worker and the store.
"""

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

# Before ray is imported: nothing about a user's work leaves the machine.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Ray would let everything else on the machine go before its workers (nice 15); here they are the work.
os.environ.setdefault("RAY_worker_niceness", "0")

import ray
import ray.data
from ray.exceptions import RayError, RayTaskError

from vitrine import errors
from vitrine.classify import Piece, Run
from vitrine.cluster.kit import Kit, pack
from vitrine.cluster.worker import Worker
from vitrine.errors import InputError, MissingPart, StorageError, VitrineError

if TYPE_CHECKING:
    from vitrine.config import ClusterSettings
    from vitrine.learn.model import Model
    from vitrine.workspace import Workspace

_DEATHS = 3  # of workers over one piece, before the piece is blamed
_MEANWHILE = 2  # pieces that wait at a worker, so that it need not wait for the next

Row = dict[str, Any]


@contextmanager
def open_workers(workspace: "Workspace", model: "Model | None") -> Iterator["RayWorkers"]:
    """Workers as `[cluster]` in the settings says; a cluster of this machine alone ends with the block."""
    settings = workspace.settings.cluster
    joined = ray.is_initialized()
    if not joined:
        _join(settings)
    try:
        yield RayWorkers(workspace, model, settings)
    finally:
        if not joined:
            ray.shutdown()


class RayWorkers:
    """The workers of one workspace (see `vitrine.engine.Engine`)."""

    def __init__(self, workspace: "Workspace", model: "Model | None", settings: "ClusterSettings") -> None:
        self._embeddings = workspace.embeddings
        self._settings = settings
        self._kit = ray.put(pack(workspace, model))

    def embed(self, photo_ids: Sequence[str], on_progress: Callable[[int, int], None]) -> None:
        """Give these photos vectors in the workspace's store."""
        size = self._settings.piece
        batches = [list(photo_ids[start : start + size]) for start in range(0, len(photo_ids), size)]
        done = 0
        for number in self._done({number: {"photo_ids": batch} for number, batch in enumerate(batches)}):
            done += len(batches[number])
            on_progress(done, len(photo_ids))

    def write_pieces(self, run: Run, pieces: Sequence[Piece]) -> Iterator[Piece]:
        """Write these pieces of the run and yield each that is there."""
        by_number = {piece.number: piece for piece in pieces}
        told = {**asdict(run), "begun_at": run.begun_at.isoformat()}
        work = {
            number: {
                "photos_of": piece.photos_of,
                "known": self._embeddings.files_of(piece.photo_ids),
                "run": told,
            }
            for number, piece in by_number.items()
        }
        for number in self._done(work):
            yield by_number[number]

    def _done(self, work: Mapping[int, Row]) -> Iterator[int]:
        """The number of each piece as it is done; the error of the first that cannot be."""
        workers = _count(self._settings, len(work))
        rows = [{"piece": number, "work": json.dumps(one)} for number, one in work.items()]
        data = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            _RayWorker,
            fn_constructor_args=(self._kit, self._settings.cores),
            compute=ray.data.ActorPoolStrategy(
                min_size=1, max_size=workers, initial_size=workers, max_tasks_in_flight_per_actor=_MEANWHILE
            ),
            num_cpus=self._settings.cores,
            ray_remote_args_fn=lambda: {"max_restarts": -1, "max_task_retries": _DEATHS},
        )
        try:
            for row in data.iter_rows():
                if row["error"]:
                    raise _told(row)
                yield row["piece"]
        except RayTaskError:
            raise  # a mistake in our code: its whole story is of use
        except RayError as error:
            raise StorageError(
                f"workers died {_DEATHS + 1} times over the same piece, or the cluster was lost: {_first_line(error)}",
                hint="run the same command again, it continues; a smaller piece or fewer workers of [cluster] need less memory",
            ) from error


class _RayWorker:
    """A worker as Ray Data calls it; what Vitrine raises on purpose goes back as a row."""

    def __init__(self, kit: "ray.ObjectRef[Kit]", cores: int) -> None:
        self._worker: Worker | VitrineError
        try:
            self._worker = Worker(ray.get(kit), cores)
        except VitrineError as error:
            self._worker = error

    def __call__(self, row: Row) -> Row:
        answer = {"piece": row["piece"], "error": "", "message": "", "hint": ""}
        try:
            self._do(row["piece"], json.loads(row["work"]))
        except VitrineError as error:
            answer.update(error=type(error).__name__, message=error.message, hint=error.hint)
        return answer

    def _do(self, number: int, work: Row) -> None:
        if isinstance(self._worker, VitrineError):
            raise self._worker
        if "photo_ids" in work:
            self._worker.embed(work["photo_ids"])
            return
        told = work["run"]
        run = Run(told["run_id"], told["place"], tuple(told["stopped"]), datetime.fromisoformat(told["begun_at"]))
        self._worker.write_piece(Piece(number, work["photos_of"]), run, work["known"])


def _join(settings: "ClusterSettings") -> None:
    """Join the cluster of the settings, or begin one of this machine alone, on loopback."""
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    ray.data.DataContext.get_current().enable_progress_bars = False
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.WARNING}
    try:
        if settings.address:
            _knock(settings.address)
            ray.init(address=settings.address, **quiet)
            return
        cores = settings.workers * settings.cores or None
        ray.init(address="local", num_cpus=cores, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise MissingPart(
            f"Ray at {settings.address or 'this machine'} cannot be reached: {_first_line(error)}",
            hint="on the first machine: ray start --head; on the others: ray start --address=FIRST:6379",
        ) from error


def _knock(address: str) -> None:
    """OSError where nobody listens; Ray itself would go on trying for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _count(settings: "ClusterSettings", pieces: int) -> int:
    """How many workers: as the settings say, else as many as there are cores for, and none without work."""
    cores = int(ray.cluster_resources().get("CPU", 0))
    if cores < settings.cores:
        raise InputError(
            f"a worker takes {settings.cores} cores, the whole cluster has {cores}",
            hint="lower cores under [cluster] in vitrine.toml",
        )
    return min(settings.workers or cores // settings.cores, pieces)


def _told(row: Row) -> VitrineError:
    kind: type[VitrineError] = getattr(errors, row["error"], StorageError)
    return kind(row["message"], hint=row["hint"])


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
