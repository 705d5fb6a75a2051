"""Change a batch of pictures at random, all at once: crops, mirror images, color jitter, RandAugment.

Geometry is one resampling and colors one matrix a picture, however many of them are drawn. Random numbers come from torch's
global generator, which the training seeds at every epoch.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from vitrine.finetune.rand_augment import Drawn, draw, redraw_values

_GRAY = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What may happen to a picture while a network learns.

    `least_area`: share of the area that a random crop keeps at least (1 = no crop), its aspect within 3:4 and 4:3. `mirror`:
    half of the pictures. `jitter`: brightness, contrast and saturation change by a factor within 1 ± jitter, the hue by
    at most jitter / 8 of a turn. `operations` and `magnitude` (0..1) are RandAugment's; 0 operations are none. `mixup` and
    `cutmix` are the parameters of their beta distributions; 0 is none.
    """

    least_area: float = 0.5
    mirror: bool = True
    jitter: float = 0.1
    operations: int = 0
    magnitude: float = 0.3
    mixup: float = 0.0
    cutmix: float = 0.0


def augment(pictures: torch.Tensor, settings: Augmentation) -> torch.Tensor:
    """Pictures (n, 3, side, side) in 0..255, float32, changed as `settings` say; each by its own numbers."""
    n = len(pictures)
    drawn = draw(n, settings.operations, settings.magnitude)
    moves = _crops(n, settings) @ drawn.geometry
    made = pictures
    if settings.least_area < 1 or settings.mirror or drawn.moves:
        grid = functional.affine_grid(moves[:, :2], list(pictures.shape), align_corners=False)
        made = functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
        made.clamp_(0, 255)  # rounding leaves the range by a hair
    matrix, offset = _jitter(made, settings.jitter, drawn)
    if settings.jitter or drawn.colors:
        made = torch.baddbmm(offset, matrix, made.flatten(2)).view_as(made).clamp_(0, 255)
    return redraw_values(made, drawn)


def _crops(n: int, settings: Augmentation) -> torch.Tensor:
    """Maps (n, 3, 3) from places in the new picture to places in the old one, both in -1..1."""
    area = torch.empty(n).uniform_(settings.least_area, 1.0)
    aspect = torch.empty(n).uniform_(-1, 1).mul(torch.log(torch.tensor(4 / 3)) if settings.least_area < 1 else 0).exp()
    width, height = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    moves = torch.eye(3).repeat(n, 1, 1)
    sign = torch.where(torch.rand(n) < 0.5, -1.0, 1.0) if settings.mirror else torch.ones(n)
    moves[:, 0, 0], moves[:, 1, 1] = sign * width, height
    moves[:, 0, 2] = (1 - width) * torch.empty(n).uniform_(-1, 1)
    moves[:, 1, 2] = (1 - height) * torch.empty(n).uniform_(-1, 1)
    return moves


def _jitter(pictures: torch.Tensor, jitter: float, drawn: Drawn) -> tuple[torch.Tensor, torch.Tensor]:
    """Matrix (n, 3, 3) and offset (n, 3, 1) that change brightness, contrast, saturation and hue of each picture."""
    n = len(pictures)

    def factor() -> torch.Tensor:
        return 1 + jitter * torch.empty(n, 1, 1).uniform_(-1, 1)

    brightness, contrast, saturation = factor(), factor(), factor()
    brightness, contrast = brightness * drawn.brightness.view(n, 1, 1), contrast * drawn.contrast.view(n, 1, 1)
    saturation = saturation * drawn.saturation.view(n, 1, 1)
    gray = torch.tensor(_GRAY).repeat(3, 1)
    colored = saturation * torch.eye(3) + (1 - saturation) * gray
    turn = torch.empty(n).uniform_(-1, 1) * (2 * torch.pi * jitter / 8)
    matrix = contrast * brightness * (colored @ _turned(turn))
    level = (pictures.mean((2, 3)) @ torch.tensor(_GRAY)).view(n, 1, 1) * brightness
    return matrix, ((1 - contrast) * level).expand(n, 3, 1)


def _turned(turn: torch.Tensor) -> torch.Tensor:
    """Rotations (n, 3, 3) of the colors about the gray axis, by `turn` radians."""
    cosine, sine = turn.cos().view(-1, 1, 1), turn.sin().view(-1, 1, 1)
    third = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / 3**0.5
    return cosine * torch.eye(3) + (1 - cosine) * third + sine * cross
