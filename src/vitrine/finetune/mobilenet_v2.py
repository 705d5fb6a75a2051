"""MobileNetV2 in torch with TensorFlow's padding, from the weights that the product knows or from nothing.

Sandler et al. 2018, arXiv 1801.04381.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from vitrine.errors import InputError
from vitrine.finetune.backbone import EMBEDDING, Backbone
from vitrine.finetune.half import HALF

# expansion, columns, repeats, stride of the first
_PLAN = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_FIRST, _LAST = 32, 1280
_LEFT = {4: 4, 7: 8, 14: 16}  # the blocks that leave a resolution, and how many pixels one of its own is wide


class Convolution(nn.Module):
    """A convolution with TensorFlow's `SAME` padding: at stride 2 an even side is padded below and to the right only."""

    def __init__(self, into: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1, normalized: bool) -> None:
        super().__init__()
        self.pad = stride == 2
        padding = 0 if self.pad else kernel // 2
        self.convolution = nn.Conv2d(into, out, kernel, stride, padding, groups=groups, bias=not normalized)
        self.norm = nn.BatchNorm2d(out) if normalized else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, into, side, side) to (n, out, side / stride, side / stride)."""
        return self.norm(self.convolution(functional.pad(x, (0, 1, 0, 1)) if self.pad else x))


class InvertedResidual(nn.Module):
    """Expand, convolve each column by itself, project; with a shortcut where the shape stays."""

    def __init__(self, into: int, out: int, *, expansion: int, stride: int, normalized: bool) -> None:
        super().__init__()
        wide = into * expansion
        self.expand = Convolution(into, wide, 1, normalized=normalized) if expansion > 1 else None
        self.depthwise = Convolution(wide, wide, 3, stride=stride, groups=wide, normalized=normalized)
        self.project = Convolution(wide, out, 1, normalized=normalized)
        self.shortcut = stride == 1 and into == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, into, side, side) to (n, out, side / stride, side / stride)."""
        made = self.narrow(self.widen(x))
        return x + made if self.shortcut else made

    def widen(self, x: torch.Tensor) -> torch.Tensor:
        """The map with all its columns (n, wide, side, side), at the resolution it came in."""
        return x if self.expand is None else functional.relu6(self.expand(x))

    def narrow(self, wide: torch.Tensor) -> torch.Tensor:
        """What is passed on of a wide map, at the resolution it goes out."""
        return self.project(functional.relu6(self.depthwise(wide)))


class MobileNetV2(Backbone):
    """19 blocks: the first convolution, 17 inverted residuals, the last convolution with pooling; 2.2 million parameters.

    From scratch it learns with batch normalization; the weights of `read_weights` have theirs folded in. Beside its embedding
    (n, 1280) it gives what it sees where each resolution is left: mean and standard deviation over the area of the maps of
    14, 28 and 56 pixels a side (of 224), one vector each: (n, 1152), (n, 384) and (n, 288). They know colors, materials and
    textures that the last layer has learnt to ignore.
    """

    mean = (127.5, 127.5, 127.5)
    std = (127.5, 127.5, 127.5)
    dim = _LAST
    divisible = True

    def __init__(self, *, size: int = 224, normalized: bool = True) -> None:
        super().__init__()
        if size % 32:
            raise InputError(f"size is {size}; MobileNetV2 takes sides that 32 divides", hint="--size 224")
        self.size = size
        blocks: list[nn.Module] = [Convolution(3, _FIRST, 3, stride=2, normalized=normalized)]
        into = _FIRST
        for expansion, out, repeats, first_stride in _PLAN:
            for number in range(repeats):
                stride = first_stride if number == 0 else 1
                blocks.append(InvertedResidual(into, out, expansion=expansion, stride=stride, normalized=normalized))
                into = out
        blocks.append(Convolution(into, _LAST, 1, normalized=normalized))
        self.features = nn.ModuleList(blocks)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The embedding and the three vectors by the side of their maps."""
        return (EMBEDDING, *(f"depth-{self.size // step}" for step in sorted(_LEFT.values(), reverse=True)))

    def see(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The four vectors, the embedding first, the finest map last."""
        return self.see_above(pictures, 0)

    def see_above(self, values: torch.Tensor, blocks: int) -> tuple[torch.Tensor, ...]:
        """Those of the four vectors that lie above the first `blocks` blocks, from what `lower` gave for these."""
        found: list[torch.Tensor] = []
        for number in range(blocks, len(self.features)):
            block = self.features[number]
            if number in _LEFT and isinstance(block, InvertedResidual):
                wide = block.widen(values)
                found.append(_over_area(wide))
                values = block.narrow(wide)
            else:
                values = self._run(values, number, number + 1)
        return (values, *reversed(found))

    def depths(self) -> Sequence[nn.Module]:
        """The blocks from the picture up."""
        return list(self.features)

    def lower(self, pictures: torch.Tensor, blocks: int) -> torch.Tensor:
        """What the first `blocks` blocks make of normalized pictures."""
        return self._run(pictures, 0, blocks)

    def upper(self, values: torch.Tensor, blocks: int) -> torch.Tensor:
        """The embedding (n, 1280) from what `lower` gave."""
        return self._run(values, blocks, len(self.features))

    def _run(self, x: torch.Tensor, begin: int, end: int) -> torch.Tensor:
        last = len(self.features) - 1
        for number in range(begin, end):
            x = self.features[number](x)
            if number in (0, last):
                x = functional.relu6(x)
            if number == last:
                x = x.mean((2, 3))
        return x


def _over_area(columns: torch.Tensor) -> torch.Tensor:
    """(n, columns, side, side) to (n, 2 × columns): the mean and the standard deviation of each column."""
    area = columns.float()  # in half precision the spread would be rounding
    mean = area.mean((2, 3))
    spread = (area - mean[:, :, None, None]).square().mean((2, 3)).clamp_min(1e-6).sqrt()
    return torch.cat([mean, spread], 1)


def read_weights(network: MobileNetV2, path: Path) -> None:
    """Give a network without batch normalization the weights of a file: an .npz, or an .onnx that `export` wrote.

    The .npz has `features.N.{expand,depthwise,project}.{weight,bias}`, of 0 and 18 without the middle part; what else it has
    (a classifier) is left aside. InputError where a name is missing or a shape is another.
    """
    given = _npz(path) if path.suffix == ".npz" else _onnx(path)
    state = {}
    for name, value in network.state_dict().items():
        own = name.replace(".convolution.", ".")
        if own not in given:
            raise InputError(
                f"{path} has no '{own}', so it holds no MobileNetV2 with its batch normalization folded in"
            )
        if given[own].shape != tuple(value.shape):
            raise InputError(f"{path}: '{own}' has shape {given[own].shape}, not {tuple(value.shape)}")
        state[name] = torch.from_numpy(given[own].astype(np.float32))
    network.load_state_dict(state)


def _npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, BadZipFile, EOFError) as error:
        raise InputError(f"{path} cannot be read as an .npz file of weights: {error}") from error


def _onnx(path: Path) -> dict[str, NDArray[Any]]:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(path)
    except (OSError, DecodeError) as error:
        raise InputError(f"{path} cannot be read as ONNX: {error}") from error
    found = {}
    for one in model.graph.initializer:
        name = one.name.removeprefix("backbone.").removesuffix(HALF).replace(".convolution.", ".")
        found[name] = onnx.numpy_helper.to_array(one)
    return found
