"""Thousands of files arriving in bursts at a watched folder: none lost, none twice, and how long each waits.

    python benchmarks/watch.py --folder /tmp/watch --files 10000 --bursts 20 --pause 30
    python benchmarks/watch.py --folder /tmp/watch --files 10000 --history 120000

A small workspace is drawn and trained, then `vitrine watch` runs as a process of its own while drawn photos are dropped.
With `--history` the catalog is first filled with that many products that have photos, vectors and answers: what a group of
arrivals costs must not grow with it. Prints latencies from arrival to answer as the ledger has them, what each full look at
the catalog costs, and exits 1 where a file was lost or answered twice. Drawn photos: time and counts, never accuracy.
"""

import argparse
import io
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from PIL import Image

from vitrine.automation.ledger import ANSWERED, counts, latency
from vitrine.demo.catalog import draw_catalog
from vitrine.embed.build import propose_network
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.jobs import run_training
from vitrine.records import Photo, Product, ProductPhoto, now
from vitrine.stores import schema
from vitrine.workspace import Workspace, create

COMMAND = [sys.executable, "-c", "from vitrine.cli.main import run; run()"]
ATTRIBUTES = 13


def silent(done: int, total: int) -> None:
    """Nobody watches."""


def trained(folder: Path) -> Workspace:
    """A drawn workspace with a champion; made once."""
    if (folder / "workspace" / "ready").exists():
        return Workspace(folder / "workspace")
    shutil.rmtree(folder, ignore_errors=True)
    drawn = folder / "drawn"
    draw_catalog(drawn, products=420, seed=11, size=192, workers=1, faults=False)
    taxonomy = (drawn / "taxonomy.toml").read_text(encoding="utf-8")
    workspace = create(folder / "workspace", taxonomy, {"embedder": propose_network()})
    items = items_of_rows(read_table(drawn / "labels.csv"), workspace.settings.columns, workspace.taxonomy)
    workspace.ingest(items, PhotoSource(str(drawn / "photos")), place="labels.csv")
    workspace.find_twins()
    run_training(workspace, attributes=None, on_embed=silent, on_train=silent)
    (folder / "workspace" / "ready").touch()
    return workspace


def add_history(workspace: Workspace, products: int) -> None:
    """Fill the catalog with products that have a photo and a vector each; classify answers them."""
    have = workspace.catalog.count(schema.products)
    if have >= products:
        return
    random, moment = np.random.default_rng(0), now()
    like = workspace.catalog.rows(sa.select(schema.photos).limit(1))[0]
    links = workspace.catalog.read(sa.select(schema.product_photos)).column("photo_id").unique().to_pylist()
    vectors = workspace.embed(links).take(links)
    for start in range(have, products, 4_096):
        numbers = range(start, min(start + 4_096, products))
        ids = [f"{number:064x}" for number in numbers]
        prints = random.integers(0, 256, (len(ids), len(like["fingerprint"])), np.uint8)
        photos = [
            Photo(**{**like, "photo_id": one, "compared": True, "fingerprint": row.tobytes()})
            for one, row in zip(ids, prints, strict=True)
        ]
        skus = [f"H{number:06d}" for number in numbers]
        with workspace.catalog.transaction() as connection:
            rows = [Product(sku, None, None, None, None, None, moment) for sku in skus]
            workspace.catalog.add(schema.products, rows, connection=connection)
            workspace.catalog.add(schema.photos, photos, connection=connection)
            links = [ProductPhoto(sku, one, "history", "1", None) for sku, one in zip(skus, ids, strict=True)]
            workspace.catalog.add(schema.product_photos, links, connection=connection)
        picked = vectors[random.integers(0, len(vectors), len(ids))]
        workspace.embeddings.add(ids, picked + 0.01 * random.standard_normal(picked.shape).astype(np.float32))


def timed(what: str, do: Any) -> None:
    begun, worked = time.perf_counter(), time.process_time()
    do()
    print(f"{what}: {time.perf_counter() - begun:.1f} s, CPU {time.process_time() - worked:.1f} s", flush=True)


def photos(drawn: Path, count: int) -> Iterator[bytes]:
    """Drawn photos, each a little different from all others."""
    sources = sorted((drawn / "photos").glob("*-1.jpg"))[:200]
    pictures = [Image.open(path).convert("RGB").resize((96, 96)) for path in sources]
    for number in range(count):
        picture = pictures[number % len(pictures)].copy()
        picture.putpixel((number % 96, number // 96 % 96), (number % 256, number // 256 % 256, 128))
        picture.putpixel((0, 0), (number // 65_536, number // 256 % 256, number % 256))
        data = io.BytesIO()
        picture.save(data, "PNG")
        yield data.getvalue()


def check(workspace: Workspace, files: int) -> dict[str, Any]:
    """The books: every file answered once, every product with one answer an attribute."""
    table = schema.predictions
    of_files = sa.select(table.c.sku, sa.func.count().label("n")).where(table.c.sku.startswith("NEW-"))
    answered = workspace.catalog.read(of_files.group_by(table.c.sku)).column("n").to_pylist()
    place = next(place for place in counts(workspace.catalog))
    times = latency(workspace.catalog, place)
    return {
        "files": files,
        "states": counts(workspace.catalog)[place],
        "products_answered": len(answered),
        "answers_not_once": sum(n != ATTRIBUTES for n in answered),
        "latency_p50": times.p50,
        "latency_p95": times.p95,
        "n": times.n,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--bursts", type=int, default=20)
    parser.add_argument("--pause", type=float, default=30.0, help="seconds from one burst to the next")
    parser.add_argument("--history", type=int, default=0, help="products that are there before")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds to wait after the last burst")
    parser.add_argument("--kills", type=int, default=0, help="kill -9 the watch so many times, and start it again")
    options = parser.parse_args()
    workspace = trained(options.folder)
    if options.history:
        timed(f"history of {options.history:,} products", lambda: add_history(workspace, options.history))
        timed("classify everything that is due", workspace.classify)
        timed("classify with nothing due, queue ordered anew", workspace.classify)
        timed("twins with nothing new", workspace.find_twins)
    place = options.folder / "arriving"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    catalog = workspace.catalog
    with catalog.transaction() as connection:
        for table in (schema.arrivals, schema.watchers, schema.claims):
            connection.execute(sa.delete(table))
    log = (options.folder / "watch.log").open("w")
    command = [*COMMAND, "watch", str(place), "--every", "2", "--workspace", str(workspace.folder)]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    for number, data in enumerate(photos(options.folder / "drawn", options.files)):
        if number and number % -(-options.files // options.bursts) == 0:
            if options.kills:
                options.kills -= 1
                process.send_signal(signal.SIGKILL)
                process.wait()
                process = subprocess.Popen(command, stdout=log, stderr=log)
            time.sleep(options.pause)
        (place / f"NEW-{number:06d}.png").write_bytes(data)
    end = time.monotonic() + options.patience
    while counts(catalog).get(str(place.resolve()), {}).get(ANSWERED, 0) < options.files and time.monotonic() < end:
        time.sleep(1)
    process.send_signal(signal.SIGTERM)
    process.wait()
    found = check(workspace, options.files)
    print(json.dumps(found, indent=1))
    whole = found["states"] == {ANSWERED: options.files} and found["products_answered"] == options.files
    sys.exit(0 if whole and not found["answers_not_once"] and process.returncode == 0 else 1)


if __name__ == "__main__":
    main()
