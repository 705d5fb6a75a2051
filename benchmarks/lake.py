"""Export the lake from a catalog of 120,000 products and 1.56 million predictions: seconds, memory, and against a bare read.

Drawn numbers without photos: what is measured is time and memory, never accuracy.

    python benchmarks/lake.py                      120,000 products; --products 4000 to try
    python benchmarks/lake.py --folder /tmp/big    keeps the catalog there for the next time
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

import vitrine
from large_catalog import MODEL, build, taxonomy_text
from vitrine.deliver import deliver
from vitrine.desk.decisions import Answer, decide
from vitrine.learn.certify import certify
from vitrine.workspace import Workspace, create


def prepare(folder: Path, products: int) -> Workspace:
    """A workspace whose champion publishes under certificates; built where it is not there yet."""
    workspace = vitrine.open(folder) if (folder / "vitrine.toml").exists() else create(folder, taxonomy_text(), {})
    (folder / ".vitrine").mkdir(exist_ok=True)
    build(workspace.catalog.url, products)
    heads = {}
    for number, name in enumerate(workspace.taxonomy.attributes):
        proof = certify(_answers(2000, "t"), _answers(500, "c"), attribute=name).to_json()
        heads[name] = {"head_id": f"hd-{number}", "certificate": proof, "values": {}, "together": proof}
    home = workspace.data / "models" / MODEL
    home.mkdir(parents=True, exist_ok=True)
    (home / "model.json").write_text(json.dumps({"heads": heads, "product": None}), encoding="utf-8")
    return workspace


def _answers(n: int, prefix: str) -> pa.Table:
    sku = [f"{prefix}{i}" for i in range(n)]
    confidence = np.linspace(0.5, 1.0, n)
    columns = {"sku": sku, "family_id": sku, "value": ["v0"] * n, "confidence": confidence}
    return pa.table({**columns, "correct": confidence > 0.7})


def measure(folder: Path, what: str) -> dict[str, float]:
    """Wall seconds, CPU seconds and peak MiB of one job in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--job", what, "--folder", str(folder)],
                          capture_output=True, text=True, check=True)  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def job(folder: Path, what: str) -> None:
    """Do one job and print what it took."""
    workspace = vitrine.open(folder)
    before = resource.getrusage(resource.RUSAGE_SELF)
    begun = time.perf_counter()
    if what == "read":
        workspace.predictions()
    else:
        deliver(workspace, "lake")
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"wall": wall, "cpu": cpu, "peak": after.ru_maxrss / 1024}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=120_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--job", choices=["read", "export"])
    arguments = parser.parse_args()
    if arguments.job:
        job(arguments.folder, arguments.job)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "w"
        workspace = prepare(folder, arguments.products)
        rows = {"read all predictions at once": measure(folder, "read")}
        rows["first export"] = measure(folder, "export")
        rows["nothing changed"] = measure(folder, "export")
        sku = f"S{int(time.time()) % arguments.products:06d}"
        name = next(iter(workspace.taxonomy.attributes))
        decide(workspace.catalog, workspace.taxonomy, [Answer(sku, name, value="v1", version=0)], author="bench",
               batch_id=f"bench-{time.time_ns()}")  # fmt: skip
        rows["one answer changed"] = measure(folder, "export")
        bare = rows["read all predictions at once"]["wall"]
        print(f"{'':32}{'wall s':>8}{'CPU s':>8}{'peak MiB':>10}{'of the read':>13}")
        for what, one in rows.items():
            print(f"{what:32}{one['wall']:8.1f}{one['cpu']:8.1f}{one['peak']:10.0f}{one['wall'] / bare:13.2f}")
        _read_back(folder / "lake")


def _read_back(lake: Path) -> None:
    """DuckDB over the current version: how long one question over all answers takes."""
    connection = duckdb.connect()
    connection.execute((lake / "views.sql").read_text(encoding="utf-8"))
    begun = time.perf_counter()
    (count,) = connection.sql("select count(*) from fact_predictions").fetchall()[0]
    groups = connection.sql(
        "select fact_answers.attribute, name_en, count(*) from fact_answers join dim_value using (value_key) group by all"
    ).fetchall()
    size = sum(file.stat().st_size for file in lake.rglob("*") if file.is_file())
    print(f"{count:,} predictions; {len(groups)} groups of answers in {time.perf_counter() - begun:.2f} s; "
          f"{size / 2**20:.0f} MiB in {len(list((lake / 'versions').iterdir()))} versions")  # fmt: skip


if __name__ == "__main__":
    main()
