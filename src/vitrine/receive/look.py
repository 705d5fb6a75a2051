"""Look at a photo of a delivery before anything is compared: does it show something, and is there light enough?

A dark photo is brightened the way a camera would have exposed it. Photos of catalogs are never as dark as that, so what
a model has learnt from stays as it is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.intake.measure import LEAST_CONTRAST, LEAST_SHARPNESS, LEAST_SIDE
from vitrine.records import Photo

Pixels = NDArray[np.uint8]

DARK = 110  # the brightest hundredth of a well-lit photo reaches well above 200 of 255
_BRIGHT = 235
_LEAST_LIGHT = 12  # below that there is more noise than picture


@dataclass(frozen=True, slots=True)
class Look:
    """The pixels to compare, what is notable about the photo, and why it cannot be compared (empty when it can)."""

    pixels: Pixels
    notes: tuple[str, ...]
    problem: str


def look(pixels: Pixels, photo: Photo) -> Look:
    """Judge an RGB photo (height, width, 3) and its measured record; brighten it where it is dark."""
    light = float(np.percentile(pixels.max(axis=2), 99))
    notes = []
    if light < DARK:
        notes.append("dark")
        pixels = _brightened(pixels, light)
    if photo.sharpness < LEAST_SHARPNESS:
        notes.append("blurred")
    if min(photo.width_before, photo.height_before) < LEAST_SIDE:
        notes.append("small")
    problem = "too_dark" if light < _LEAST_LIGHT else "nothing_to_see" if photo.contrast < _least(light) else ""
    return Look(pixels, tuple(notes), problem)


def _least(light: float) -> float:
    """The contrast that a photo needs: less where there is less light, because brightening brings it back."""
    return LEAST_CONTRAST * min(1.0, light / _BRIGHT)


def _brightened(pixels: Pixels, light: float) -> Pixels:
    gain = _BRIGHT / max(light, 1.0)
    return np.asarray(np.clip(pixels.astype(np.float32) * np.float32(gain), 0, 255), np.uint8)
