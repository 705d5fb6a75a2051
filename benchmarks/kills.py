"""kill -9 at 20 random points of the classify of a large catalog: resumed, it says what an uninterrupted run says.

    python benchmarks/history.py --products 120000 --keep FOLDER     # draws, ingests, learns, classifies uninterrupted
    python benchmarks/kills.py --keep FOLDER --kills 20

The vectors, the run and the predictions in the catalog are removed first, so that the killed job does all of it again; it
is compared with the uninterrupted run row by row. Prints the seed, where each kill struck, and exits 1 where anything differs.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from vitrine.stores import schema
from vitrine.workspace import open as open_workspace

_COMMAND = [sys.executable, "-c", "from vitrine.cli.main import run; run()", "classify"]
_COLUMNS = ["sku", "attribute", "value", "confidence", "decision", "head_id"]


def predictions(folder: Path) -> pa.Table:
    """What the catalog says, in a fixed order."""
    table = open_workspace(folder).predictions().select(_COLUMNS)
    return table.sort_by([("sku", "ascending"), ("attribute", "ascending")])


def progress(folder: Path) -> str:
    """How far the killed job had come: bytes of vectors, parts of the run."""
    size = sum(path.stat().st_size for path in (folder / ".vitrine" / "embeddings").rglob("*") if path.is_file())
    parts = len(list((folder / ".vitrine" / "runs").rglob("*.parquet")))
    return f"{size / 1e6:,.0f} MB of vectors, {parts} parts"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=60.0, help="seconds after which a kill strikes at the latest")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    folder = arguments.keep
    expected = predictions(folder)
    print(f"seed {arguments.seed}, {expected.num_rows:,} predictions", flush=True)
    delays = random.Random(arguments.seed)
    catalog = open_workspace(folder).catalog
    with catalog.transaction() as connection:
        connection.execute(sa.delete(schema.predictions))
        connection.execute(sa.delete(schema.answered))
    catalog.close()
    for name in ("embeddings", "runs"):
        shutil.rmtree(folder / ".vitrine" / name, ignore_errors=True)
    for number in range(arguments.kills):
        process = subprocess.Popen(_COMMAND, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        delay = delays.uniform(1, arguments.longest)
        time.sleep(delay)
        ended = process.poll()
        process.send_signal(signal.SIGKILL)
        process.wait()
        state = "had ended" if ended is not None else "killed"
        print(f"kill {number + 1:>2}: {state} after {delay:4.1f} s, {progress(folder)}", flush=True)
    subprocess.run(_COMMAND, cwd=folder, check=True, capture_output=True)
    equal = predictions(folder).equals(expected)
    print("equal to the uninterrupted run" if equal else "DIFFERENT from the uninterrupted run")
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
