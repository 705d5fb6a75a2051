"""Where fine-tuning starts: known weights in a file, a vision model of transformers, or nothing."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from vitrine.embed.weights import OWN, file_sha256, weights
from vitrine.errors import InputError
from vitrine.finetune.backbone import Backbone
from vitrine.finetune.hugging_face import open_hugging_face
from vitrine.finetune.mobilenet_v2 import MobileNetV2, read_weights

SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class Start:
    """A network before fine-tuning; `sha256` is of its weights' file or, where there is none, of the weights themselves."""

    name: str
    sha256: str
    backbone: Backbone


def open_start(start: str, *, size: int | None = None, seed: int = 0) -> Start:
    """Open `vitrine-s`, a file of MobileNetV2 (.npz, or an .onnx that was exported here), a vision model, or `scratch`.

    Vision models are named by their folder or hub id. `size` is the side of the pictures the network will take, by default
    its own. Raises InputError for what is no network, MissingPart where a file, a library or the hub is missing.
    """
    if start == SCRATCH:
        torch.manual_seed(seed)
        made = MobileNetV2(size=size or 224)
        return Start(SCRATCH, weights_sha256(made), made)
    if start in OWN or start.endswith((".npz", ".onnx")):
        path = weights(start, folder=Path()) if start in OWN else Path(start).expanduser()
        if not path.is_file():
            raise InputError(f"the weights {path} do not exist", hint="--from takes a file, a model, or scratch")
        known = MobileNetV2(size=size or 224, normalized=False)
        read_weights(known, path)
        return Start(start if start in OWN else path.name, file_sha256(path), known)
    network = open_hugging_face(start, size=size)
    return Start(Path(start).name if Path(start).is_dir() else start, weights_sha256(network), network)


def weights_sha256(network: torch.nn.Module) -> str:
    """SHA-256 over names and numbers of a network's state."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
