"""Multiply rows by a matrix so that a row's result depends neither on the rows beside it nor on the machine."""

import numpy as np
from numpy.typing import NDArray

# Bounds the memory of the double copies; what a row gives does not depend on it.
_ROWS_AT_ONCE = 1024
# Whole numbers up to 2 ** 53 are exact as doubles.
_EXACT_BITS = 53

# The least log probability that any classifier gives; a value that was not in its training rows has it.
LOG_FLOOR = float(np.log(1e-6))


def rowwise(rows: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """`rows` (n, d) @ `matrix` (d, k) as (n, k) float32; a row is bit-equal however many are asked, on any processor.

    A BLAS picks its kernel, and so its order of summation, by shape, place and processor. Rows and columns are therefore
    rounded to whole numbers of so few bits (22 at d = 256) that every sum is exact, in any order (after Ozaki et al. 2012,
    Error-free transformations of matrix multiplication).
    """
    bits = (_EXACT_BITS - (matrix.shape[0] - 1).bit_length()) // 2
    columns, column_exponents = _whole(matrix, bits, axis=0)
    result = np.empty((len(rows), matrix.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        numbers, exponents = _whole(rows[part], bits, axis=1)
        result[part] = np.ldexp(numbers @ columns, exponents + column_exponents - 2 * bits)
    return result


def _whole(numbers: NDArray[np.float32], bits: int, axis: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Numbers as whole ones of at most `bits` bits, and the exponent that each row or column was divided by."""
    _, exponents = np.frexp(np.abs(numbers).max(axis=axis, keepdims=True, initial=0))
    return np.rint(np.ldexp(numbers.astype(np.float64), bits - exponents)), exponents


def log_softmax(scores: NDArray[np.float32], floor: float) -> NDArray[np.float32]:
    """Log probabilities (n, k) of `scores` (n, k); none is below `floor` and every row sums to one."""
    wide = scores.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    wide -= np.log(np.exp(wide).sum(axis=1, keepdims=True))
    np.maximum(wide, floor, out=wide)
    wide -= np.log(np.exp(wide).sum(axis=1, keepdims=True))
    return wide.astype(np.float32)
