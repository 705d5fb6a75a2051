"""Tell which labels are probably wrong from probabilities that were predicted without seeing them.

Confident learning (Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset
labels", JAIR 70): a value is confidently predicted where its probability is at least its mean among the rows
labelled so; a row that confidently is another value than its label is suspect. Where heads are weak those
are far too many rows (one of 18 was a planted mistake on drawn products), and only those stay whose label is
improbable in itself (below `IMPROBABLE`, nearly every second was).

>>> import numpy as np
>>> proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.005, 0.995], [0.1, 0.9], [0.3, 0.7]])
>>> [(one.row, one.given, one.suggested) for one in suspects(proba, np.array([0, 0, 0, 1, 1]), below=0.01)]
[(2, 0, 1)]
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IMPROBABLE = 0.01


@dataclass(frozen=True, slots=True)
class Suspect:
    """Row `row` is labelled with value `given`, whose `probability` is small, and looks like `suggested`."""

    row: int
    given: int
    suggested: int
    probability: float


def suspects(proba: NDArray[np.float64], y: NDArray[np.int64], *, below: float) -> list[Suspect]:
    """Suspect rows, most suspicious first.

    `proba` (n, k) are calibrated and out of sample, `y` are the labels in 0..k-1; labels of a probability of
    `below` or more are left alone.
    """
    rows = np.arange(len(y))
    own = proba[rows, y]
    labelled = np.bincount(y, minlength=proba.shape[1])
    sums = np.bincount(y, weights=own, minlength=proba.shape[1])
    threshold = np.where(labelled > 0, sums / np.maximum(labelled, 1), np.inf)
    confident = np.where(proba >= threshold, proba, 0.0)
    suggested = confident.argmax(axis=1)
    found = np.flatnonzero((suggested != y) & (confident[rows, suggested] > own) & (own < below))
    order = found[np.argsort(own[found], kind="stable")]
    return [Suspect(int(i), int(y[i]), int(suggested[i]), float(own[i])) for i in order]
