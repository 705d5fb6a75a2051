"""A small random network as an OpenVINO IR, so that tests need no weights."""

from pathlib import Path

import numpy as np
import openvino
from openvino import opset13 as ops


def small_network(folder: Path, *, name: str = "small", seed: int = 0, classes: int = 10) -> Path:
    """Three convolutions, a pooled vector of 24 columns and a classifier, as `name`.xml and .bin."""
    rng = np.random.default_rng(seed)

    def convolution(value: openvino.Node, columns: int, stride: int) -> openvino.Node:
        width = value.get_output_partial_shape(0)[1].get_length()
        kernel = rng.normal(0, 0.3, (columns, width, 3, 3)).astype(np.float32)
        sides = [stride, stride]
        return ops.relu(ops.convolution(value, kernel, sides, [0, 0], [0, 0], [1, 1], "same_upper"))

    picture = ops.parameter([-1, 3, 32, 32], np.float32, name="picture")
    hidden = convolution(convolution(convolution(picture, 16, 2), 20, 2), 24, 2)
    pooled = ops.reduce_mean(hidden, np.array([2, 3]), False)
    answer = ops.matmul(pooled, rng.normal(0, 1, (24, classes)).astype(np.float32), False, False)
    path = folder / f"{name}.xml"
    openvino.save_model(openvino.Model([answer], [picture], name), path, compress_to_fp16=False)
    return path


def two_vectors(folder: Path) -> Path:
    """A network that was made to describe: its outputs are the vectors `near` (24 columns) and `far` (20)."""
    model = openvino.Core().read_model(str(small_network(folder, name="whole")))
    found = {
        node.get_output_partial_shape(0)[1].get_length(): node
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Relu"
    }
    vectors = {
        name: ops.reduce_mean(found[size], np.array([2, 3]), False) for name, size in (("near", 24), ("far", 20))
    }
    for name, vector in vectors.items():
        vector.output(0).get_tensor().set_names({name})
    path = folder / "vectors.xml"
    openvino.save_model(openvino.Model(list(vectors.values()), model.get_parameters(), "vectors"), path)
    return path
