"""Does the certificate hold? 200 redraws of the calibration part on a drawn catalog, the error on about 100,000 others.

    python benchmarks/history.py --products 120000 --keep FOLDER     # draws and ingests the catalog
    python benchmarks/certificate.py --keep FOLDER --redraws 200

Heads learn on 12,000 products; each redraw certifies on 3,000 families of the others and the published error is counted
on all that remain, so that it is nearly exact. A redraw fails when it publishes with more than 3 % error; 5 % of redraws
may. Drawn pictures prove the statistics, never an accuracy. An attribute that can hardly be told leaves no whole product to
publish; `--without material` judges whole products of all the others, too.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import binom

from vitrine.config import LearnSettings
from vitrine.learn.answers import WHOLE_PRODUCT, whole_products
from vitrine.learn.certify import certify
from vitrine.learn.dataset import Dataset
from vitrine.learn.train import Take, Trained, answers, project, train
from vitrine.records import Label, now
from vitrine.stores import schema
from vitrine.workspace import Workspace
from vitrine.workspace import open as open_workspace

Tables = dict[str, pa.Table]


def label_all(workspace: Workspace, truth: Path) -> None:
    """Enter the true value of every product, so that errors can be counted on all of them."""
    table = pq.read_table(truth)
    skus = table.column("sku").to_pylist()
    for name in workspace.taxonomy.attributes:
        values = zip(skus, table.column(name).to_pylist(), strict=True)
        labels = [Label(sku, name, value, "truth", "truth", now()) for sku, value in values if value is not None]
        workspace.catalog.add(schema.labels, labels)


def parts(dataset: Dataset, learn: int) -> Dataset:
    """`learn` products (whole families, by a hash) for train and, so that training runs, as many for calibrate."""
    families = np.array(dataset.strings("family_id"))
    order = np.argsort(families, kind="stable")
    names = np.full(len(families), "test", dtype=object)
    edge, later = (families[order[min(n, len(order) - 1)]] for n in (learn, learn + 3_000))
    names[families < edge] = "train"
    names[(families >= edge) & (families < later)] = "calibrate"
    index = dataset.table.column_names.index("part")
    return Dataset(dataset.dataset_id, dataset.taxonomy_id, dataset.table.set_column(index, "part", pa.array(names)))


def answered(dataset: Dataset, model: Trained, take: Take, *, pool: NDArray[np.intp]) -> dict[str, Tables]:
    """What the model says of its train rows (out of fold) and of the rows `pool`, by attribute and for whole products."""
    predictor = model.model.predictor
    rows = {"train": np.flatnonzero(dataset.parts == "train"), "pool": pool}
    decoded = {
        "train": predictor.grammar.decode(model.out_of_fold),
        "pool": predictor.decide_projected(project(predictor.projection, pool, take)),
    }
    values = predictor.grammar.values
    tables: dict[str, Tables] = {
        part: {name: answers(dataset, rows[part], name, one, values[name]) for name, one in decoded[part].items()}
        for part in rows
    }
    for mine in tables.values():
        mine[WHOLE_PRODUCT] = whole_products(mine)
    return tables


def redraw(
    train: pa.Table, pool: pa.Table, *, attribute: str, families: int, redraws: range, settings: LearnSettings
) -> tuple[list[float], list[float]]:
    """Certify `attribute` on `families` of the pool, drawn by each of `redraws`; error and coverage on the others."""
    codes, code = np.unique(np.array(pool.column("family_id").to_pylist()), return_inverse=True)
    value = np.array(pool.column("value").to_pylist(), dtype=object)
    confidence = pool.column("confidence").to_numpy()
    labelled = pool.column("correct").is_valid().to_numpy(zero_copy_only=False)
    correct = pool.column("correct").combine_chunks().fill_null(True).to_numpy(zero_copy_only=False)
    errors, coverages = [], []
    for number in redraws:
        mine = np.isin(code, np.random.default_rng(number).choice(len(codes), families, replace=False))
        made = certify(
            train, pool.filter(pa.array(mine)), attribute=attribute,
            precision=settings.precision, confidence=settings.confidence,
        )  # fmt: skip
        published = made.rule.published(value, confidence)
        coverages.append(float(published[~mine].mean()))
        judged = ~mine & labelled & published
        errors.append(float((~correct[judged]).mean()) if judged.any() else 0.0)
    return errors, coverages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--redraws", type=int, default=200)
    parser.add_argument("--learn", type=int, default=12_000)
    parser.add_argument("--families", type=int, default=3_000)
    parser.add_argument("--without", nargs="*", default=[], help="attributes to leave out of a second whole product")
    arguments = parser.parse_args()
    workspace = open_workspace(arguments.keep)
    label_all(workspace, arguments.keep / "drawn" / "truth" / "truth.parquet")
    dataset = parts(workspace.freeze(), arguments.learn)
    take = workspace.take(dataset)
    settings = workspace.settings.learn
    blocks = [(block.start, block.stop) for block in workspace.embedder.blocks]
    trained = train(
        dataset, workspace.taxonomy, take, embedder_id=workspace.embedding_id, blocks=blocks, settings=settings
    )
    pool_rows = np.flatnonzero(dataset.parts == "test")
    tables = answered(dataset, trained, take, pool=pool_rows)
    for mine in tables.values():
        some = {name: one for name, one in mine.items() if name not in (WHOLE_PRODUCT, *arguments.without)}
        if arguments.without:
            mine[f"{WHOLE_PRODUCT} of {len(some)}"] = whole_products(some)
    families = np.unique(np.array(dataset.strings("family_id"))[pool_rows])
    alpha = 1 - settings.precision
    results = {}
    print(
        f"{len(pool_rows):,} products beside {arguments.learn:,} for learning, {len(families):,} families, "
        f"{arguments.redraws} redraws of {arguments.families:,} families"
    )
    print(f"{'attribute':<16}{'redraws > 3 %':>14}{'nothing':>9}{'coverage':>10}{'error':>9}{'p-value':>9}")
    for name, pool in tables["pool"].items():
        errors, coverages = redraw(
            tables["train"][name], pool, attribute=name, families=arguments.families,
            redraws=range(arguments.redraws), settings=settings,
        )  # fmt: skip
        failed = int((np.array(errors) > alpha).sum())
        nothing = int((np.array(coverages) == 0).sum())
        p_value = float(binom.sf(failed - 1, arguments.redraws, 1 - settings.confidence))
        results[name] = {
            "failed": failed, "nothing": nothing, "coverage": float(np.mean(coverages)),
            "error": float(np.mean(errors)), "p_value": p_value,
        }  # fmt: skip
        print(
            f"{name:<16}{failed:>14}{nothing:>9}{np.mean(coverages):>10.3f}{np.mean(errors):>9.4f}{p_value:>9.3f}",
            flush=True,
        )
    ordered = sorted(one["p_value"] for one in results.values())
    holm = any(p <= 0.05 / (len(ordered) - rank) for rank, p in enumerate(ordered[:1]))
    print(
        f"Holm over {len(ordered)}: {'some certificate breaks its promise' if holm else 'no certificate breaks its promise'}"
    )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    Path("results").mkdir(exist_ok=True)
    Path("results/certificate.json").write_text(json.dumps({"commit": commit, **results}, indent=1))


if __name__ == "__main__":
    main()
