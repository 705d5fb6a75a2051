"""Fit a multinomial logistic regression: the head that is nearly always good and never slow."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vitrine.learn.rowwise import LOG_FLOOR, log_softmax, rowwise

# Score of a value without rows: far below every other, so that the floor alone decides.
ABSENT = -1e6

# Looser than scikit-learn's: measured to change no accuracy and to halve the time.
TOLERANCE = 1e-3
MAX_ITERATIONS = 200


@dataclass(frozen=True, slots=True)
class Linear:
    """`weight` (d, k) and `bias` (k,)."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def log_proba(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, d) rows as (n, k) log probabilities."""
        return log_softmax(rowwise(x, self.weight) + self.bias, LOG_FLOOR)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Its numbers by name."""
        return {"weight": self.weight, "bias": self.bias}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.float32]]) -> Self:
        """The same classifier again, from `arrays`."""
        return cls(arrays["weight"], arrays["bias"])


def fit_linear(x: NDArray[np.float32], y: NDArray[np.int64], k: int, *, strength: float) -> Linear:
    """Fit on rows `x` (n, d) with values `y` in 0..k-1; `strength` is the inverse of the L2 penalty.

    Values without a row get the floor probability.
    """
    from sklearn.linear_model import LogisticRegression

    present = np.unique(y)
    weight = np.zeros((x.shape[1], k), dtype=np.float32)
    bias = np.full(k, ABSENT, dtype=np.float32)
    if len(present) == 1:
        bias[present] = 0.0
        return Linear(weight, bias)
    model = LogisticRegression(C=strength, tol=TOLERANCE, max_iter=MAX_ITERATIONS).fit(x, y)
    if len(present) == 2:
        weight[:, present[1]], bias[present] = model.coef_[0], (0.0, model.intercept_[0])
    else:
        weight[:, present], bias[present] = model.coef_.T, model.intercept_
    return Linear(weight, bias)
