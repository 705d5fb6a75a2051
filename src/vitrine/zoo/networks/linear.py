"""Linear baselines: one dense layer on pixels, or on histograms of gradients."""

import math

import torch
from torch import nn
from torch.nn import functional

from vitrine.zoo.networks.standardize import Standardize


def pixels() -> nn.Module:
    """Multinomial logistic regression on the 784 pixels."""
    return nn.Sequential(Standardize(), nn.Flatten(), nn.Linear(784, 10))


def gradients() -> nn.Module:
    """Multinomial logistic regression on histograms of gradients."""
    layer = HistogramsOfGradients()
    return nn.Sequential(layer, nn.Linear(layer.size, 10))


class HistogramsOfGradients(nn.Module):
    """Histograms of `bins` undirected gradient angles in cells of `cell` pixels, normalized over blocks of 2 × 2 cells.

    Method: Dalal and Triggs, "Histograms of oriented gradients for human detection", 2005 (CVPR).
    """

    def __init__(self, cell: int = 4, bins: int = 9) -> None:
        super().__init__()
        self.cell, self.bins = cell, bins
        self.size = (28 // cell - 1) ** 2 * 4 * bins

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(rows, 1, 28, 28) to (rows, size); nothing here is learnt."""
        padded = functional.pad(pictures.float(), (1, 1, 1, 1), mode="replicate")
        across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
        down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
        length = (across**2 + down**2).sqrt()
        place = (torch.atan2(down, across) / math.pi % 1.0) * self.bins  # 0..bins, undirected
        middles = torch.arange(self.bins, device=pictures.device)[:, None, None] + 0.5
        apart = (place - middles).abs()
        apart = torch.minimum(apart, self.bins - apart)
        cells = functional.avg_pool2d((1 - apart).clamp(min=0) * length, self.cell)
        blocks = functional.unfold(cells, 2).transpose(1, 2)
        clipped = functional.normalize(blocks, dim=2, eps=1e-2).clamp(max=0.2)  # as Dalal and Triggs: L2, clip, L2
        return functional.normalize(clipped, dim=2, eps=1e-2).flatten(1)
