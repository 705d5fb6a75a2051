"""How well wrong labels are found: on drawn catalogs with planted ones, and on real photos with labels flipped at random.

    python benchmarks/wrong_labels.py --products 2000 --seeds 3
    python benchmarks/wrong_labels.py --data ../shared/data --flipped 0.02 --seeds 3

Every label is judged by heads that saw no product of its family (5 folds). Prints, over all attributes and for each seed,
the precision and recall of what `vitrine check` points at, and the area under the precision-recall curve of three rankings
of all labels: by the margin between the best value and the label (the plain way), by how improbable the label is (the
order of `check`), and by a mixture: the label is another value at random with probability e, else what the head says
after sharpening by s; e and s by maximum likelihood. With the mixture, precision and recall above probability 0.3.
Real labels have mistakes of their own, which count here as false pointers.
"""

import argparse
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from real_photos import make
from vitrine.checks.confident import blatant, suspects
from vitrine.checks.evidence import Evidence
from vitrine.checks.guess import frequent, projected
from vitrine.demo.catalog import draw_catalog
from vitrine.embed.build import propose_network
from vitrine.embed.weights import DEFAULT
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.learn.calibrate import fit_calibrator
from vitrine.learn.head import out_of_fold
from vitrine.workspace import Workspace, create

Shares = NDArray[np.float64]
Flags = NDArray[np.bool_]

_SHARPENED = np.exp(np.linspace(np.log(0.3), np.log(4.0), 25))
_ROUNDS = 40
_REAL = ("gender", "base_colour", "article_type", "sub_category", "usage")


@dataclass(frozen=True, slots=True)
class Judged:
    """One attribute: probabilities (n, k) out of sample, labels (n,), and which of them are wrong."""

    name: str
    proba: Shares
    labels: NDArray[np.int64]
    wrong: Flags

    @property
    def own(self) -> Shares:
        """The probability of each label."""
        return np.asarray(self.proba[np.arange(len(self.labels)), self.labels])


def mixture(one: Judged) -> Shares:
    """The probability that each label is wrong, by the likeliest noise rate and sharpness."""
    n, k = one.proba.shape
    logs = np.log(np.maximum(one.proba, 1e-30))
    best, wrong = -np.inf, np.zeros(n)
    for sharpness in _SHARPENED:
        scaled = np.exp(sharpness * (logs - logs.max(axis=1, keepdims=True)))
        own = scaled[np.arange(n), one.labels] / scaled.sum(axis=1)
        rate = 0.02
        for _ in range(_ROUNDS):
            noise, sound = rate * (1 - own) / (k - 1), (1 - rate) * own
            rate = float(np.clip((noise / (noise + sound)).mean(), 1e-4, 0.4))
        likelihood = float(np.log(rate * (1 - own) / (k - 1) + (1 - rate) * own).mean())
        if likelihood > best:
            best, wrong = likelihood, noise / (noise + sound)
    return wrong


def judge(
    evidence: Evidence, names: tuple[str, ...], planted: set[tuple[str, str]], flip: float, seed: int
) -> list[Judged]:
    """All labels of these attributes; a share `flip` of them made wrong first, by the same seed always the same."""
    random = np.random.default_rng(seed)
    products = [row for row in evidence.dataset.to_pylist() if evidence.sound(row["photo_ids"])]
    rows = projected(evidence, [evidence.sound(row["photo_ids"]) for row in products])
    found = []
    for name in names:
        known = frequent([row[name] for row in products], evidence.settings.learn.min_rows)
        place = {value: number for number, value in enumerate(known)}
        usable = [number for number, row in enumerate(products) if row[name] in place]
        if not usable:
            continue
        labels = np.array([place[products[number][name]] for number in usable])
        wrong = np.array([(products[number]["sku"], name) in planted for number in usable])
        flipped = random.random(len(labels)) < flip
        labels[flipped] = (labels[flipped] + random.integers(1, len(known), int(flipped.sum()))) % len(known)
        families = [products[number]["family_id"] for number in usable]
        raw = out_of_fold(rows[usable], labels, families, k=len(known), kind="linear")
        proba = fit_calibrator(raw, labels, families).apply(raw)
        found.append(Judged(name, proba, labels, wrong | flipped))
    return found


def figures(judged: list[Judged]) -> dict[str, Any]:
    """What is found over all attributes, and by which ranking how well."""
    wrong = np.concatenate([one.wrong for one in judged])
    pointed, rankings = [], {"margin": [], "improbable": [], "mixture": []}
    for one in judged:
        here = np.zeros(len(one.labels), np.bool_)
        k = one.proba.shape[1]
        here[[suspect.row for suspect in blatant(suspects(one.proba, one.labels), len(here), k)]] = True
        pointed.append(here)
        others = one.proba.copy()
        others[np.arange(len(here)), one.labels] = 0
        rankings["margin"].append(others.max(axis=1) - one.own)
        rankings["improbable"].append(-one.own)
        rankings["mixture"].append(mixture(one))
    ranked = {name: np.concatenate(scores) for name, scores in rankings.items()}
    return {
        "labels": len(wrong),
        "wrong": int(wrong.sum()),
        "check": _found(np.concatenate(pointed), wrong),
        "mixture above 0.3": _found(ranked["mixture"] > 0.3, wrong),
        "area": {name: round(float(average_precision_score(wrong, scores)), 3) for name, scores in ranked.items()},
        "area by attribute": {
            one.name: {
                name: round(float(average_precision_score(one.wrong, scores[number])), 3)
                for name, scores in rankings.items()
            }
            for number, one in enumerate(judged)
            if one.wrong.any()
        },
    }


def _found(pointed: Flags, wrong: Flags) -> dict[str, float | int]:
    hits = int((pointed & wrong).sum())
    return {
        "pointed at": int(pointed.sum()),
        "precision": round(hits / max(1, int(pointed.sum())), 3),
        "recall": round(hits / max(1, int(wrong.sum())), 3),
    }


def drawn(folder: Path, products: int, seed: int) -> tuple[Workspace, set[tuple[str, str]]]:
    """A workspace over a drawn catalog, and which of its labels were written wrongly."""
    planted = draw_catalog(folder / "drawn", products=products, seed=seed)
    taxonomy = (folder / "drawn" / "taxonomy.toml").read_text(encoding="utf-8")
    workspace = create(folder, taxonomy, {"embedder": propose_network()})
    rows = read_table(folder / "drawn" / "labels.csv")
    items = items_of_rows(rows, workspace.settings.columns, workspace.taxonomy)
    workspace.ingest(items, PhotoSource(str(folder / "drawn" / "photos")), place="labels.csv")
    workspace.find_twins()
    return workspace, {(row["sku"], row["attribute"]) for row in planted.wrong_labels.to_pylist()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=2_000, help="drawn ones; without --data")
    parser.add_argument("--data", type=Path, help="where fashion-products lies")
    parser.add_argument("--flipped", type=float, default=0.02)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--attributes", nargs="*", help="all of a drawn catalog, some of the real one by default")
    parser.add_argument("--keep", type=Path, help="where workspaces are kept for the next run")
    options = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="vitrine-labels-"))
    result: dict[str, Any] = {"commit": commit, "set": "fashion-products" if options.data else "drawn", "seeds": {}}
    for seed in range(options.seeds):
        planted: set[tuple[str, str]] = set()
        if options.data:
            workspace = make("fashion-products", options.data, folder / "fashion-products", DEFAULT)
        elif (folder / f"drawn-{seed}" / "vitrine.toml").exists():
            workspace = Workspace(folder / f"drawn-{seed}")
            table = pq.read_table(workspace.folder / "drawn" / "truth" / "wrong_labels.parquet")
            planted = {(row["sku"], row["attribute"]) for row in table.to_pylist()}
        else:
            workspace, planted = drawn(folder / f"drawn-{seed}", options.products, seed)
        names = tuple(options.attributes or (_REAL if options.data else workspace.taxonomy.attributes))
        evidence = Evidence(workspace, on_embed=lambda done, total: None)
        one = figures(judge(evidence, names, planted, options.flipped if options.data else 0.0, seed))
        result["seeds"][seed] = one
        shown = {name: one[name] for name in ("labels", "wrong", "check", "mixture above 0.3", "area")}
        print(seed, json.dumps(shown), flush=True)
        workspace.catalog.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
