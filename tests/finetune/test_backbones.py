"""Backbones: the paper's size, cuts that change nothing, models of transformers from a folder and over HTTP."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")
pytest.importorskip("onnxscript", reason="the extra 'train' is not installed: make test EXTRAS=train")
pytest.importorskip("transformers", reason="the extra 'train' is not installed: make test EXTRAS=train")

import torch
import transformers

from small_hub import serve
from vitrine.embed.describe import describe
from vitrine.embed.openvino import OpenVino
from vitrine.embed.preprocess import preprocess
from vitrine.embed.weights import file_sha256, weights
from vitrine.errors import InputError
from vitrine.finetune.export import export, prove
from vitrine.finetune.mobilenet_v2 import MobileNetV2
from vitrine.finetune.start import open_start

WEIGHTS = "mobilenet_v2_1.0_224_dequant_fp16.npz"


def test_the_network_has_the_papers_parameters() -> None:
    """2.2 million without the classifier, of which 34,112 are batch normalization's; at most 4 million are allowed."""
    network = MobileNetV2()
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_223_872
    assert sum(p.numel() for p in MobileNetV2(normalized=False).parameters()) == 2_206_816


@pytest.mark.parametrize("blocks", [0, 1, 7, 18, 19])
def test_cutting_between_any_blocks_changes_no_bit(blocks: int) -> None:
    torch.manual_seed(0)
    network = MobileNetV2(size=32).eval()
    pictures = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(network.upper(network.lower(pictures, blocks), blocks), network(pictures))


def test_only_the_last_blocks_learn_and_frozen_statistics_stay() -> None:
    network = MobileNetV2(size=32)
    network.learn_only(2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network(torch.randn(4, 3, 32, 32)).square().mean().backward()
    learnt = {int(name.split(".")[1]) for name, one in network.named_parameters() if one.grad is not None}
    moved = {int(n.split(".")[1]) for n, value in network.state_dict().items() if not torch.equal(value, before[n])}
    assert learnt == moved == {17, 18}


@pytest.mark.real
def test_the_known_weights_see_what_the_tflite_file_sees(real_data: Path) -> None:
    """Cosine above 0.98 on real photos: what is left is the rounding of the int8 activations of the file."""
    paths = sorted((real_data / "fashion-products" / "photos").glob("*.jpg"))[::500]
    photos = [preprocess(np.asarray(Image.open(path).convert("RGB")), 224, "pad") for path in paths]
    theirs = OpenVino(real_data / "weights" / "tf2_mobilenet_v2_1.0_224_ptq.tflite", output="ReduceMean#0").embed(
        photos
    )
    backbone = open_start(str(real_data / "weights" / WEIGHTS)).backbone.eval()
    with torch.no_grad():
        ours = backbone(backbone.normalize(torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float())).numpy()
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert cosine.min() > 0.97 and cosine.mean() > 0.98


def test_the_network_that_comes_with_vitrine_is_a_start_and_computes_what_its_file_does(tmp_path: Path) -> None:
    start = open_start("vitrine-s")
    file = weights("vitrine-s", folder=tmp_path)
    photos = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)
    assert (start.name, start.sha256) == ("vitrine-s", file_sha256(file))
    assert start.backbone.outputs == describe(file).outputs == ("embedding", "depth-14", "depth-28", "depth-56")
    assert prove(start.backbone, file, photos).cosine > 0.9999


def test_a_network_that_was_exported_here_is_a_start_again_in_half_precision(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = MobileNetV2(size=32, normalized=False).eval()
    export(first, tmp_path / "first.onnx")
    second = open_start(str(tmp_path / "first.onnx"), size=32).backbone.eval()
    pictures = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        for one, again in zip(first.see(pictures), second.see(pictures), strict=True):
            assert torch.nn.functional.cosine_similarity(one, again).min() > 0.999
    export(first, tmp_path / "pooled.onnx", pooled=True)
    assert open_start(str(tmp_path / "pooled.onnx"), size=32).backbone.outputs[1:] == ("depth-2", "depth-4", "depth-8")


def test_weights_of_another_network_are_refused_with_the_name_that_is_missing(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", **{"features.0.weight": np.zeros((32, 3, 3, 3), np.float32)})
    with pytest.raises(InputError, match=r"no 'features\.0\.bias'"):
        open_start(str(tmp_path / "other.npz"))
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(InputError, match="cannot be read"):
        open_start(str(tmp_path / "broken.npz"))
    (tmp_path / "broken.onnx").write_bytes(b"no protobuf at all")
    with pytest.raises(InputError, match=r"broken\.onnx cannot be read as ONNX"):
        open_start(str(tmp_path / "broken.onnx"))


def save_tiny(kind: str, folder: Path) -> None:
    """A vision model of some kind with random weights, as transformers saves it."""
    torch.manual_seed(0)
    small = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48}
    configs = {
        "vit": lambda: transformers.ViTConfig(image_size=32, patch_size=8, **small),
        "dinov2": lambda: transformers.Dinov2Config(
            image_size=32, patch_size=8, hidden_size=32, num_hidden_layers=3, num_attention_heads=2
        ),
        "siglip": lambda: transformers.SiglipVisionConfig(image_size=32, patch_size=8, **small),
        "convnext": lambda: transformers.ConvNextConfig(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1]),
        "resnet": lambda: transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[16, 16, 24, 32], depths=[1, 1, 1, 1], layer_type="basic"
        ),
        "mobilenet_v2": lambda: transformers.MobileNetV2Config(image_size=32, depth_multiplier=0.35),
    }
    model = transformers.AutoModel.from_config(configs[kind]())
    model.save_pretrained(folder)
    said = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.2, 0.25], "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(said))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vit", "dinov2", "siglip", "convnext", "resnet", "mobilenet_v2"])
def test_a_model_of_transformers_is_divided_into_blocks_and_exported(kind: str, tmp_path: Path) -> None:
    save_tiny(kind, tmp_path / "model")
    start = open_start(str(tmp_path / "model"))
    backbone = start.backbone
    assert backbone.size == 32 and backbone.mean == pytest.approx((102, 127.5, 153))
    blocks = list(backbone.depths())
    held = [id(parameter) for block in blocks for parameter in block.parameters()]
    assert len(blocks) >= 4 and sorted(held) == sorted({id(p) for p in backbone.parameters()})
    backbone.learn_only(1)
    assert {p.requires_grad for p in blocks[0].parameters()} == {False}
    assert open_start(str(tmp_path / "model")).sha256 == start.sha256
    export(backbone, tmp_path / "made.onnx")
    assert b'File "' not in (tmp_path / "made.onnx").read_bytes()  # torch notes where each step stands on this machine
    photos = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    assert prove(backbone, tmp_path / "made.onnx", photos).cosine > 0.999


def test_a_folder_without_a_model_and_a_hub_that_is_not_there_say_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no model"):
        open_start(str(tmp_path / "empty"))
    asked = subprocess.run(
        [sys.executable, "-c", _ASK, "owner/name"],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "MissingPart owner/name cannot be fetched from the hub" in asked.stdout


def test_a_model_of_a_hub_is_fetched_over_http_and_is_the_same_as_from_its_folder(tmp_path: Path) -> None:
    save_tiny("convnext", tmp_path / "model")
    with serve(tmp_path / "model") as address:
        asked = subprocess.run(
            [sys.executable, "-c", _ASK, "owner/name"],
            env=os.environ | {"HF_ENDPOINT": address, "HF_HUB_CACHE": str(tmp_path / "cache"), "NO_PROXY": "127.0.0.1"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert asked.stdout.strip() == open_start(str(tmp_path / "model")).sha256


_ASK = """
import sys
from vitrine.errors import VitrineError
from vitrine.finetune.start import open_start
try:
    print(open_start(sys.argv[1]).sha256)
except VitrineError as error:
    print(type(error).__name__, error.text())
"""
