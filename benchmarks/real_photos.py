"""Accuracy, macro-F1, coverage and published accuracy on the real photos, as means over family-safe splits.

    python benchmarks/real_photos.py --data ../shared/data --splits 5

Every split re-draws which families are train, calibrate and test (the salt); photos are embedded once. Prints one table
per set and writes results/real_photos.json with the commit. With `--redraws 40` each split's heads are certified forty
times on half of the other families, drawn afresh, and the published error is counted on the other half: a description of
how often a promise of 3 % comes out above it, with some 1,200 families to count on (benchmarks/certificate.py is the test).
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from certificate import answered, redraw
from vitrine.embed.build import propose_network
from vitrine.embed.weights import DEFAULT
from vitrine.errors import Refused
from vitrine.intake.items import items_of_folders, items_of_rows
from vitrine.intake.propose import propose, propose_attribute, taxonomy_toml
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.learn.dataset import Dataset, snapshot
from vitrine.learn.evaluate import evaluate
from vitrine.learn.split import split
from vitrine.learn.train import train
from vitrine.stores import schema
from vitrine.workspace import Workspace, create
from vitrine.workspace import open as open_workspace

ALONE = "none"
Redrawn = dict[str, tuple[list[float], list[float]]]

FIGURES = ("accuracy", "macro_f1", "coverage", "published_accuracy")


def make(name: str, data: Path, folder: Path, weights: str | Path) -> Workspace:
    """A workspace with one of the real sets ingested and embedded; kept in `folder` and reused."""
    if (folder / "vitrine.toml").exists():
        return open_workspace(folder)
    changes = {"embedder": propose_network(weights)} if weights != ALONE else {}
    if name == "fashion-products":
        table = data / name / "labels.csv"
        text = taxonomy_toml(propose(read_table(table)).attributes, min_rows=10)
        workspace = create(folder, text, changes)
        items = items_of_rows(read_table(table), workspace.settings.columns, workspace.taxonomy)
        source = PhotoSource(str(data / name / "photos"))
    else:
        attribute = {"clothing": "garment", "shoe-brands": "brand"}[name]
        source = PhotoSource(str(data / name))
        from collections import Counter

        counts = Counter(path.split("/")[-2] for path in source.list())
        text = taxonomy_toml([propose_attribute(attribute, counts)], min_rows=10)
        workspace = create(folder, text, changes)
        items = items_of_folders(source.list(), workspace.taxonomy.attribute(attribute))
    workspace.ingest(items, source, place=name)
    workspace.find_twins()
    return workspace


def dataset_of(workspace: Workspace, salt: str) -> Dataset:
    """A snapshot placed afresh with `salt`, without touching the workspace's own families."""
    products = workspace.catalog.read(schema.products)
    links = workspace.catalog.read(schema.product_photos)
    placed = split(products, links, twins=workspace.catalog.read(schema.twins), salt=salt)
    labels = workspace.catalog.read(schema.labels)
    table = snapshot(products, links, placed.members, labels, workspace.taxonomy)
    return Dataset(f"ds-{salt}", workspace.taxonomy.id, table)


def own_parts(dataset: Dataset) -> Dataset:
    """The publisher's parts of a set that has them (`validation/` judged, the rest learns): clothing."""
    judged = [sku.startswith("validation/") for sku in dataset.skus]
    pairs = zip(judged, dataset.parts.tolist(), strict=True)
    parts = ["test" if held else ("train" if part == "test" else part) for held, part in pairs]
    index = dataset.table.column_names.index("part")
    return Dataset(dataset.dataset_id, dataset.taxonomy_id, dataset.table.set_column(index, "part", [parts]))


def judge(workspace: Workspace, dataset: Dataset, redraws: range) -> tuple[dict[str, Any], Redrawn]:
    """Train on train, certify on calibrate, evaluate on test; the attributes, and errors and coverages of redraws."""
    take = workspace.take(dataset)
    trained = train(
        dataset,
        workspace.taxonomy,
        take,
        embedder_id=workspace.embedding_id,
        blocks=[(block.start, block.stop) for block in workspace.embedder.blocks],
        settings=workspace.settings.learn,
    )
    redrawn: Redrawn = {}
    if redraws:
        tables = answered(dataset, trained, take, pool=np.flatnonzero(dataset.parts != "train"))
        for name, pool in tables["pool"].items():
            half = len(set(pool.column("family_id").to_pylist())) // 2
            redrawn[name] = redraw(
                tables["train"][name], pool, attribute=name, families=half,
                redraws=redraws, settings=workspace.settings.learn,
            )  # fmt: skip
    try:
        scorecard = evaluate(trained.model, dataset, take, test_uses=0, leak_tax={}).scorecard
    except Refused:
        return {}, redrawn
    return {**scorecard["attributes"], "whole product": scorecard["product"]}, redrawn


def summarize(draws: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and 95 % t-interval of every figure over the splits, and the mean n."""
    summary: dict[str, Any] = {}
    for name in draws[0]:
        summary[name] = {"n": float(np.mean([draw[name]["n"] for draw in draws]))}
        for figure in FIGURES:
            values = np.array([draw[name].get(figure) for draw in draws if draw[name].get(figure) is not None], float)
            if len(values):
                half = (
                    stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
                    if len(values) > 1
                    else np.nan
                )
                summary[name][figure] = [float(values.mean()), float(half), len(values)]
    return summary


def show_redraws(redrawn: list[Redrawn], promised: float) -> dict[str, Any]:
    """All splits' redraws together, by attribute."""
    found: dict[str, Any] = {}
    print(f"{'redrawn':<18}{'redraws':>8}{'above promise':>15}{'nothing':>9}{'coverage':>10}{'error':>8}")
    for name in redrawn[0]:
        errors, coverages = (np.concatenate([one[name][which] for one in redrawn]) for which in (0, 1))
        found[name] = {
            "redraws": len(errors), "above": int((errors > promised).sum()), "nothing": int((coverages == 0).sum()),
            "coverage": float(coverages.mean()), "error": float(errors.mean()),
        }  # fmt: skip
        row = found[name]
        print(
            f"{name:<18}{row['redraws']:>8}{row['above']:>15}{row['nothing']:>9}{row['coverage']:>10.3f}{row['error']:>8.4f}"
        )
    return found


def show(name: str, summary: dict[str, Any]) -> None:
    print(f"\n{name}\n{'attribute':<18}{'n':>7}" + "".join(f"{figure:>24}" for figure in FIGURES))
    for attribute, row in summary.items():
        cells = "".join(f"{row[f][0]:>14.4f} ± {row[f][1]:.4f}" if f in row else f"{'–':>24}" for f in FIGURES)
        print(f"{attribute:<18}{row['n']:>7.0f} {cells}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=["fashion-products", "clothing", "shoe-brands"])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "vitrine-real-photos")
    parser.add_argument(
        "--weights", default=DEFAULT, help="a name that comes with Vitrine, a file, or none: color-shape alone"
    )
    parser.add_argument("--redraws", type=int, default=0, help="of the calibration part, in each split")
    arguments = parser.parse_args()
    results = {}
    for name in arguments.sets:
        workspace = make(name, arguments.data, arguments.keep / name, arguments.weights)
        draws, redrawn = [], []
        for number in range(arguments.splits):
            dataset = dataset_of(workspace, f"split-{number}")
            redraws = range(number * arguments.redraws, (number + 1) * arguments.redraws)
            judged, again = judge(workspace, own_parts(dataset) if name == "clothing" else dataset, redraws)
            draws.append(judged)
            redrawn.append(again)
        results[name] = {"attributes": summarize(draws)}
        show(f"{name}: {arguments.splits} splits, {workspace.embedder.id}", results[name]["attributes"])
        if arguments.redraws:
            results[name]["redraws"] = show_redraws(redrawn, 1 - workspace.settings.learn.precision)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    Path("results").mkdir(exist_ok=True)
    Path("results/real_photos.json").write_text(json.dumps({"commit": commit, **results}, indent=1))


if __name__ == "__main__":
    main()
