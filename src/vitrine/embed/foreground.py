"""Tell the product from its background, which is what the picture's border shows.

The background is a smooth surface: a plane a channel, fitted to the border and again without what does not
belong to it, so that white, gray, colored and unevenly lit backdrops are all found. Where the border shows no
such surface, as in a street photo, the middle of the picture counts as foreground.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]

# of the perceived difference of red, green and blue; squares add up to one
_CHANNEL_WEIGHTS = np.sqrt(np.array([0.3, 0.5, 0.2], np.float32))
# in steps of 0..255: nothing below is told from a backdrop's own noise, nothing above is needed
_LEAST_DIFFERENCE, _MOST_DIFFERENCE = 9.0, 42.0


@dataclass(frozen=True, slots=True)
class Foreground:
    """Masks (height, width): `product` differs from the background, `inside` adds what it encloses.

    `top`, `bottom`, `left`, `right` bound the product (exclusive ends), `found` is False where the border
    shows no backdrop, and the masks are then an ellipse.
    """

    product: Mask
    inside: Mask
    top: int
    bottom: int
    left: int
    right: int
    found: bool


def foreground(image: NDArray[np.uint8]) -> Foreground:
    """The product in an RGB image (height, width, 3), best at about 100 pixels a side."""
    difference, noise = _difference(image.astype(np.float32))
    threshold = float(np.clip(max(_otsu(difference), 4.0 * noise), _LEAST_DIFFERENCE, _MOST_DIFFERENCE))
    product = _without_specks(difference > threshold)
    share = float(product.mean())
    # a backdrop leaves its mark: most of the border looks like it
    found = 0.005 < share < 0.98 and noise < 12.0
    if not found:
        product = _ellipse(*product.shape)
    rows, columns = np.flatnonzero(product.any(axis=1)), np.flatnonzero(product.any(axis=0))
    return Foreground(
        product,
        _enclosed(product),
        int(rows[0]),
        int(rows[-1]) + 1,
        int(columns[0]),
        int(columns[-1]) + 1,
        found,
    )


def _difference(pixels: Floats) -> tuple[Floats, float]:
    """How far each pixel is from the background there, and how far the border itself is in the median."""
    y, x, rows, columns, terms = _border(*pixels.shape[:2])
    border = pixels[rows, columns]
    middle = np.median(border, axis=0)
    near = np.abs(border - middle).sum(axis=1)
    kept = near <= np.partition(near, int(0.7 * len(near)))[int(0.7 * len(near))] + 6.0
    plane = _fit(terms[kept], border[kept], middle)
    residual = np.abs(border - terms @ plane).sum(axis=1)
    kept = residual <= 3.0 * np.median(residual) + 6.0
    plane = _fit(terms[kept], border[kept], middle)
    noise = float(np.median(np.abs((border - terms @ plane) @ _CHANNEL_WEIGHTS**2)))
    background = plane[0] + y[:, None, None] * plane[1] + x[None, :, None] * plane[2]
    scaled = (pixels - background) * _CHANNEL_WEIGHTS
    return np.sqrt((scaled * scaled).sum(axis=2)), noise


@lru_cache(maxsize=64)
def _border(height: int, width: int) -> tuple[Floats, Floats, Indices, Indices, Floats]:
    """Coordinates from -1 to 1, and the border's pixels with their terms of a plane."""
    wide = max(1, min(height, width) // 32)
    y, x = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    edge = np.zeros((height, width), bool)
    edge[:wide] = edge[-wide:] = edge[:, :wide] = edge[:, -wide:] = True
    rows, columns = np.nonzero(edge)
    return y, x, rows, columns, np.stack([np.ones(len(rows), np.float32), y[rows], x[columns]], axis=1)


def _fit(terms: Floats, values: Floats, middle: Floats) -> Floats:
    """Least squares plane (3, channels), drawn toward the flat one by a small ridge."""
    normal = terms.T @ terms + np.diag(np.array([1e-3, 1.0, 1.0], np.float32) * np.float32(len(terms) * 0.01 + 1e-3))
    flat = np.zeros((3, values.shape[1]), np.float32)
    flat[0] = middle
    return np.asarray(flat + np.linalg.solve(normal, terms.T @ (values - middle)), np.float32)


def _otsu(difference: Floats) -> float:
    """The threshold that parts a histogram best in two (Otsu 1979)."""
    counts = np.bincount(np.minimum(difference, 127.0).astype(np.int64).ravel(), minlength=128).astype(np.float64)
    below = np.cumsum(counts)
    mass = np.cumsum(counts * np.arange(128))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = below * above * (mass / below - (mass[-1] - mass) / above) ** 2
    return 0.5 * float(np.nanargmax(np.where(np.isfinite(spread), spread, -1.0)))


def _without_specks(mask: Mask) -> Mask:
    """Drop pixels with fewer than three fellows among their eight neighbors."""
    padded = np.pad(mask, 1).astype(np.uint8)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return np.asarray(mask & (around >= 4))


def _enclosed(mask: Mask) -> Mask:
    """The mask and everything that has some of it on the left, right, above and below."""
    left, right = (
        np.logical_or.accumulate(mask, axis=1),
        np.logical_or.accumulate(mask[:, ::-1], axis=1)[:, ::-1],
    )
    above, below = np.logical_or.accumulate(mask, axis=0), np.logical_or.accumulate(mask[::-1], axis=0)[::-1]
    return np.asarray(left & right & above & below)


def _ellipse(height: int, width: int) -> Mask:
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    mask = y * y + x * x <= 0.81
    return np.asarray(mask if mask.any() else np.ones((height, width), bool))
