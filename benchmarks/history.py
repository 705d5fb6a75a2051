"""The whole history on this machine: 120,000 drawn products, drawn, ingested, learnt and classified.

    python benchmarks/history.py --products 120000 --keep /some/folder

Prints seconds, rate and peak memory of each stage; the folder is kept for benchmarks/certificate.py. Drawing is not part
of the job and told apart. Stages that were finished in a kept folder are not done again (their time is then not shown).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

LABELLED = 0.15  # as in a history of 120,000 of which 18,000 were described by hand
STAGES = [
    ("draw", "photos"),
    ("ingest", "photos"),
    ("train", "products"),
    ("classify", "products"),
]


def stage(name: str, folder: Path, products: int) -> None:
    """One stage, in a process of its own so that its peak memory is its own."""
    drawn = folder / "drawn"
    if name == "draw":
        from vitrine.demo.catalog import draw_catalog

        planted = draw_catalog(drawn, products=products, seed=7, size=256, faults=False, labelled=LABELLED)
        print(json.dumps({"count": planted.photos}))
        return
    from vitrine.workspace import create
    from vitrine.workspace import open as open_workspace

    if name == "ingest":
        from vitrine.embed.build import propose_network
        from vitrine.intake.items import items_of_rows
        from vitrine.intake.source import PhotoSource
        from vitrine.intake.table import read_table

        if (folder / "vitrine.toml").exists():
            workspace = open_workspace(folder)
        else:
            workspace = create(folder, (drawn / "taxonomy.toml").read_text(), {"embedder": propose_network()})
        items = items_of_rows(read_table(drawn / "labels.csv"), workspace.settings.columns, workspace.taxonomy)
        report = workspace.ingest(items, PhotoSource(str(drawn / "photos")), place="labels.csv")
        begun = time.perf_counter()
        twins = workspace.find_twins()
        print(json.dumps({"count": report.new_photos, "twins": twins, "twin_seconds": time.perf_counter() - begun}))
        return
    workspace = open_workspace(folder)
    if name == "train":
        from vitrine.jobs import run_training

        report = run_training(workspace, attributes=None, on_embed=_silent, on_train=_silent)
        print(json.dumps({"count": products, "certificates": report["certificates"]}))
        return
    report = workspace.classify()
    print(json.dumps({"count": report.products, "predictions": report.predictions, "published": report.published}))


def _silent(done: int, total: int) -> None:
    """Nobody watches."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=120_000)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--stage", help="run one stage here (used by this command itself)")
    parser.add_argument("--only", nargs="*", default=[name for name, _ in STAGES])
    arguments = parser.parse_args()
    if arguments.stage:
        stage(arguments.stage, arguments.keep, arguments.products)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
        return
    print(f"{'stage':<10}{'count':>10}{'seconds':>10}{'per second':>12}{'peak MB':>9}", flush=True)
    for name, _ in STAGES:
        if name not in arguments.only:
            continue
        command = [sys.executable, __file__, "--keep", str(arguments.keep), "--products", str(arguments.products)]
        begun = time.perf_counter()
        result = subprocess.run([*command, "--stage", name], capture_output=True, text=True, env=os.environ)
        seconds = time.perf_counter() - begun
        if result.returncode:
            print(result.stderr)
            sys.exit(f"{name} failed")
        report = json.loads(result.stdout.splitlines()[-1])
        peak = int(result.stderr.splitlines()[-1]) / 1024
        count = report.pop("count")
        print(f"{name:<10}{count:>10,}{seconds:>10.0f}{count / seconds:>12.0f}{peak:>9.0f}", flush=True)
        for key, value in report.items():
            print(f"    {key}: {value if not isinstance(value, list) else ''}")
            for line in value if isinstance(value, list) else []:
                print(f"      {line}")


if __name__ == "__main__":
    main()
