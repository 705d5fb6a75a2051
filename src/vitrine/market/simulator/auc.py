"""The area under the ROC curve of many rows, added up a chunk at a time, with its interval."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from vitrine.market.simulator.draws import Floats

_BINS = 100_000


class AreaUnderCurve:
    """Counts of positives and negatives by score; a score is a probability, kept to five digits.

    The interval is DeLong's (Biometrics 44, 1988), which takes rows as independent.
    """

    def __init__(self) -> None:
        self._positive = np.zeros(_BINS + 1, dtype=np.int64)
        self._negative = np.zeros(_BINS + 1, dtype=np.int64)

    def add(self, probability: Floats, label: NDArray[np.bool_]) -> None:
        """Count rows: what was planted and what happened."""
        bins = np.round(probability * _BINS).astype(np.int64)
        self._positive += np.bincount(bins[label], minlength=_BINS + 1)
        self._negative += np.bincount(bins[~label], minlength=_BINS + 1)

    def as_dict(self, *, confidence: float = 0.95) -> dict[str, float | int | None]:
        """`rows`, `positives`, `auc`, `low`, `high`; None where one of the classes is absent."""
        positives, negatives = int(self._positive.sum()), int(self._negative.sum())
        counts: dict[str, float | int | None] = {"rows": positives + negatives, "positives": positives}
        if positives < 2 or negatives < 2:
            return {**counts, "auc": None, "low": None, "high": None}
        above = (np.cumsum(self._negative) - self._negative / 2) / negatives  # for a positive: negatives below it
        below = 1 - (np.cumsum(self._positive) - self._positive / 2) / positives  # for a negative: positives above it
        auc = float(np.average(above, weights=self._positive))
        spread = np.average((above - auc) ** 2, weights=self._positive) / (positives - 1)
        spread += np.average((below - auc) ** 2, weights=self._negative) / (negatives - 1)
        margin = float(ndtri(0.5 + confidence / 2) * np.sqrt(spread))
        return {**counts, "auc": auc, "low": max(0.0, auc - margin), "high": min(1.0, auc + margin)}
