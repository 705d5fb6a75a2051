"""A small vision transformer: 49 patches, seen through two convolutions."""

import torch
from torch import nn

from vitrine.zoo.networks.standardize import Standardize


class VisionTransformer(nn.Module):
    """Patches with a learnt place, `depth` blocks of attention, the mean of what they become.

    Method: Dosovitskiy et al., "An Image is Worth 16x16 Words", 2020 (arXiv 2010.11929); convolutions before the blocks
    after Xiao et al., 2021 (arXiv 2106.14881), the mean in place of a class token after Beyer et al., 2022 (arXiv
    2205.01580).
    """

    def __init__(self, size: int = 96, depth: int = 6, heads: int = 4) -> None:
        super().__init__()
        self.standardize = Standardize()
        self.patches = nn.Sequential(
            nn.Conv2d(1, size // 4, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(size // 4),
            nn.ReLU(),
            nn.Conv2d(size // 4, size, 3, stride=2, padding=1),
        )
        self.places = nn.Parameter(torch.randn(1, 49, size) * 0.02)
        self.blocks = nn.Sequential(*(_Block(size, heads) for _ in range(depth)))
        self.answer = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, 10))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Scores of the ten classes."""
        patches = self.patches(self.standardize(pictures)).flatten(2).transpose(1, 2)
        return self.answer(self.blocks(patches + self.places).mean(dim=1))


class _Block(nn.Module):
    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before = nn.LayerNorm(size)
        self.ask = nn.Linear(size, 3 * size)
        self.join = nn.Linear(size, size)
        self.think = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, steps, size = x.shape
        asked = self.ask(self.before(x)).view(rows, steps, 3, self.heads, size // self.heads)
        query, key, value = asked.permute(2, 0, 3, 1, 4)
        # torch's own attention takes two thirds of a step to go back, on a processor and for so few patches
        share = (query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)).softmax(-1)
        seen = share.to(value.dtype) @ value
        x = x + self.join(seen.transpose(1, 2).reshape(rows, steps, size))
        return x + self.think(x)
