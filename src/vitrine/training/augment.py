"""Change a batch of pictures at once; every picture by a draw of its own. Shapes are (rows, channels, height, width).

>>> one = torch.arange(16.0).view(1, 1, 4, 4)
>>> flip(one, torch.Generator().manual_seed(0)).shape
torch.Size([1, 1, 4, 4])
"""

import math

import torch
from torch.nn import functional


def flip(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror about half of the pictures left to right."""
    mirrored = torch.rand(len(pictures), generator=generator, device=pictures.device) < 0.5
    return torch.where(mirrored[:, None, None, None], pictures.flip(-1), pictures)


def shift(pictures: torch.Tensor, generator: torch.Generator, *, by: int) -> torch.Tensor:
    """Move each picture by up to `by` pixels both ways; what comes in at the rim is the rim's own color."""
    rows, _, height, width = pictures.shape
    device = pictures.device
    moves = torch.randint(-by, by + 1, (2, rows), generator=generator, device=device)
    down = (torch.arange(height, device=device) + moves[0, :, None]).clamp_(0, height - 1)
    across = (torch.arange(width, device=device) + moves[1, :, None]).clamp_(0, width - 1)
    moved = pictures.permute(0, 2, 3, 1)[
        torch.arange(rows, device=device)[:, None, None], down[:, :, None], across[:, None, :]
    ]
    return moved.permute(0, 3, 1, 2)


def erase(pictures: torch.Tensor, generator: torch.Generator, *, share: float, largest: float) -> torch.Tensor:
    """Replace a rectangle of a `share` of the pictures by noise; its sides are up to `largest` of the picture's.

    Method: Zhong et al., "Random Erasing Data Augmentation", 2017 (arXiv 1708.04896).
    """
    rows, _, height, width = pictures.shape
    draws = torch.rand((5, rows), generator=generator, device=pictures.device)
    chosen = draws[0] < share
    inside = (
        _span(draws[1], draws[2] * largest, height)[:, :, None] & _span(draws[3], draws[4] * largest, width)[:, None, :]
    )
    noise = torch.randn((rows, 1, height, width), generator=generator, device=pictures.device)
    return torch.where((inside & chosen[:, None, None])[:, None], noise.to(pictures.dtype), pictures)


def _span(place: torch.Tensor, share: torch.Tensor, length: int) -> torch.Tensor:
    """Which of `length` pixels lie in a span of `share` of them, placed anywhere inside; shape (rows, length)."""
    size = (share * length).round()
    start = (place * (length - size + 1)).floor()
    pixels = torch.arange(length, device=place.device)
    return (pixels >= start[:, None]) & (pixels < (start + size)[:, None])


def distort(pictures: torch.Tensor, generator: torch.Generator, *, strength: float) -> torch.Tensor:
    """Turn by up to 10°, zoom, move and shear by up to a tenth, and make up to a fifth lighter or darker, times `strength`.

    What comes in at the rim is the rim's own color. Pictures in 0..1.
    """
    rows = len(pictures)
    draws = strength * (2 * torch.rand((6, rows), generator=generator, device=pictures.device) - 1)
    angle, zoom, shear = draws[0] * math.radians(10), 1 + 0.1 * draws[1], 0.1 * draws[2]
    cosine, sine = angle.cos() * zoom, angle.sin() * zoom
    first = torch.stack([cosine, shear - sine, 0.2 * draws[3]], dim=1)  # a picture is 2 wide, so 0.2 is a tenth
    second = torch.stack([sine, cosine, 0.2 * draws[4]], dim=1)
    grid = functional.affine_grid(torch.stack([first, second], dim=1), list(pictures.shape), align_corners=False)
    moved = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    light = 1 + 0.2 * draws[5]
    return (moved * light[:, None, None, None]).clamp(0, 1)
