"""Write a backbone as an ONNX embedder that takes bytes, and prove that OpenVINO computes the same as torch."""

import io
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vitrine.embed.network import core
from vitrine.errors import MissingPart, Refused
from vitrine.finetune.backbone import Backbone
from vitrine.finetune.half import to_half
from vitrine.stores.whole import whole

_OPSET = 18
_LEAST_COSINE = 0.999  # weights in half precision cost one or two in the fourth digit
_TINY = 1e-12


class _Embedder(torch.nn.Module):
    """Bytes (n, side, side, 3) to the first `outputs` vectors: the preprocessing is part of the network's file."""

    def __init__(self, backbone: Backbone, outputs: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.outputs = outputs

    def forward(self, photo: torch.Tensor) -> Any:
        seen = self.backbone.see(self.backbone.normalize(photo.float().permute(0, 3, 1, 2)))
        return seen[: self.outputs]


@dataclass(frozen=True, slots=True)
class Proof:
    """How the file's embeddings compare with torch's on some photos: smallest cosine, largest difference of a number."""

    photos: int
    cosine: float
    difference: float


def export(backbone: Backbone, path: Path, *, pooled: bool = False) -> None:
    """Write the backbone to `path` as ONNX with float16 weights: input `photo`, its outputs; `pooled`: its embedding alone."""
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch needs it
    except ModuleNotFoundError as error:
        raise MissingPart(f"exporting needs {error.name}", hint="pip install 'vitrine[train]'") from error
    outputs = backbone.outputs[:1] if pooled else backbone.outputs
    network = _Embedder(backbone, len(outputs)).eval()
    example = torch.zeros(1, backbone.size, backbone.size, 3, dtype=torch.uint8)
    written = io.BytesIO()
    # what it says of absent torchvision and of its own deprecations helps nobody who waits for a network
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="copyreg")
    program = torch.onnx.export(
        network, (example,), input_names=["photo"], output_names=list(outputs), opset_version=_OPSET, dynamo=True,
        verbose=False, optimize=True,
    )  # fmt: skip
    assert program is not None  # with dynamo=True it is always given
    program.save(written)
    model = _anonymous(to_half(onnx.load_model_from_string(written.getvalue())))
    with whole(path, hint="free some space and run the same command again") as temporary:
        onnx.save_model(model, temporary)


def _anonymous(model: Any) -> Any:
    """Without the notes of torch, which name this machine's folders and lines of code: a network is passed on."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    return model


def prove(backbone: Backbone, path: Path, pixels: NDArray[np.uint8]) -> Proof:
    """Compare the file with the backbone on photos (n, side, side, 3); Refused where they differ by more than rounding."""
    backbone.eval()
    compiled = core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.no_grad():
        given = _Embedder(backbone, len(compiled.outputs))(torch.from_numpy(np.ascontiguousarray(pixels)))
    wanted = np.concatenate([one.numpy() for one in given], axis=1)
    answers = [compiled([photo[None]]) for photo in pixels]
    made = np.concatenate([np.concatenate([one[output] for output in compiled.outputs], axis=1) for one in answers])
    lengths = np.linalg.norm(wanted, axis=1) * np.linalg.norm(made, axis=1)
    # a vector of zeros is like a vector of zeros
    cosine = float((((wanted * made).sum(axis=1) + _TINY) / (lengths + _TINY)).min())
    proof = Proof(len(pixels), cosine, float(np.abs(wanted - made).max()))
    if not cosine >= _LEAST_COSINE:
        raise Refused(
            f"{path} does not compute what the network does: cosine {cosine:.5f} on {len(pixels)} photos",
            hint="the training is kept; please report this with the versions of torch and openvino",
        )
    return proof
