"""Residual convolutional networks, small enough for two processor cores."""

import torch
from torch import nn

from vitrine.zoo.networks.standardize import Standardize


class _Residual(nn.Module):
    """Two convolutions around which the input goes on."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(_convolution(channels, channels), _convolution(channels, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.change(x)


def resnet9(width: int = 32, *, stem_pool: bool = False) -> nn.Module:
    """Convolutions of `width`, 2, 4 and 8 times as many filters with two residual blocks; pooled by the maximum.

    `stem_pool` halves the picture before anything costly happens to it.
    Method: He et al., "Deep residual learning", 2015 (arXiv 1512.03385), arranged after Page, "How to train your ResNet",
    2018 (DAWNBench).
    """
    return nn.Sequential(
        Standardize(),
        _convolution(1, width, pool=stem_pool),
        _convolution(width, 2 * width, pool=True),
        _Residual(2 * width),
        _convolution(2 * width, 4 * width, pool=True),
        _Residual(4 * width),
        *([] if stem_pool else [_convolution(4 * width, 8 * width, pool=True), _Residual(8 * width)]),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        _Scaled((4 if stem_pool else 8) * width),
    )


class _Scaled(nn.Linear):
    """Scores kept small, so that the first steps of a high learning rate do no harm."""

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs, 10, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.125 * super().forward(x)


def wide_resnet(depth: int = 16, widen: int = 4, dropout: float = 0.0) -> nn.Module:
    """A wide residual network WRN-`depth`-`widen`, three groups of (depth - 4) / 6 blocks.

    Method: Zagoruyko and Komodakis, "Wide Residual Networks", 2016 (arXiv 1605.07146).
    """
    blocks = (depth - 4) // 6
    layers: list[nn.Module] = [Standardize(), nn.Conv2d(1, 16, 3, padding=1, bias=False)]
    channels = 16
    for group in range(3):
        wide = 16 * widen * 2**group
        for block in range(blocks):
            stride = 2 if group and not block else 1
            layers.append(_Preactivated(channels, wide, stride, dropout))
            channels = wide
    layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*layers)


class _Preactivated(nn.Module):
    """A block whose activations come before its convolutions (He et al., 2016, arXiv 1603.05027)."""

    def __init__(self, channels: int, wide: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.ready = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.change = nn.Sequential(
            nn.Conv2d(channels, wide, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2d(wide, wide, 3, padding=1, bias=False),
        )
        same = channels == wide and stride == 1
        self.pass_on = nn.Identity() if same else nn.Conv2d(channels, wide, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ready = self.ready(x)
        past = x if isinstance(self.pass_on, nn.Identity) else self.pass_on(ready)
        return past + self.change(ready)


def _convolution(channels: int, filters: int, *, pool: bool = False) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(channels, filters, 3, padding=1, bias=False)]
    layers += [nn.MaxPool2d(2)] if pool else []  # before normalization: the same maximum from a quarter of the work
    return nn.Sequential(*layers, nn.BatchNorm2d(filters, momentum=0.2), nn.ReLU())
