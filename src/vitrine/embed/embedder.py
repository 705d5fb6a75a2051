"""What an embedder is, how its id follows from its contract, and what it is given.

>>> embedder_id("toy", {"kind": "toy", "version": 1})
'toy-565e6b8568be'
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError


@dataclass(frozen=True, slots=True)
class Block:
    """Columns `start` to `stop` (exclusive) of a vector, which belong together under one name."""

    name: str
    start: int
    stop: int


@runtime_checkable
class Embedder(Protocol):
    """Turns photos into vectors; whatever changes a vector changes its id.

    Bits are the same for a photo alone, in any batch and in any order. Between processors of another
    generation the last digits may differ; precision, which moves whole digits, is part of the id.
    """

    @property
    def id(self) -> str:
        """Name and the first 12 hex digits of the contract's SHA-256, such as `color-shape-3f9a1c2e77d0`."""
        ...

    @property
    def contract(self) -> dict[str, object]:
        """Everything that changes a vector, JSON-able: kind, version, weights, preprocessing, blocks …"""
        ...

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Column ranges that cover the vector from 0 to `dim` without gaps."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    @property
    def side(self) -> int:
        """The shortest side in pixels that is of use: a large photo may be decoded down to that."""
        ...

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Vectors (n, dim) of RGB images (height, width, 3) of any sizes; row i belongs to image i."""
        ...


def embedder_id(name: str, contract: Mapping[str, object]) -> str:
    """The id of an embedder: its name and a hash of its contract as canonical JSON."""
    canonical = json.dumps(contract, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{name}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"


def check_image(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image itself if it is RGB (height, width, 3) of bytes with at least one pixel, else InputError."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InputError(
            f"an embedder takes RGB images (height, width, 3) of uint8, not {image.shape} of {image.dtype}",
            hint="vitrine.intake.photo.read_photo gives such images",
        )
    return image
