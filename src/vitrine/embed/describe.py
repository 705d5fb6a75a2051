"""Look into a network's file and propose the settings that embed with it."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from vitrine.embed.network import (
    Layout,
    columns,
    fix_shape,
    input_shape,
    map_side,
    named_values,
    read_network,
    stages,
)
from vitrine.embed.preprocess import IMAGENET_MEAN, IMAGENET_STD
from vitrine.embed.weights import file_sha256
from vitrine.errors import InputError

Triple = tuple[float, float, float]

_POOLING = ("ReduceMean", "ReduceMax", "AvgPool", "MaxPool", "AdaptiveAvgPool")
_CLASSIFIERS = ("MatMul", "Convolution")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value in the network: its name, its columns, the side of the map (1 = a vector) and its operation."""

    output: str
    dim: int
    side: int
    operation: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a network's file says about itself, and the settings proposed for it.

    `outputs` are those of a network that gives several vectors; of others the last pooled vector before the classifier and
    the map that leaves the resolution before, to be averaged over its area: that costs nothing, being computed anyway, and
    helped every attribute on real catalog photos. `several`: whether the network itself gives them, from several depths.
    `candidates` are all vectors and maps, in the order of computation. `notes` say what had to be guessed.
    """

    sha256: str
    input_type: str
    layout: Layout
    size: int
    mean: Triple
    std: Triple
    outputs: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    quantized: bool
    several: bool
    notes: tuple[str, ...]


def describe(path: Path) -> Description:
    """Read an ONNX, TFLite or OpenVINO IR file and propose how to embed with it.

    Raises InputError where the file cannot be read, does not take one RGB picture, or offers no vector.
    """
    status = path.stat()
    return _describe(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _describe(path: Path, size: int, changed: int) -> Description:
    model = read_network(path)
    layout, side = input_shape(model, path)
    fix_shape(model, layout, side, path)
    values = named_values(model)
    candidates = tuple(
        Candidate(name, columns(value), map_side(value), value.get_node().get_type_name())
        for name, value in values.items()
    )
    vectors = [candidate for candidate in candidates if candidate.side == 1]
    if not vectors:
        raise InputError(f"{path} has no value that is one vector a photo", hint="export it with its pooling")
    given = _given(model, values)
    outputs = given or (_proposed(model, values, vectors), *stages(model, values)[1:2])
    input_type = str(model.input(0).get_element_type().get_type_name())
    mean, std, note = _normalization(path, input_type)
    quantized = any(node.get_type_name() == "FakeQuantize" for node in model.get_ordered_ops())
    notes = [note, "int8 weights: most of it runs in int8 at either precision" if quantized else ""]
    return Description(
        file_sha256(path), input_type, layout, side, mean, std, outputs, candidates, quantized, bool(given),
        tuple(filter(None, notes)),
    )  # fmt: skip


def _given(model: Any, values: dict[str, Any]) -> tuple[str, ...]:
    """The outputs of a network that was made to describe: two or more, each one vector a photo; else none."""
    names = {value: name for name, value in values.items()}
    given = [names.get(output.get_node().input_value(0)) for output in model.outputs]
    known = tuple(name for name in given if name is not None and map_side(values[name]) == 1)
    return known if len(known) == len(model.outputs) > 1 else ()


def _proposed(model: Any, values: dict[str, Any], vectors: list[Candidate]) -> str:
    """The last pooled vector; else what goes into the last classifier; else the network's own output."""
    pooled = [candidate.output for candidate in vectors if candidate.operation in _POOLING]
    if pooled:
        return pooled[-1]
    names = {value.get_node().get_friendly_name(): name for name, value in values.items()}
    known = {candidate.output for candidate in vectors}
    for node in reversed(model.get_ordered_ops()):
        if node.get_type_name() in _CLASSIFIERS and columns(node.output(0)):
            name = names.get(node.input_value(0).get_node().get_friendly_name())
            if name in known:
                return name
    return vectors[-1].output


def _normalization(path: Path, input_type: str) -> tuple[Triple, Triple, str]:
    if input_type in ("u8", "i8"):
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ""
    if path.suffix.lower() == ".tflite":
        return (127.5,) * 3, (127.5,) * 3, "mean and std are a guess: x / 127.5 - 1, usual for TFLite"
    return IMAGENET_MEAN, IMAGENET_STD, "mean and std are a guess: ImageNet's, usual for PyTorch exports"
