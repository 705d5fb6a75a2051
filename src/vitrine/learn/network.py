"""Fit two small neural networks and average them: the head that learns what depends on what else is seen."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vitrine.learn.rowwise import LOG_FLOOR, log_softmax, rowwise

Matrix = NDArray[np.float32]

MEMBERS = 2
HIDDEN = 256
BATCH = 256
# Row visits that were enough on 5,000 rows; more rows are seen fewer times each, within these bounds.
VISITS = 110_000
LEAST_EPOCHS, MOST_EPOCHS = 4, 25
RATE = 4e-3
WARM_UP = 0.15
DECAY = 1.0
# Cells dropped of 256, on the input and on the hidden layer.
DROPPED = 77


@dataclass(frozen=True, slots=True)
class Network:
    """Weights of all m members: `inner` (m, d, h) and `outer` (m, h, k), each with its bias."""

    inner: Matrix
    inner_bias: Matrix
    outer: Matrix
    outer_bias: Matrix

    def log_proba(self, x: Matrix) -> Matrix:
        """(n, d) rows as (n, k) log probabilities: the mean of the members' probabilities."""
        total = np.zeros((len(x), self.outer.shape[2]))
        for inner, inner_bias, outer, outer_bias in zip(*self.arrays().values(), strict=True):
            hidden = np.maximum(rowwise(x, inner) + inner_bias, 0)
            total += np.exp(log_softmax(rowwise(hidden, outer) + outer_bias, LOG_FLOOR))
        return log_softmax(np.log(total), LOG_FLOOR)

    def arrays(self) -> dict[str, Matrix]:
        """Its numbers by name."""
        return {
            "inner": self.inner, "inner_bias": self.inner_bias,
            "outer": self.outer, "outer_bias": self.outer_bias,
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: dict[str, Matrix]) -> Self:
        """The same classifier again, from `arrays`."""
        return cls(arrays["inner"], arrays["inner_bias"], arrays["outer"], arrays["outer_bias"])


def epochs_for(rows: int) -> int:
    """How often each of so many training rows is seen."""
    return int(np.clip(round(VISITS / max(rows, 1)), LEAST_EPOCHS, MOST_EPOCHS))


def fit_network(x: Matrix, y: NDArray[np.int64], k: int, *, epochs: int, seed: int) -> Network:
    """Fit on rows `x` (n, d) of mean square one with values `y` in 0..k-1.

    One hidden layer, dropout on input and hidden layer (Srivastava et al. 2014), AdamW (Loshchilov and Hutter
    2019, arXiv 1711.05101) with a warm-up and a cosine end. The same rows and seed give the same weights.
    """
    members = [_fit_member(x, y, k, epochs, np.random.default_rng([seed, m])) for m in range(MEMBERS)]
    return Network(*(np.stack(numbers) for numbers in zip(*members, strict=True)))


def _fit_member(x: Matrix, y: NDArray[np.int64], k: int, epochs: int, random: np.random.Generator) -> list[Matrix]:
    weights = _begin(x.shape[1], k, random)
    means, squares = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    # Small sets take smaller batches, so that there are steps enough to learn anything.
    batch = min(BATCH, max(8, len(x) // 10))
    steps = epochs * -(-len(x) // batch)
    order = np.concatenate([random.permutation(len(x)) for _ in range(epochs)])
    for step, rows in enumerate(np.array_split(order, steps)):
        slopes = _slopes(weights, x[rows], y[rows], random)
        _adam(weights, slopes, means, squares, step, _rate(step / steps))
    return weights


def _begin(d: int, k: int, random: np.random.Generator) -> list[Matrix]:
    inner = random.standard_normal((d, HIDDEN), dtype=np.float32) * np.float32(np.sqrt(2 / d))
    outer = random.standard_normal((HIDDEN, k), dtype=np.float32) * np.float32(np.sqrt(1 / HIDDEN))
    return [inner, np.zeros(HIDDEN, np.float32), outer, np.zeros(k, np.float32)]


def _slopes(weights: list[Matrix], x: Matrix, y: NDArray[np.int64], random: np.random.Generator) -> list[Matrix]:
    """Gradient of the mean log-loss of one batch."""
    inner, inner_bias, outer, outer_bias = weights
    x = x * _dropout((len(x), x.shape[1]), random)
    sums = x @ inner + inner_bias
    gate = _dropout((len(x), HIDDEN), random) * (sums > 0)
    hidden = sums * gate
    error = hidden @ outer + outer_bias
    error -= error.max(axis=1, keepdims=True)
    np.exp(error, out=error)
    error /= error.sum(axis=1, keepdims=True)
    error[np.arange(len(y)), y] -= 1
    error /= np.float32(len(y))
    back = (error @ outer.T) * gate
    return [x.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


def _dropout(shape: tuple[int, int], random: np.random.Generator) -> Matrix:
    # A byte a cell: four times as fast as a float, and 77 of 256 is near enough to 0.3.
    kept = np.frombuffer(random.bytes(shape[0] * shape[1]), dtype=np.uint8).reshape(shape) >= DROPPED
    return np.where(kept, np.float32(256 / (256 - DROPPED)), np.float32(0))


def _rate(done: float) -> float:
    if done < WARM_UP:
        return RATE * done / WARM_UP
    return RATE / 2 * (1 + float(np.cos(np.pi * (done - WARM_UP) / (1 - WARM_UP))))


def _adam(
    weights: list[Matrix],
    slopes: list[Matrix],
    means: list[Matrix],
    squares: list[Matrix],
    step: int,
    rate: float,
) -> None:
    """One AdamW step, in place; only matrices decay, a bias says how common a value is."""
    first, second = np.float32(1 - 0.9 ** (step + 1)), np.float32(1 - 0.99 ** (step + 1))
    for weight, slope, mean, square in zip(weights, slopes, means, squares, strict=True):
        mean += np.float32(0.1) * (slope - mean)
        square += np.float32(0.01) * (slope * slope - square)
        if weight.ndim == 2:
            weight *= np.float32(1 - rate * DECAY)
        weight -= np.float32(rate) / first * mean / (np.sqrt(square / second) + np.float32(1e-8))
