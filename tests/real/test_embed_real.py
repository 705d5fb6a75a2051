"""The embedders on real weights and real photos."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vitrine.config import EmbedderSettings
from vitrine.embed.build import build
from vitrine.embed.color_shape import ColorShape
from vitrine.embed.describe import describe
from vitrine.embed.openvino import OpenVino

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def weights(real_data: Path) -> Path:
    return real_data / "weights" / "tf2_mobilenet_v2_1.0_224_ptq.tflite"


@pytest.fixture(scope="module")
def photos(real_data: Path) -> list[NDArray[np.uint8]]:
    paths = sorted((real_data / "fashion-products" / "photos").glob("*.jpg"))[::260]
    paths += sorted((real_data / "clothing" / "validation").rglob("*.jpg"))[::60]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def test_the_file_describes_itself(weights: Path) -> None:
    description = describe(weights)
    assert (description.input_type, description.layout, description.size) == ("u8", "NHWC", 224)
    dims = {candidate.output: (candidate.dim, candidate.side) for candidate in description.candidates}
    assert [dims[name] for name in description.outputs] == [(1280, 1), (576, 14)]
    assert description.quantized
    assert description.mean == (0.0, 0.0, 0.0) and description.std == (1.0, 1.0, 1.0)


def test_names_of_outputs_do_not_depend_on_what_was_read_before(weights: Path) -> None:
    first = OpenVino(weights)
    again = OpenVino(weights.with_name("mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"))
    assert again.blocks[0].stop == 1024
    describe.__globals__["_describe"].cache_clear()
    assert OpenVino(weights).id == first.id


def test_the_pooled_vector_is_what_the_classifier_reads(weights: Path, photos: list[NDArray[np.uint8]]) -> None:
    """Applied to the dequantized classifier, the pooled vector names what the network itself names.

    Among the first three, because int8 against f32 turns near ties, and on each processor others.
    """
    import openvino

    dequantized = np.load(weights.with_name("mobilenet_v2_1.0_224_dequant_fp16.npz"))
    matrix = dequantized["classifier.weight"].astype(np.float32).reshape(1001, 1280)
    catalog = [photo for photo in photos if photo.shape == (224, 224, 3)]
    vectors = OpenVino(weights, output="ReduceMean#0").embed(catalog)
    mine = (vectors @ matrix.T + dequantized["classifier.bias"].astype(np.float32)).argsort(axis=1)[:, -3:]
    network = openvino.compile_model(openvino.Core().read_model(weights), "CPU")
    theirs = np.array([network(photo[None])[0].argmax() for photo in catalog])
    assert len(catalog) >= 20
    assert (mine == theirs[:, None]).any(axis=1).mean() > 0.9


def test_batches_change_no_bit_on_real_photos(weights: Path, photos: list[NDArray[np.uint8]]) -> None:
    embedder = build(EmbedderSettings(model=str(weights)), folder=Path())
    together = embedder.embed(photos)
    alone = np.concatenate([embedder.embed([photo]) for photo in photos])
    assert np.array_equal(together, alone)
    assert np.array_equal(together, embedder.embed(photos[::-1])[::-1])
    assert np.isfinite(together).all()


def test_a_color_is_nearer_to_its_own_kind(real_data: Path) -> None:
    """Of red, blue, green and yellow shirts, most have a nearest neighbor of the same name by color alone."""
    import csv

    with open(real_data / "fashion-products" / "labels.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["article_type"] == "Tshirts"]
    chosen = [row for color in ("Red", "Blue", "Green", "Yellow") for row in _first(rows, color)]
    folder = real_data / "fashion-products" / "photos"
    embedder = ColorShape()
    block = embedder.blocks[0]
    images = [np.asarray(Image.open(folder / row["photo"]).convert("RGB")) for row in chosen]
    vectors = embedder.embed(images)[:, block.start : block.stop]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similar = vectors @ vectors.T - 2 * np.eye(len(vectors))
    names = np.array([row["base_colour"] for row in chosen])
    assert (names[similar.argmax(axis=1)] == names).mean() > 0.75


def _first(rows: list[dict[str, str]], color: str) -> list[dict[str, str]]:
    return [row for row in rows if row["base_colour"] == color][:25]
