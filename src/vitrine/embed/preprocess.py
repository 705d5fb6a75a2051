"""A picture of any size to the square of bytes that a network expects."""

from dataclasses import dataclass, field
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitrine.embed.network import Layout
from vitrine.errors import InputError

ResizeMode = Literal["squash", "crop", "pad"]
Channels = Literal["RGB", "BGR"]

# x → (x - mean) / std on 0..255, as networks trained on ImageNet with PyTorch expect.
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How pixels become a network's input: a square of `size`, channels in order, then (x - mean) / std.

    `mean` and `std` are in units of 0..255; a network with uint8 input takes the bytes as they are
    (mean 0, std 1).
    """

    size: int = 224
    resize: ResizeMode = "pad"
    channels: Channels = "RGB"
    layout: Layout = "NHWC"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resample: Literal["bilinear"] = field(default="bilinear")

    def __post_init__(self) -> None:
        for name, allowed in (("resize", ResizeMode), ("channels", Channels), ("layout", Layout)):
            if getattr(self, name) not in get_args(allowed):
                raise InputError(f"{name} is {getattr(self, name)!r}; it can be {', '.join(get_args(allowed))}")
        if not 8 <= self.size <= 2048:
            raise InputError(f"size is {self.size}; a network's input has 8 to 2048 pixels a side")
        if len(self.mean) != 3 or len(self.std) != 3 or 0.0 in self.std:
            raise InputError(f"mean {self.mean} and std {self.std} need three numbers each, no std of zero")

    def contract(self) -> dict[str, object]:
        """The fields as JSON-able values."""
        return {
            "size": self.size, "resize": self.resize, "channels": self.channels, "layout": self.layout,
            "mean": list(self.mean), "std": list(self.std), "resample": self.resample,
        }  # fmt: skip


def preprocess(image: NDArray[np.uint8], size: int, mode: ResizeMode) -> NDArray[np.uint8]:
    """An RGB image (height, width, 3) as a square (size, size, 3).

    `squash` ignores the aspect ratio, `crop` keeps the central square, `pad` fits the whole picture on white.
    A picture that is already the square comes back untouched.
    """
    height, width = image.shape[:2]
    if height == size and width == size:
        return np.ascontiguousarray(image)
    picture = Image.fromarray(np.ascontiguousarray(image))
    if mode == "squash":
        return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))
    if mode == "crop":
        return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=_central_square(width, height)))
    longest = max(width, height)
    # at least one pixel: a banner of 1 x 4000 must not vanish
    fitted = (max(1, round(width * size / longest)), max(1, round(height * size / longest)))
    inner = np.asarray(picture.resize(fitted, Image.Resampling.BILINEAR))
    canvas = np.full((size, size, 3), 255, np.uint8)
    top, left = (size - fitted[1]) // 2, (size - fitted[0]) // 2
    canvas[top : top + fitted[1], left : left + fitted[0]] = inner
    return cast(NDArray[np.uint8], canvas)


def _central_square(width: int, height: int) -> tuple[float, float, float, float]:
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side
