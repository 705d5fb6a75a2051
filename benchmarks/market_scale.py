"""Does the marketplace scale? Simulate, ingest and build features at growing numbers of orders; seconds and memory.

    python benchmarks/market_scale.py --folder FOLDER --orders 10000 100000 1000000 10000000 --out scale.json --plot scale.svg

Each step runs in a process of its own, so that the peak of its memory is its own. Sellers are one to 33 orders up to
100,000 orders, as in the public tables, and 30 times the square root of the orders' excess from there on, because large
marketplaces grow by orders a seller too. One table row a size and step; the slope is that of seconds on rows, log-log,
between the two largest sizes: 1 is linear.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

RUN = "from vitrine.cli.main import run; run()"


def sellers_for(orders: int) -> int:
    """3,000 sellers at 100,000 orders; 30,000 at 10 million."""
    return max(100, round(3_000 * (min(orders, 100_000) / 100_000) * max(1.0, orders / 100_000) ** 0.5))


def measure(*arguments: str) -> tuple[float, float]:
    """Seconds and peak memory in MB of `vitrine market …`."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", RUN, "market", *arguments, "--json"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"vitrine market {arguments[0]} ended with {process.returncode}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def run_size(folder: Path, orders: int, first: str, last: str) -> list[dict[str, object]]:
    """The three steps at one size; the files are removed afterwards."""
    home = folder / f"{orders}"
    shutil.rmtree(home, ignore_errors=True)
    (home / "market").mkdir(parents=True)
    sizes = ["--sellers", str(sellers_for(orders)), "--orders", str(orders), "--parquet"]
    steps = {
        "simulate": ["simulate", str(home / "olist"), *sizes],
        "ingest": ["ingest", str(home / "olist"), "--workspace", str(home / "market")],
        "build": ["build", "--from", first, "--to", last, "--workspace", str(home / "market")],
    }
    rows: list[dict[str, object]] = []
    for step, arguments in steps.items():
        seconds, memory = measure(*arguments)
        rows.append({"orders": orders, "step": step, "seconds": round(seconds, 1), "peak_mb": round(memory)})
        print(f"{orders:>12,}  {step:<9} {seconds:>9.1f} s  {memory:>7.0f} MB", flush=True)
    shutil.rmtree(home)
    return rows


def slopes(rows: list[dict[str, object]]) -> dict[str, float]:
    """By step, how seconds grow with orders between the two largest sizes, on a log-log scale."""
    found = {}
    for step in ("simulate", "ingest", "build"):
        points = [(float(str(row["orders"])), float(str(row["seconds"]))) for row in rows if row["step"] == step][-2:]
        if len(points) == 2:
            (x0, y0), (x1, y1) = points
            found[step] = round(float(np.log(y1 / y0) / np.log(x1 / x0)), 2)
    return found


def plot(rows: list[dict[str, object]], path: Path) -> None:
    """Seconds against orders, both logarithmic, one line a step."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    for step in ("simulate", "ingest", "build"):
        points = [(row["orders"], row["seconds"]) for row in rows if row["step"] == step]
        axes.loglog(*zip(*points, strict=True), marker="o", label=step)
    axes.set_xlabel("orders")
    axes.set_ylabel("seconds")
    axes.legend()
    figure.savefig(path, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for the simulated files; about 3 GB at 10 million")
    parser.add_argument("--orders", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--first", default="2017-03", help="first reference date of the build")
    parser.add_argument("--last", default="2018-08", help="last reference date of the build")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    rows = [
        row
        for orders in sorted(arguments.orders)
        for row in run_size(arguments.folder, orders, arguments.first, arguments.last)
    ]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    result = {"commit": commit, "cores": os.cpu_count(), "slopes": slopes(rows), "rows": rows}
    print(json.dumps(result["slopes"]))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
