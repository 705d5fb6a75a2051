"""Tell which labels are probably wrong from probabilities that were predicted without seeing them.

Confident learning (Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset
labels", JAIR 70): a value is confidently predicted where its probability is at least its mean among the rows
labelled so, or `SURE`; a row that confidently is another value than its label is suspect.

>>> import numpy as np
>>> proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.005, 0.995], [0.1, 0.9], [0.3, 0.7]])
>>> [(one.row, one.given, one.suggested) for one in suspects(proba, np.array([0, 0, 0, 1, 1]))]
[(2, 0, 1)]
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Where all is easy the mean is 0.99, and a mistake that was trained on does not get there.
SURE = 0.9

# More contradictions than mistakes are to be expected: then most of them are the heads' own.
MOST_WRONG = 0.025
IMPROBABLE = 0.01


@dataclass(frozen=True, slots=True)
class Suspect:
    """Row `row` is labelled with value `given`, whose `probability` is small, and looks like `suggested`."""

    row: int
    given: int
    suggested: int
    probability: float


def suspects(proba: NDArray[np.float64], y: NDArray[np.int64]) -> list[Suspect]:
    """Suspect rows, the least probable label first.

    `proba` (n, k) are calibrated and out of sample, `y` (n,) are the labels in 0..k-1.
    """
    rows = np.arange(len(y))
    own = proba[rows, y]
    labelled = np.bincount(y, minlength=proba.shape[1])
    sums = np.bincount(y, weights=own, minlength=proba.shape[1])
    threshold = np.where(labelled > 0, np.minimum(sums / np.maximum(labelled, 1), SURE), np.inf)
    confident = np.where(proba >= threshold, proba, 0.0)
    suggested = confident.argmax(axis=1)
    found = np.flatnonzero((suggested != y) & (confident[rows, suggested] > own))
    order = found[np.argsort(own[found], kind="stable")]
    return [Suspect(int(i), int(y[i]), int(suggested[i]), float(own[i])) for i in order]


def blatant(found: Sequence[Suspect], n: int, k: int) -> list[Suspect]:
    """Those of the suspects among `n` labels of `k` values that are worth a person's time.

    All, where they are as few as mistakes usually are. Where weak heads contradict more labels (on drawn
    products one of 18 suspects was a planted mistake), only those whose label is improbable in itself: a
    mistake is one of k - 1 wrong values, so what is improbable depends on k.
    """
    if len(found) <= MOST_WRONG * n:
        return list(found)
    limit = max(IMPROBABLE, 0.06 / max(1, k - 1))
    return [one for one in found if one.probability < limit]
