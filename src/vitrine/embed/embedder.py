"""What an embedder is, how its id follows from its contract, and how one is built from settings.

>>> embedder_id("toy", {"kind": "toy", "version": 1})
'toy-e92fb70c4bd2'
>>> build_embedder({"kind": "color-shap"})
Traceback (most recent call last):
vitrine.errors.InputError: embedder kind 'color-shap' is unknown; known: color-shape, composite, openvino
"""

import difflib
import hashlib
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError, MissingPart

EMBEDDERS = {
    "color-shape": "vitrine.embed.color_shape:ColorShape",
    "composite": "vitrine.embed.composite:Composite",
    "openvino": "vitrine.embed.openvino:OpenVino",
}

# What pip installs for a kind whose library is absent.
EXTRAS = {"openvino": "openvino"}


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
        """Everything that changes a vector, JSON-able: kind, version, weights, preprocessing, precision, blocks."""
        ...

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Column ranges that cover the vector from 0 to `dim` without gaps."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Vectors (n, dim) of RGB images (height, width, 3) of any sizes; row i belongs to image i."""
        ...


def embedder_id(name: str, contract: Mapping[str, object]) -> str:
    """The id of an embedder: its name and a hash of its contract as canonical JSON."""
    canonical = json.dumps(contract, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"{name}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"


def build_embedder(settings: Mapping[str, Any], *, folder: Path | None = None) -> Embedder:
    """The embedder that `settings` describe: `kind` names it, the rest are its own settings.

    Relative paths in the settings start at `folder`. Raises InputError for an unknown kind or setting,
    MissingPart where a library or a weights file is absent.
    """
    kind = str(settings.get("kind", ""))
    if kind not in EMBEDDERS:
        close = difflib.get_close_matches(kind, EMBEDDERS, n=1)
        raise InputError(
            f"embedder kind {kind!r} is unknown; known: {', '.join(EMBEDDERS)}",
            hint=f"did you mean {close[0]!r}?" if close else "vitrine config show lists the settings in use",
        )
    module_name, _, class_name = EMBEDDERS[kind].partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise MissingPart(
            f"embedder {kind!r} needs the package {error.name!r}, which is not installed",
            hint=f"pip install {EXTRAS.get(kind, error.name)}",
        ) from error
    own = {name: value for name, value in settings.items() if name != "kind"}
    return cast(Embedder, getattr(module, class_name).from_settings(own, folder=folder or Path()))


def check_settings(kind: str, settings: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise InputError for the first setting that `kind` does not know."""
    for name in settings:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise InputError(
                f"embedder {kind!r} has no setting {name!r}; it has: {', '.join(known) or 'none'}",
                hint=f"did you mean {close[0]!r}?" if close else "remove it from vitrine.toml",
            )


def check_image(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image itself if it is RGB (height, width, 3) of unsigned bytes with at least one pixel, else InputError."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InputError(
            f"an embedder takes RGB images (height, width, 3) of uint8, not {image.shape} of {image.dtype}",
            hint="vitrine.intake.photo.read_photo gives such images",
        )
    return image
