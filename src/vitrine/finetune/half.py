"""Store an ONNX network's weights in half precision; it computes in single precision as before."""

from typing import Any

import numpy as np

HALF = ".half"  # what the name of a halved weight ends in
_LARGE = 256


def to_half(model: Any) -> Any:
    """The `onnx.ModelProto` with every large float32 weight as float16 and a cast behind it, changed in place.

    Small ones (biases, constants of the preprocessing) stay, since they weigh nothing and cost digits.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < _LARGE:
            continue
        name = weight.name
        halved = numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{name}{HALF}")
        weight.CopyFrom(halved)
        casts.append(helper.make_node("Cast", [halved.name], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
