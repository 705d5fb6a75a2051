"""How many labels the queue's order saves against a random order, on `fashion-products`.

    python benchmarks/desk_curve.py --data ../shared/data --repeats 5 --attributes article_type base_colour

Every repeat re-draws which families are train and test (the salt) and which `--first` products of train are labelled at
the beginning; the rest of train is unlabelled. In rounds, a linear head learns from what is labelled (calibrated on its
out-of-fold answers) and predicts the rest; the next products are labelled in the order that `vitrine.desk.fill.rank`
gives, or at random. Each order's head is judged on all of test. Test families are never labelled. Prints, per attribute,
accuracy by number of labels, the difference with a 95 % t-interval over repeats, and the labels the queue needs to reach
what random order reaches with all rounds; writes results/desk_curve.json.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from real_photos import dataset_of, make
from vitrine.desk.fill import frequency, rank
from vitrine.desk.surroundings import Surroundings, find_surroundings
from vitrine.embed.weights import DEFAULT
from vitrine.learn.calibrate import fit_calibrator
from vitrine.learn.dataset import Dataset
from vitrine.learn.folds import folds
from vitrine.learn.linear import fit_linear
from vitrine.learn.projection import fit_projection
from vitrine.workspace import Workspace

STRENGTH = 0.03
ORDERS = ("queue", "uncertain only", "random")


@dataclass(frozen=True)
class Problem:
    """One attribute of one split: rows `x`, values `y`, families, and which rows are the pool and the test."""

    attribute: str
    skus: NDArray[np.str_]
    families: NDArray[np.str_]
    x: NDArray[np.float32]
    y: NDArray[np.int64]
    values: int
    pool: NDArray[np.int64]
    test: NDArray[np.int64]


def problem(dataset: Dataset, x: NDArray[np.float32], attribute: str) -> Problem:
    """The labelled rows of one attribute, without values that train has fewer than 10 of."""
    said = np.array(dataset.strings(attribute))
    parts = dataset.parts
    names, counts = np.unique(said[(parts != "test") & (said != "")], return_counts=True)
    kept = {name: number for number, name in enumerate(names[counts >= 10])}
    y = np.array([kept.get(one, -1) for one in said])
    rows = np.arange(len(y))
    return Problem(
        attribute=attribute,
        skus=np.array(dataset.skus),
        families=np.array(dataset.strings("family_id")),
        x=x,
        y=y,
        values=len(kept),
        pool=rows[(parts != "test") & (y >= 0)],
        test=rows[(parts == "test") & (y >= 0)],
    )


def learn(one: Problem, labelled: NDArray[np.int64]) -> tuple[Any, Any]:
    """A linear head on the labelled rows and its calibrator."""
    x, y = one.x[labelled], one.y[labelled]
    fold = folds(y, one.families[labelled].tolist())
    held_out = np.zeros((len(y), one.values), np.float32)
    for number in np.unique(fold):
        out = fold == number
        held_out[out] = fit_linear(x[~out], y[~out], one.values, strength=STRENGTH).log_proba(x[out])
    calibrator = fit_calibrator(held_out, y, one.families[labelled].tolist())
    return fit_linear(x, y, one.values, strength=STRENGTH), calibrator


def next_rows(
    order: str,
    one: Problem,
    left: NDArray[np.int64],
    head: Any,
    surroundings: Surroundings,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """The unlabelled rows in the order in which they would be asked."""
    if order == "random":
        return random.permutation(left)
    classifier, calibrator = head
    proba = calibrator.apply(classifier.log_proba(one.x[left]))
    confidence, value = proba.max(axis=1), proba.argmax(axis=1)
    if order == "uncertain only":
        return left[np.argsort(confidence)]
    columns = {
        "sku": one.skus[left].tolist(),
        "attribute": [one.attribute] * len(left),
        "head_id": ["head"] * len(left),
        "value": [str(number) for number in value],
        "confidence": confidence,
        "decision": ["to_review"] * len(left),
    }
    said = pa.table(columns)
    members = pa.table({"sku": one.skus.tolist(), "family_id": one.families.tolist()})
    nothing = pa.table({name: pa.array([], pa.string()) for name in ("sku", "attribute", "value")})
    unweighed = pa.table({"sku": pa.array([], pa.string()), "weight": pa.array([], pa.float64())})
    place = {sku: row for row, sku in zip(left.tolist(), one.skus[left].tolist(), strict=True)}
    asked = rank(said, members, nothing, unweighed, surroundings, frequency(said))
    return np.array([place[one["sku"]] for one in asked])


def curve(order: str, one: Problem, sizes: Sequence[int], surroundings: Surroundings, seed: int) -> list[float]:
    """Accuracy on test with each number of labels."""
    random = np.random.default_rng(seed)
    shuffled = random.permutation(one.pool)
    labelled = shuffled[: sizes[0]]
    accuracy = []
    for size in [*sizes[1:], None]:
        head = learn(one, labelled)
        answers = head[0].log_proba(one.x[one.test]).argmax(axis=1)
        accuracy.append(float((answers == one.y[one.test]).mean()))
        if size is not None:
            left = np.setdiff1d(one.pool, labelled)
            asked = next_rows(order, one, left, head, surroundings, random)
            labelled = np.concatenate([labelled, asked[: size - len(labelled)]])
    return accuracy


def labels_needed(sizes: Sequence[int], accuracy: NDArray[np.float64], target: float) -> float:
    """Labels at which a curve first reaches the target, between rounds on a line over log labels."""
    best = np.maximum.accumulate(accuracy)
    if best[-1] < target:
        return float("nan")
    return float(np.exp(np.interp(target, best, np.log(sizes))))


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and half of its 95 % t-interval."""
    half = (
        stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    )
    return float(values.mean()), float(half)


def measure(workspace: Workspace, attribute: str, sizes: Sequence[int], repeats: int) -> dict[str, Any]:
    curves: dict[str, list[list[float]]] = {order: [] for order in ORDERS}
    tests = []
    for number in range(repeats):
        dataset = dataset_of(workspace, f"curve-{number}")
        vectors = workspace.take(dataset)(np.arange(dataset.table.num_rows))
        blocks = [(block.start, block.stop) for block in workspace.embedder.blocks]
        pool = vectors[dataset.parts != "test"]
        projection = fit_projection(pool, embedder_id=workspace.embedder.id, blocks=blocks, columns=256)
        one = problem(dataset, projection.apply(vectors, embedder_id=workspace.embedder.id), attribute)
        photos_of = dict(zip(dataset.skus, dataset.table.column("photo_ids").to_pylist(), strict=True))
        surroundings = find_surroundings(
            photos_of,
            workspace.embeddings,
            embedder_id=workspace.embedder.id,
            blocks=blocks,
            folder=workspace.data / "desk",
        )
        tests.append(len(one.test))
        for order in ORDERS:
            curves[order].append(curve(order, one, sizes, surroundings, number))
    return summarize(attribute, sizes, {name: np.array(found) for name, found in curves.items()}, tests)


def summarize(
    attribute: str, sizes: Sequence[int], curves: dict[str, NDArray[np.float64]], tests: Sequence[int]
) -> dict[str, Any]:
    print(f"\n{attribute}: test n {np.mean(tests):.0f}, {len(tests)} repeats")
    print("labels" + "".join(f"{order:>20}" for order in ORDERS) + f"{'queue - random':>24}")
    rows = []
    for place, size in enumerate(sizes):
        gain = interval(curves["queue"][:, place] - curves["random"][:, place])
        means = [float(curves[order][:, place].mean()) for order in ORDERS]
        print(f"{size:>6}" + "".join(f"{mean:>20.4f}" for mean in means) + f"{gain[0]:>+14.4f} ± {gain[1]:.4f}")
        rows.append({"labels": size, **dict(zip(ORDERS, means, strict=True)), "gain": gain})
    saved = {}
    for order in ORDERS[:2]:
        pairs = zip(curves[order], curves["random"], strict=True)
        needed = np.array([labels_needed(sizes, mine, float(theirs[-1])) for mine, theirs in pairs])
        reached = needed[np.isfinite(needed)]
        saved[order] = {
            "reached": len(reached),
            "of": len(needed),
            "labels": interval(reached) if len(reached) else None,
        }
        if len(reached):
            mean, half = interval(reached)
            print(f"{order}: {mean:.0f} ± {half:.0f} labels for what random reaches with {sizes[-1]}", end=" ")
            print(f"({len(reached)} of {len(needed)} repeats reach it)")
    return {"attribute": attribute, "test_n": list(tests), "rows": rows, "needed": saved}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--attributes", nargs="*", default=["article_type", "base_colour", "gender", "usage"])
    parser.add_argument("--sizes", nargs="*", type=int, default=[200, 400, 800, 1_200, 1_600, 2_400, 3_200])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "vitrine-real-photos")
    parser.add_argument("--weights", default=DEFAULT, help="a name that comes with Vitrine, or a file")
    options = parser.parse_args()
    name = "fashion-products"
    workspace = make(name, options.data, options.keep / name, options.weights)
    results = [measure(workspace, attribute, options.sizes, options.repeats) for attribute in options.attributes]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    Path("results").mkdir(exist_ok=True)
    Path("results/desk_curve.json").write_text(json.dumps({"commit": commit, "curves": results}, indent=1))


if __name__ == "__main__":
    main()
