"""What the zoo's runs reached: one JSON file a run with its curves and confusion, and a table of all of them.

`SHIPPED` are the results that come with Vitrine; a person's own lie in the zoo's folder, in the same form.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, t

from vitrine.errors import StorageError
from vitrine.stores.whole import whole
from vitrine.zoo.data import CLASSES

SHIPPED = Path(__file__).parent
_TABLE, _FOLDER = "results.csv", "evidence"


@dataclass(frozen=True, slots=True)
class Result:
    """One run of an entry with one seed.

    Shares are in 0..1, `seconds` and `cpu_seconds` (over all threads) those of training without validation, `multiply_adds`
    of one picture's answer. `epochs` were trained of `planned`; `best_epoch` was chosen on validation; `looks` counts how
    often test was read for this run, `views` of how many views of a picture each answer is the mean.
    """

    entry: str
    seed: int
    family: str
    accuracy: float
    n: int
    validation_accuracy: float
    macro_f1: float
    worst_class: str
    worst_f1: float
    epochs: int
    planned: int
    best_epoch: int
    seconds: float
    cpu_seconds: float
    parameters: int
    multiply_adds: int
    device: str
    threads: int
    arithmetic: str
    data_id: str
    weights_sha256: str
    commit: str
    looks: int
    judged_at: str
    views: int = 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """A result with what it comes from: `history`, one dictionary an epoch, and `confusion`, rows are the true classes."""

    result: Result
    history: Sequence[dict[str, Any]]
    confusion: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Precision, recall and F1 of one class among the test pictures."""

    name: str
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Summary:
    """An entry over its seeds: means, and the half width of the 95 % t-interval over seeds where there are two or more.

    `pictures` is Wilson's 95 % interval over test pictures of one run, that of the middle seed.
    """

    entry: str
    family: str
    seeds: int
    accuracy: float
    over_seeds: float | None
    pictures: tuple[float, float]
    worst_class: str
    worst_f1: float
    epochs: int
    planned: int
    seconds: float
    cpu_seconds: float
    parameters: int
    multiply_adds: int


def keep(folder: Path, evidence: Evidence) -> None:
    """Write the run's file and bring the table up to date. StorageError when the disk does not take it."""
    hint = "free some space and run the same command again"
    with whole(_file(folder, evidence.result.entry, evidence.result.seed), hint=hint) as temporary:
        temporary.write_text(json.dumps(asdict(evidence), ensure_ascii=False), encoding="utf-8")
    results = [one.result for one in read(folder)]
    with whole(folder / _TABLE, hint=hint) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Result)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(result) for result in results)


def read(folder: Path = SHIPPED) -> list[Evidence]:
    """All results of a folder, by entry and seed. StorageError for a damaged file."""
    return sorted((_read(path) for path in (folder / _FOLDER).glob("*.json")), key=_key)


def find(folder: Path, entry: str, seed: int) -> Evidence | None:
    """The result of one run, if it was judged."""
    path = _file(folder, entry, seed)
    return _read(path) if path.exists() else None


def class_scores(confusion: Sequence[Sequence[int]]) -> list[ClassScore]:
    """Precision, recall and F1 of each class; 0 where a class was never answered."""
    counts = np.asarray(confusion, dtype=np.float64)
    right = counts.diagonal()
    precision = right / np.maximum(counts.sum(axis=0), 1)
    recall = right / np.maximum(counts.sum(axis=1), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    columns = zip(CLASSES, precision.tolist(), recall.tolist(), f1.tolist(), strict=True)
    return [ClassScore(*row) for row in columns]


def confusion_matrix(labels: NDArray[np.int64], answers: NDArray[np.int64]) -> list[list[int]]:
    """How often each true class (row) was answered as each class (column)."""
    counts = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    np.add.at(counts, (labels, answers), 1)
    rows: list[list[int]] = counts.tolist()
    return rows


def summaries(evidence: Sequence[Evidence]) -> list[Summary]:
    """One line an entry, the most accurate first."""
    by_entry: dict[str, list[Result]] = {}
    for one in evidence:
        by_entry.setdefault(one.result.entry, []).append(one.result)
    return sorted((_summary(results) for results in by_entry.values()), key=lambda one: -one.accuracy)


def mean_interval(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and the half width of its 95 % t-interval; none from a single value."""
    if len(values) < 2:
        return float(np.mean(values)), None
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(half)


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of `right` among `n` (Wilson 1927)."""
    found = binomtest(right, n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def _summary(results: Sequence[Result]) -> Summary:
    accuracy, half = mean_interval([one.accuracy for one in results])
    middle = sorted(results, key=lambda one: one.accuracy)[len(results) // 2]
    return Summary(
        entry=middle.entry,
        family=middle.family,
        seeds=len(results),
        accuracy=accuracy,
        over_seeds=half,
        pictures=wilson(round(middle.accuracy * middle.n), middle.n),
        worst_class=middle.worst_class,
        worst_f1=float(np.mean([one.worst_f1 for one in results])),
        epochs=min(one.epochs for one in results),
        planned=middle.planned,
        seconds=float(np.median([one.seconds for one in results])),
        cpu_seconds=float(np.median([one.cpu_seconds for one in results])),
        parameters=middle.parameters,
        multiply_adds=middle.multiply_adds,
    )


def _file(folder: Path, entry: str, seed: int) -> Path:
    return folder / _FOLDER / f"{entry.replace('/', '.')}.{seed}.json"


def _read(path: Path) -> Evidence:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Evidence(Result(**content["result"]), content["history"], content["confusion"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"the result {path} is damaged: {error}", hint="delete it and run the entry again"
        ) from error


def _key(evidence: Evidence) -> tuple[str, int]:
    return evidence.result.entry, evidence.result.seed
