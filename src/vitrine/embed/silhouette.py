"""The outline of a product as numbers: contour, areas, gaps, moments, independent of size and place."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from vitrine.embed.foreground import Foreground

Floats = NDArray[np.float32]

_CONTOUR = 24  # columns of the upper and lower contour, and of the gaps
_SIDES = 16  # rows of the left and right contour
_AREAS = 10  # cells of the coarse mask on a side

SILHOUETTE_DIM = _AREAS * _AREAS + 3 * _CONTOUR + 4 * _SIDES + 12


def silhouette(found: Foreground) -> tuple[Floats, bool]:
    """The outline's numbers, and whether it was turned, so that the upper half leans to the left.

    Areas (how much of each cell of a grid is product), upper and lower contour, share of gaps a column (what
    lies between straps, or between heel and sole), left and right contour, width and number of crossings a
    row, and aspect, fill and central moments up to the third order (Hu 1962 takes the same ones).
    """
    box = (slice(found.top, found.bottom), slice(found.left, found.right))
    mask = found.product[box]
    turned = bool(_lean(found.inside[box]) < 0)
    if turned:
        mask = mask[:, ::-1]
    shape = mask.astype(np.float32)
    height, width = shape.shape
    across = averaging(width, _CONTOUR)
    upper, lower, gaps = _ends(shape)
    left, right, _ = _ends(shape.T)
    rows = averaging(height, _SIDES)
    crossings = np.abs(np.diff(np.pad(shape, ((0, 0), (1, 1))), axis=1)).sum(axis=1) / 2
    areas = averaging(height, _AREAS) @ shape @ averaging(width, _AREAS).T
    numbers = [
        areas.ravel(), across @ upper, across @ lower, across @ gaps, rows @ left, rows @ right,
        rows @ shape.mean(axis=1), rows @ np.minimum(crossings, 8) / 4, _moments(shape, found),
    ]  # fmt: skip
    return np.concatenate(numbers).astype(np.float32), turned


def _lean(inside: NDArray[np.bool_]) -> float:
    """Positive when the upper half's mass lies on the left of the lower half's."""
    shape = inside.astype(np.float32)
    height, width = shape.shape
    place = np.linspace(-1, 1, width, dtype=np.float32)
    upper, lower = shape[: max(1, height // 2)].sum(axis=0), shape[height // 2 :].sum(axis=0)
    return float(lower @ place / max(lower.sum(), 1.0) - upper @ place / max(upper.sum(), 1.0))


def _ends(shape: Floats) -> tuple[Floats, Floats, Floats]:
    """Per column: where the product begins and ends (0 top, 1 bottom), and the share between that is none."""
    height = shape.shape[0]
    some = shape.any(axis=0)
    first = np.where(some, shape.argmax(axis=0), height // 2).astype(np.float32)
    last = np.where(some, height - shape[::-1].argmax(axis=0), height // 2).astype(np.float32)
    between = np.maximum(last - first, 1.0)
    return (
        first / height,
        last / height,
        np.where(some, 1 - shape.sum(axis=0) / between, 1).astype(np.float32),
    )


def _moments(shape: Floats, found: Foreground) -> Floats:
    """Log aspect, fill, enclosed share, size in the picture, and seven normalized central moments."""
    height, width = shape.shape
    y, x = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    mass = max(float(shape.sum()), 1.0)
    by_row, by_column = shape.sum(axis=1) / mass, shape.sum(axis=0) / mass
    y, x = y - by_row @ y, x - by_column @ x
    weights = shape / mass
    moments = [
        by_row @ y**2, by_column @ x**2, y @ weights @ x, by_row @ y**3, by_column @ x**3,
        (y**2) @ weights @ x, y @ weights @ x**2,
    ]  # fmt: skip
    picture = found.product.size
    return np.array(
        [np.log(width / height), mass / shape.size, found.inside.sum() / max(mass, 1.0) - 1,
         height * width / picture, float(found.found), *moments],
        np.float32,
    )  # fmt: skip


@cache
def averaging(length: int, cells: int) -> Floats:
    """A matrix (cells, length) that averages `length` values in equal stretches, fractions included."""
    edges = np.linspace(0, length, cells + 1)
    starts, ends = edges[:-1, None], edges[1:, None]
    place = np.arange(length)[None, :]
    overlap = np.clip(np.minimum(place + 1, ends) - np.maximum(place, starts), 0, 1)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), np.float32)
