"""Multiply rows by a matrix so that a row's result does not depend on the rows beside it."""

import numpy as np
from numpy.typing import NDArray

# A BLAS picks its kernel, and so its order of summation, by the shape: every product here has the same one.
ROWS_AT_ONCE = 64

# The least log probability that any classifier gives; a value that was not in its training rows has it.
LOG_FLOOR = float(np.log(1e-6))


def rowwise(rows: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """`rows` (n, d) @ `matrix` (d, k) as (n, k) float32; a row is bit-equal however many are asked."""
    count = len(rows)
    result = np.empty((count, matrix.shape[1]), dtype=np.float32)
    padded = np.zeros((ROWS_AT_ONCE, matrix.shape[0]), dtype=np.float32)
    for start in range(0, count, ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, count)
        padded[: stop - start] = rows[start:stop]
        result[start:stop] = (padded @ matrix)[: stop - start]
    return result


def log_softmax(scores: NDArray[np.float32], floor: float) -> NDArray[np.float32]:
    """Log probabilities (n, k) of `scores` (n, k); none is below `floor` and every row sums to one."""
    wide = scores.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    wide -= np.log(np.exp(wide).sum(axis=1, keepdims=True))
    np.maximum(wide, floor, out=wide)
    wide -= np.log(np.exp(wide).sum(axis=1, keepdims=True))
    return wide.astype(np.float32)
