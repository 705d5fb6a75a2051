"""A palette of colors that looks even to the eye, and how much of each a picture shows."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# red, green and blue in 32 steps each, as one number
CODES = 32**3


def codes(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Each pixel's color (…, 3) as one of 32,768 codes."""
    steps = (image >> 3).astype(np.int64)
    return np.asarray((steps[..., 0] << 10) | (steps[..., 1] << 5) | steps[..., 2])


def lab(rgb: Floats) -> Floats:
    """sRGB (…, 3) in 0..255 as CIE L*a*b* (D65)."""
    value = rgb / np.float32(255)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    ).astype(np.float32)


@cache
def lab_of_codes() -> Floats:
    """L*a*b* (32768, 3) of each code's middle color."""
    code = np.arange(CODES)
    steps = np.stack([code >> 10, (code >> 5) & 31, code & 31], axis=1)
    return lab((steps * 8 + 4).astype(np.float32))


@cache
def prototypes() -> Floats:
    """The palette in L*a*b*: 10 grays, and 16 hues by three chromas, lightness in steps (n, 3)."""
    colors = [(lightness, 0.0, 0.0) for lightness in np.linspace(4, 98, 10)]
    rings = ((13.0, (18, 35, 55, 75, 90)), (32.0, (20, 38, 56, 74, 88)), (62.0, (30, 48, 66, 82)))
    for chroma, levels in rings:
        hues = 12 if chroma < 20 else 16
        for lightness in levels:
            for hue in np.arange(hues) * 2 * np.pi / hues:
                colors.append((float(lightness), chroma * np.cos(hue), chroma * np.sin(hue)))
    return np.array(colors, np.float32)


@cache
def membership() -> Floats:
    """How much a code belongs to each color of the palette (32768, n); a row adds up to one."""
    stretched = np.array([0.6, 1.0, 1.0], np.float32)
    colors, palette = lab_of_codes() * stretched, prototypes() * stretched
    squares = (colors**2).sum(1)[:, None] + (palette**2).sum(1)[None, :] - 2 * colors @ palette.T
    # wider where the palette is coarse: the nearest color sets the scale
    nearest = np.sort(squares, axis=1)[:, 1:2]
    weights = np.exp(-(squares - squares.min(axis=1, keepdims=True)) / (0.35 * nearest + 18.0))
    weights[weights < 0.02] = 0
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
