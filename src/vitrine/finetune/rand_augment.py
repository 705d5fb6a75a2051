"""RandAugment for a whole batch: every picture draws its own operations (Cubuk et al. 2020, arXiv 1909.13719).

Those that move the picture become one matrix a picture, those that scale colors factors; the rest is done where drawn.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

OPERATIONS = (
    "identity", "rotate", "shear x", "shear y", "translate x", "translate y", "brightness", "contrast", "saturation",
    "autocontrast", "equalize", "posterize", "solarize", "sharpness",
)  # fmt: skip
_MOVES, _COLORS = slice(1, 6), slice(6, 9)
# what full magnitude means: 30 degrees, shear 0.3, a shift of 0.45 of the side, factors within 1 ± 0.9
_DEGREES, _SHEAR, _SHIFT, _FACTOR = 30.0, 0.3, 0.45, 0.9


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for n pictures: `geometry` (n, 3, 3), color factors (n,), and who gets which other operation."""

    geometry: torch.Tensor
    brightness: torch.Tensor
    contrast: torch.Tensor
    saturation: torch.Tensor
    chosen: torch.Tensor
    magnitude: float
    moves: bool
    colors: bool

    def of(self, operation: str) -> torch.Tensor:
        """Whether (n,) a picture drew the operation."""
        return self.chosen[:, OPERATIONS.index(operation)]


def draw(n: int, operations: int, magnitude: float) -> Drawn:
    """Draw `operations` of the 14 for each of n pictures, with a magnitude in 0..1 and a random sign."""
    chosen = torch.zeros(n, len(OPERATIONS), dtype=torch.bool)
    if operations:
        chosen.scatter_(1, torch.randint(len(OPERATIONS), (n, operations)), True)

    def strength(operation: str) -> torch.Tensor:
        sign = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
        return chosen[:, OPERATIONS.index(operation)] * sign * magnitude

    geometry = torch.eye(3).repeat(n, 1, 1)
    if operations:
        geometry[:, 0, 1], geometry[:, 1, 0] = _SHEAR * strength("shear x"), _SHEAR * strength("shear y")
        geometry[:, 0, 2] = 2 * _SHIFT * strength("translate x")
        geometry[:, 1, 2] = 2 * _SHIFT * strength("translate y")
        geometry = _rotations(math.radians(_DEGREES) * strength("rotate")) @ geometry
    brightness, contrast, saturation = (1 + _FACTOR * strength(name) for name in OPERATIONS[_COLORS])
    moves, colors = bool(chosen[:, _MOVES].any()), bool(chosen[:, _COLORS].any())
    return Drawn(geometry, brightness, contrast, saturation, chosen, magnitude, moves, colors)


def _rotations(angle: torch.Tensor) -> torch.Tensor:
    made = torch.eye(3).repeat(len(angle), 1, 1)
    made[:, 0, 0], made[:, 0, 1] = angle.cos(), -angle.sin()
    made[:, 1, 0], made[:, 1, 1] = angle.sin(), angle.cos()
    return made


def redraw_values(pictures: torch.Tensor, drawn: Drawn) -> torch.Tensor:
    """Pictures (n, 3, side, side) in 0..255 after the operations that are no matrix, each where it was drawn."""
    for name, change in _CHANGES.items():
        mask = drawn.of(name)
        if mask.any():
            pictures = pictures.clone()
            pictures[mask] = change(pictures[mask], drawn.magnitude)
    return pictures


def _autocontrast(pictures: torch.Tensor, magnitude: float) -> torch.Tensor:
    low, high = pictures.amin((2, 3), keepdim=True), pictures.amax((2, 3), keepdim=True)
    return torch.where(high > low, ((pictures - low) * (255 / (high - low).clamp(min=1))).clamp(0, 255), pictures)


def _equalize(pictures: torch.Tensor, magnitude: float) -> torch.Tensor:
    """Spread each channel's levels so that all are equally common."""
    n, channels, *sides = pictures.shape
    levels = pictures.round().long().clamp(0, 255).reshape(n * channels, -1)
    counts = torch.zeros(n * channels, 256).scatter_add_(1, levels, torch.ones(levels.shape))
    below = counts.cumsum(1) - counts
    spread = below / (levels.shape[1] - counts.gather(1, levels.max(1, keepdim=True).values)).clamp(min=1)
    return spread.clamp(max=1).mul(255).gather(1, levels).view(n, channels, *sides)


def _posterize(pictures: torch.Tensor, magnitude: float) -> torch.Tensor:
    step = 2 ** round(4 * magnitude)
    return (pictures / step).floor() * step


def _solarize(pictures: torch.Tensor, magnitude: float) -> torch.Tensor:
    return torch.where(pictures >= 256 * (1 - magnitude), 255 - pictures, pictures)


def _sharpen(pictures: torch.Tensor, magnitude: float) -> torch.Tensor:
    kernel = torch.tensor([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]) / 13
    padded = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    smooth = functional.conv2d(padded, kernel.expand(3, 1, 3, 3), groups=3)
    return (smooth + (1 + _FACTOR * magnitude) * (pictures - smooth)).clamp(0, 255)


_CHANGES: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "posterize": _posterize,
    "solarize": _solarize,
    "sharpness": _sharpen,
}
