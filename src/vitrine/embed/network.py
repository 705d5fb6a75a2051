"""Read a network's file with OpenVINO and name the values in it that can describe a photo."""

from functools import cache
from pathlib import Path
from typing import Any, Literal

from vitrine.errors import InputError, MissingPart

Layout = Literal["NHWC", "NCHW"]

# Fewer columns than this are gates or counts inside the network, not a description of a photo.
_FEWEST_COLUMNS = 16
_REWRITES = ("FakeQuantize", "Convert")


@cache
def core() -> Any:
    """The one OpenVINO runtime of this process."""
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise MissingPart("networks need the package openvino", hint="pip install openvino") from error
    return openvino.Core()


def use_cores(count: int) -> None:
    """Let networks that are compiled from now on run on so many processor cores of this machine."""
    core().set_property("CPU", {"INFERENCE_NUM_THREADS": count})


def read_network(path: Path) -> Any:
    """The network as an `openvino.Model`; InputError when the file is none."""
    try:
        return core().read_model(str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise InputError(
            f"{path} cannot be read as a network: {reason}", hint="give an ONNX, TFLite or OpenVINO IR file"
        ) from error


def input_shape(model: Any, path: Path) -> tuple[Layout, int]:
    """The layout and side of the picture that the network takes; 224 where the file leaves the side open."""
    if len(model.inputs) != 1:
        raise InputError(f"{path} takes {len(model.inputs)} inputs; an embedder has one, the picture")
    shape = model.input(0).get_partial_shape()
    sides = [-1 if side.is_dynamic else side.get_length() for side in shape] if shape.rank.is_static else []
    if len(sides) != 4 or 3 not in (sides[1], sides[3]):
        raise InputError(f"{path} takes an input of shape {shape}, not one RGB picture")
    layout: Layout = "NCHW" if sides[1] == 3 else "NHWC"
    height, width = (sides[2], sides[3]) if layout == "NCHW" else (sides[1], sides[2])
    if height != width:
        raise InputError(f"{path} takes pictures of {height}x{width}; only square ones can be made")
    return layout, height if height > 0 else 224


def fix_shape(model: Any, layout: Layout, side: int, path: Path) -> None:
    """Give the network one picture of `side` pixels as its input; InputError where it cannot take that."""
    shape = [1, side, side, 3] if layout == "NHWC" else [1, 3, side, side]
    given = model.input(0).get_partial_shape()
    if given.is_static and list(given.to_shape()) == shape:
        return
    try:
        model.reshape(shape)
    except RuntimeError as error:
        raise InputError(
            f"{path} cannot take pictures of {side}x{side}", hint="leave size under [embedder] empty"
        ) from error


def named_values(model: Any) -> dict[str, Any]:
    """The values that are one vector or one square map a photo, by a name that the same file always gives.

    That is the tensor's name where the file has one, else its operation and its number among those, such as
    `ReduceMean#0`: the names that OpenVINO invents count up within a process. In the order of computation.
    """
    found: dict[str, Any] = {}
    counts: dict[str, int] = {}
    from_picture: set[str] = set()
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        number = counts[kind] = counts.get(kind, -1) + 1
        inputs = [node.input_value(index) for index in range(node.get_input_size())]
        if kind != "Parameter" and not any(_name(value) in from_picture for value in inputs):
            continue
        from_picture.add(node.get_friendly_name())
        value = inputs[0] if kind == "Result" else node.output(0)
        if kind != "Parameter" and columns(value):
            names = sorted(value.get_names())
            found[names[0] if names else f"{kind}#{number}"] = value
    return found


def columns(value: Any) -> int:
    """The columns of a vector (1, n), (1, n, 1, 1), (1, 1, 1, n) or a map (1, n, side, side); else 0."""
    shape = value.get_partial_shape()
    sides = list(shape.to_shape()) if shape.is_static else []
    if len(sides) not in (2, 4) or sides[0] != 1:
        return 0
    wide = [side for side in sides if side > 1]
    is_map = len(sides) == 4 and len(wide) == 3 and sides[2] == sides[3]
    number = sides[1] if is_map else wide[0] if len(wide) == 1 else 0
    return number if number >= _FEWEST_COLUMNS else 0


def map_side(value: Any) -> int:
    """The side of a map, 1 for a vector."""
    sides = list(value.get_partial_shape().to_shape())
    return int(sides[2]) if len(sides) == 4 and sides[1] > 1 else 1


def stages(model: Any, values: dict[str, Any]) -> list[str]:
    """Per resolution, the last of the widest maps that a convolution takes; coarsest first.

    Before its last layer a network still knows colors, materials and textures that the last one, trained to
    tell the classes of ImageNet, has learnt to ignore.
    """
    names = {_name(value): name for name, value in values.items()}
    widest: dict[int, tuple[int, str]] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() not in ("Convolution", "GroupConvolution"):
            continue
        value = _before_rewrites(node.input_value(0))
        name = names.get(_name(value))
        if name is None or map_side(value) == 1:
            continue
        width, side = columns(value), map_side(value)
        if width >= widest.get(side, (0, ""))[0]:
            widest[side] = (width, name)
    return [widest[side][1] for side in sorted(widest)]


def vectors_only(model: Any, names: list[str]) -> Any:
    """The network up to the named values, maps averaged over their area; what comes after is not computed."""
    import numpy as np
    import openvino
    from openvino import opset13

    values = named_values(model)
    outputs = []
    for name in names:
        value = values[name]
        is_map = map_side(value) > 1
        outputs.append(opset13.reduce_mean(value, np.array([2, 3]), False).output(0) if is_map else value)
    return openvino.Model(outputs, model.get_parameters(), "embedder")


def _before_rewrites(value: Any) -> Any:
    while value.get_node().get_type_name() in _REWRITES:
        value = value.get_node().input_value(0)
    return value


def _name(value: Any) -> str:
    return str(value.get_node().get_friendly_name())
