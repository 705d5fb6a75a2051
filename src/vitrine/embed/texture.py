"""How rough a product's surface is and in which way: local binary patterns by strength of contrast."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# eight neighbors in a circle, as (down, across)
_AROUND = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
# mean differences to the neighbors, in gray levels, that part smooth from rough
_CONTRASTS = (1.5, 3.0, 6.0, 12.0, 25.0)
_PATTERNS, _LEVELS = 10, len(_CONTRASTS) + 1
# brighter by less than this is noise of the sensor or of JPEG
_NOISE = 2

TEXTURE_DIM = 3 * _PATTERNS * _LEVELS


def texture(gray: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Floats:
    """Square roots of the shares of pattern and contrast, of all, of the upper and of the lower half (180).

    `gray` (height, width) is cut to the product's bounds, `mask` says what of it is product. Patterns are the
    rotation invariant uniform ones of Ojala, Pietikäinen and Mäenpää (2002).
    """
    level = np.pad(gray, 1, mode="edge").astype(np.int16)
    height, width = gray.shape
    middle = level[1:-1, 1:-1]
    pattern = np.zeros((height, width), np.uint8)
    contrast = np.zeros((height, width), np.int16)
    for bit, (down, across) in enumerate(_AROUND):
        difference = level[1 + down : 1 + down + height, 1 + across : 1 + across + width] - middle
        pattern |= (difference > _NOISE).astype(np.uint8) << np.uint8(bit)
        contrast += np.abs(difference)
    kind = _uniform()[pattern] * _LEVELS + _level_of()[contrast]
    half = height // 2
    upper = np.bincount(kind[:half][mask[:half]], minlength=TEXTURE_DIM // 3)
    lower = np.bincount(kind[half:][mask[half:]], minlength=TEXTURE_DIM // 3)
    counts = np.stack([upper + lower, upper, lower]).astype(np.float32)
    return np.asarray(np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).ravel(), np.float32)


@cache
def _uniform() -> NDArray[np.int64]:
    """For each of 256 patterns: its number of bright neighbors if they are one arc, else 9."""
    kinds = []
    for pattern in range(256):
        bits = [(pattern >> bit) & 1 for bit in range(8)]
        changes = sum(bits[index] != bits[index - 1] for index in range(8))
        kinds.append(sum(bits) if changes <= 2 else _PATTERNS - 1)
    return np.array(kinds)


@cache
def _level_of() -> NDArray[np.int64]:
    """The level of each possible sum of eight differences."""
    return np.digitize(np.arange(8 * 255 + 1) / 8, _CONTRASTS)
