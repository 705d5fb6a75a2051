"""A vision model of transformers, from a folder or the Hugging Face hub, as something that can be fine-tuned."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from vitrine.errors import InputError, MissingPart
from vitrine.finetune.backbone import Backbone, Triple

_HALF: Triple = (127.5, 127.5, 127.5)


class HuggingFace(Backbone):
    """The vision part of a model: ResNet, MobileNetV2, ConvNeXt, ViT, DINOv2, DINOv3, CLIP, SigLIP and their like.

    The embedding is what the model itself pools, if its pooling was trained; else the class token, else the mean over the
    picture. Only safetensors are read, and no code that comes with a model is run.
    """

    divisible = False

    def __init__(self, model: Any, *, size: int, mean: Triple, std: Triple, pools: bool) -> None:
        super().__init__()
        self.model = model
        self.size, self.mean, self.std = size, mean, std
        self._pools = pools
        self._blocks = _blocks(model)
        was_training = model.training
        model.eval()
        with torch.no_grad():
            self.dim = int(self._embed(torch.zeros(1, 3, size, size)).shape[1])
        model.train(was_training)

    def depths(self) -> Sequence[torch.nn.Module]:
        """What comes before the layers, each layer, what comes after them."""
        return self._blocks

    def lower(self, pictures: torch.Tensor, blocks: int) -> torch.Tensor:
        """The pictures themselves; the embedding where all blocks are asked for."""
        return self._embed(pictures) if blocks == len(self._blocks) else pictures

    def upper(self, values: torch.Tensor, blocks: int) -> torch.Tensor:
        """The embedding (n, dim)."""
        return values if blocks == len(self._blocks) else self._embed(values)

    def _embed(self, pictures: torch.Tensor) -> torch.Tensor:
        made = self.model(pixel_values=pictures)
        pooled = getattr(made, "pooler_output", None)
        if self._pools and pooled is not None:
            return pooled.flatten(1)
        hidden = made.last_hidden_state
        return hidden.mean((2, 3)) if hidden.ndim == 4 else hidden[:, 0]


class _Rest(torch.nn.Module):
    """The parameters of a model that lie outside its layers, as one block."""

    def __init__(self, loose: Sequence[torch.nn.Parameter]) -> None:
        super().__init__()
        self.loose = torch.nn.ParameterList(loose)


def _blocks(model: torch.nn.Module) -> list[torch.nn.Module]:
    """What is made before the model's longest list of layers, the layers, and what is made after them."""
    lists = [(name, part) for name, part in model.named_modules() if isinstance(part, torch.nn.ModuleList)]
    if not lists:
        return [model]
    # the outermost of the longest: a ConvNeXt has stages of layers, and the stages are what follows one another
    _, layers = max(lists, key=lambda entry: (-entry[0].count("."), len(entry[1])))
    inside = {id(parameter) for parameter in layers.parameters()}
    before: list[torch.nn.Parameter] = []
    after: list[torch.nn.Parameter] = []
    reached = False
    for parameter in model.parameters():
        if id(parameter) in inside:
            reached = True
        else:
            (after if reached else before).append(parameter)
    made: list[torch.nn.Module] = [_Rest(before)] if before else []
    made += list(layers)
    return [*made, _Rest(after)] if after else made


def open_hugging_face(model: str, *, size: int | None) -> HuggingFace:
    """Open a folder or a hub id (`owner/name`); InputError for what is no vision model, MissingPart where it is not reached."""
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise MissingPart(
            f"{model} needs transformers, which is not installed", hint="pip install 'vitrine[train]'"
        ) from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        network, seen = transformers.AutoModel.from_pretrained(
            model, use_safetensors=True, trust_remote_code=False, output_loading_info=True, dtype=torch.float32
        )
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        if Path(model).is_dir():
            raise InputError(
                f"{model} holds no model that can be read: {reason}",
                hint="a folder needs config.json and model.safetensors",
            ) from error
        raise MissingPart(
            f"{model} cannot be fetched from the hub: {reason}",
            hint="check the id and the connection, or download the model and give its folder",
        ) from error
    vision = getattr(network, "vision_model", network)
    given_size, mean, std = _preprocessing(model, vision.config)
    pools = not any("pooler" in name for name in seen["missing_keys"])
    try:
        return HuggingFace(vision, size=size or given_size, mean=mean, std=std, pools=pools)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{model} does not turn a picture into a vector: {error}", hint="give a vision model"
        ) from error


def _preprocessing(model: str, config: Any) -> tuple[int, Triple, Triple]:
    """Side, mean and std (0..255) as `preprocessor_config.json` says; else the config's side and x / 127.5 - 1."""
    from transformers.utils import cached_file

    path = cached_file(model, "preprocessor_config.json", _raise_exceptions_for_missing_entries=False)
    said = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    side = said.get("crop_size") if said.get("do_center_crop") else said.get("size")
    if isinstance(side, dict):
        side = side.get("height") or side.get("shortest_edge")
    scale = 1.0 / float(said.get("rescale_factor", 1 / 255))
    normalizes = said.get("do_normalize", True) and "image_mean" in said
    mean = tuple(scale * one for one in said["image_mean"]) if normalizes else _HALF
    std = tuple(scale * one for one in said["image_std"]) if normalizes else _HALF
    return int(side or getattr(config, "image_size", None) or 224), mean, std
