"""Every page of the desk and its twin over HTTP, from a server as anybody would start it, on a catalog of 120,000 products.

    python benchmarks/desk_pages.py --url sqlite:////tmp/large.sqlite --rounds 40
    python benchmarks/desk_pages.py --url postgresql --workers 2
    python benchmarks/desk_pages.py --workspace /tmp/history-copy      # a workspace with photos, a copy of it

One visitor over one connection asks one page after the other, `--rounds` times in a new order each; filters, words and
places in the catalog are drawn anew. Prints milliseconds at p50 and p95 and the bytes of each, and those slower than
`--most` at p95. The first round, which finds caches empty, is shown apart. Exit 1 when a catalog page is too slow.
"""

import argparse
import contextlib
import http.client
import json
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np

from desk_load import GRACE, serve, stop
from desk_queue import database
from large_catalog import build, taxonomy_text
from vitrine.stores import schema
from vitrine.web.people import add_person, issue_token
from vitrine.workspace import Workspace, create

Place = tuple[str, str]  # the page and its twin


class Visits:
    """What may be asked of a catalog, drawn anew each time."""

    def __init__(self, workspace: Workspace, seed: int) -> None:
        self.random = random.Random(seed)
        self.attributes = {name: list(one.values) for name, one in workspace.taxonomy.attributes.items()}
        self.skus = workspace.catalog.read(schema.products.select().limit(5_000)).column("sku").to_pylist()

    def places(self) -> dict[str, Place]:
        """Name → (page, twin), each with its query."""
        attribute = self.random.choice(list(self.attributes))
        value, sku = self.random.choice(self.attributes[attribute]), self.random.choice(self.skus)
        kinds: dict[str, tuple[str, str, dict[str, Any]]] = {
            "overview": ("/", "overview", {}),
            "catalog": ("/catalog", "products", {}),
            "catalog, further on": ("/catalog", "products", {"after": sku}),
            "catalog, words": ("/catalog", "products", {"q": sku[:5]}),
            "catalog, rare words": ("/catalog", "products", {"q": sku}),
            "catalog, attribute": ("/catalog", "products", {"attribute": attribute}),
            "catalog, value": ("/catalog", "products", {"attribute": attribute, "value": value}),
            "catalog, waiting": ("/catalog", "products", {"attribute": attribute, "standing": "waiting"}),
            "catalog, decided": ("/catalog", "products", {"attribute": attribute, "standing": "decided"}),
            "catalog, all that waits": ("/catalog", "products", {"standing": "waiting"}),
            "catalog, unsure": ("/catalog", "products", {"attribute": attribute, "at_most": 0.5}),
            "product": ("/product", "product", {"sku": sku}),
            "curate": ("/curate", "queue", {}),
            "grid": ("/curate/grid", "grid", {"attribute": attribute, "value": value}),
            "family": ("/family", "family", {"sku": sku, "attribute": attribute, "value": value}),
            "values": ("/values", "values", {"attribute": attribute}),
            "models": ("/models", "models", {}),
            "jobs": ("/jobs", "jobs", {}),
            "status": ("/status", "status", {}),
            "receipts": ("/receipts", "receipts", {}),
            "receive": ("/receive", "order-lines", {}),
        }
        return {name: (path + _query(q), f"/api/v1/{twin}" + _query(q)) for name, (path, twin, q) in kinds.items()}


def _query(parameters: dict[str, Any]) -> str:
    return f"?{urlencode(parameters)}" if parameters else ""


class Visitor:
    """A connection that stays open; `times` and `sizes` by (name, page or twin)."""

    def __init__(self, address: str, token: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=GRACE)
        self.headers = {"Authorization": f"Bearer {token}"}
        self.times: dict[tuple[str, str], list[float]] = {}
        self.sizes: dict[tuple[str, str], int] = {}

    def ask(self, name: str, kind: str, path: str) -> None:
        begun = time.perf_counter()
        accept = "text/html" if kind == "page" else "application/json"
        self.connection.request("GET", path, headers={**self.headers, "Accept": accept})
        answer = self.connection.getresponse()
        body = answer.read()
        self.times.setdefault((name, kind), []).append(1_000 * (time.perf_counter() - begun))
        self.sizes[name, kind] = len(body)
        if answer.status != 200:
            sys.exit(f"{path} answers {answer.status}: {body[:300]!r}")


@contextlib.contextmanager
def served(options: argparse.Namespace) -> Iterator[tuple[str, Workspace]]:
    """The address of a server on the workspace, or on a fresh one over a drawn catalog."""
    if options.workspace:
        yield from _serving(Workspace(options.workspace), options.workers)
        return
    folder = Path(tempfile.mkdtemp(prefix="vitrine-pages-"))
    with database(options.url) as url:
        build(url, options.products).close()
        create(folder, taxonomy_text(), {"storage": {"catalog": url}})
        yield from _serving(Workspace(folder), options.workers)


def _serving(workspace: Workspace, workers: int) -> Iterator[tuple[str, Workspace]]:
    process, address = serve(workspace.folder, workers=workers)
    try:
        yield address, workspace
    finally:
        stop(process)
        workspace.catalog.close()


def measure(visitor: Visitor, visits: Visits, rounds: int, of: Callable[[list[Any]], None]) -> None:
    """Ask everything `rounds` times, each time in an order that `of` makes."""
    for _ in range(rounds):
        asked = [
            (name, *one) for name, place in visits.places().items() for one in zip(("page", "twin"), place, strict=True)
        ]
        of(asked)
        for name, kind, path in asked:
            visitor.ask(name, kind, path)


def report(visitor: Visitor) -> dict[str, dict[str, Any]]:
    figures = {}
    for (name, kind), times in sorted(visitor.times.items()):
        p50, p95 = np.percentile(times, (50, 95)).round(1).tolist()
        figures[f"{name} ({kind})"] = {
            "n": len(times), "p50_ms": p50, "p95_ms": p95, "bytes": visitor.sizes[name, kind]
        }  # fmt: skip
        print(f"  {name:<24} {kind:<5} p50 {p50:>8}  p95 {p95:>8} ms  {visitor.sizes[name, kind]:>8,} bytes")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="postgresql")
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--products", type=int, default=120_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--most", type=float, default=200.0, help="milliseconds at p95 that a page may take")
    options = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    with served(options) as (address, workspace):
        name = f"pages-{uuid.uuid4().hex[:6]}"
        add_person(workspace.catalog, name, None, role="curator")
        token = issue_token(workspace.catalog, name, name="pages", scope="curate", days=1)
        first, later, visits = Visitor(address, token), Visitor(address, token), Visits(workspace, 0)
        print("first round, caches empty")
        measure(first, visits, 1, lambda asked: None)
        cold = report(first)
        print(f"{options.rounds} rounds")
        measure(later, visits, options.rounds, visits.random.shuffle)
        warm = report(later)
    database_name = "sqlite" if options.workspace else options.url.partition(":")[0]
    result = {"commit": commit, "database": database_name, "workers": options.workers, "first": cold, "later": warm}
    print(json.dumps(result))
    slow = sorted(name for name, one in warm.items() if one["p95_ms"] > options.most)
    print(f"slower than {options.most:g} ms at p95: {', '.join(slow) or 'none'}")
    sys.exit(1 if any(name.startswith("catalog") for name in slow) else 0)


if __name__ == "__main__":
    main()
