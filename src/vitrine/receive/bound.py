"""Prove a level that scores rarely fall below: what a false alarm, or a false match, happens at most how often.

The levels are tested from the strictest on, each with an exact binomial p-value of "more than `rate` fall below", and
the last one in a row that is rejected is taken (Learn then Test with a fixed sequence, Angelopoulos et al. 2021,
arXiv 2110.01052). One score a family, so that what is counted is independent.

>>> import numpy as np
>>> scores = np.linspace(0, 1, 200)
>>> bound = prove(scores, levels(scores, rate=0.05), rate=0.05, confidence=0.95)
>>> bound.n, bound.below, round(bound.upper, 3) <= 0.05, 0 < bound.level < 0.05
(200, 4, True, True)
>>> few = prove(scores[:40], levels(scores, rate=0.05), rate=0.05, confidence=0.95)
>>> few.level is None, few.needed
(True, 59)
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from vitrine.learn.certify import upper_bound

Scores = NDArray[np.float64]
_LEVELS = 200


@dataclass(frozen=True, slots=True)
class Bound:
    """Of scores like the `n` tested ones at most `rate` fall below `level`, proven with `confidence`.

    `below` of them did, and `upper` is the Clopper-Pearson bound of that share. Where nothing is proven `level` is None
    and `needed` says how many scores it takes at the least.
    """

    rate: float
    confidence: float
    level: float | None
    n: int
    below: int
    upper: float
    needed: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Bound":
        """The bound that `to_json` wrote."""
        return cls(**data)


def prove(scores: Scores, ascending: Scores, *, rate: float, confidence: float) -> Bound:
    """The highest of the `ascending` levels that is proven on `scores` (n,), of which nothing was known before."""
    best, below = None, 0
    for level in ascending:
        errors = int((scores < level).sum())
        if not len(scores) or bdtr(errors, len(scores), rate) > 1 - confidence:
            break
        best, below = float(level), errors
    upper = upper_bound(below, len(scores), 1 - confidence) if best is not None else 1.0
    return Bound(rate, confidence, best, len(scores), below, upper, needed(rate, confidence))


def needed(rate: float, confidence: float) -> int:
    """How many scores it takes at the least to prove anything: so many without an error.

    >>> needed(0.05, 0.95)
    59
    """
    return math.ceil(math.log(1 - confidence) / math.log(1 - rate))


def levels(scores: Scores, *, rate: float) -> Scores:
    """Levels to test, lowest first, from scores of the train part: up to where three times `rate` of them fall below.

    They begin well below the lowest score, because what a model has not seen in training scores lower.
    """
    if not len(scores):
        return np.array([])
    low, middle, high = np.quantile(scores, (0.0, 0.5, min(1.0, 3 * rate)))
    return np.linspace(low - (middle - low), high, _LEVELS)
