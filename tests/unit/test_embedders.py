"""Color and shape of drawn products, networks from files, and how pictures are made square."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from small_network import small_network
from vitrine.config import EmbedderSettings
from vitrine.embed.build import build, make
from vitrine.embed.color_shape import ColorShape
from vitrine.embed.describe import describe
from vitrine.embed.foreground import foreground
from vitrine.embed.openvino import OpenVino, best_precision
from vitrine.embed.preprocess import Preprocessing, preprocess
from vitrine.embed.silhouette import silhouette
from vitrine.embed.weights import weights
from vitrine.errors import InputError, MissingPart, Refused

Image = NDArray[np.uint8]


def drawn_shoe(color: tuple[int, int, int], backdrop: Image, *, heel: bool) -> Image:
    """A wedge of a shoe facing right, 100 x 100, with a thin heel on the left or a flat sole."""
    image = backdrop.copy()
    for x in range(15, 90):
        top = 30 + max(0, x - 45) // 2
        image[top:60, x] = color
    if heel:
        image[60:85, 16:21] = color
        image[60:85, 70:89] = color
    else:
        image[60:68, 15:90] = color
    return image


def plain(value: int = 255) -> Image:
    return np.full((100, 100, 3), value, np.uint8)


def uneven() -> Image:
    """A backdrop that darkens from the upper left to the lower right, with noise."""
    ramp = 235 - np.add.outer(np.arange(100), np.arange(100)) * 0.35
    noise = np.random.default_rng(0).normal(0, 2, (100, 100, 3))
    return np.clip(ramp[..., None] * np.array([1.0, 0.97, 0.9]) + noise, 0, 255).astype(np.uint8)


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def block(image: Image, name: str) -> NDArray[np.float32]:
    embedder = ColorShape()
    where = next(block for block in embedder.blocks if block.name == name)
    return embedder.embed([image])[0, where.start : where.stop]


@pytest.mark.parametrize(
    "backdrop", [plain(255), plain(128), plain(20), uneven()], ids=["white", "gray", "black", "uneven"]
)
def test_the_product_is_found_on_any_even_backdrop(backdrop: Image) -> None:
    image = drawn_shoe((180, 60, 70), backdrop, heel=True)
    truth = (drawn_shoe((1, 2, 3), plain(), heel=True) != 255).any(axis=2)
    found = foreground(image)
    assert found.found
    overlap = (found.product & truth).sum() / (found.product | truth).sum()
    assert overlap > 0.93


def test_a_picture_without_backdrop_counts_its_middle() -> None:
    street = np.random.default_rng(0).integers(0, 255, (80, 80, 3)).astype(np.uint8)
    found = foreground(street)
    assert not found.found
    assert found.product[40, 40]
    assert not found.product[0, 0]


def test_color_and_shape_are_told_apart() -> None:
    red_heel = drawn_shoe((190, 30, 40), plain(), heel=True)
    blue_heel = drawn_shoe((40, 50, 180), plain(), heel=True)
    red_flat = drawn_shoe((190, 30, 40), plain(), heel=False)
    assert cosine(block(red_heel, "color"), block(red_flat, "color")) > 0.8
    assert cosine(block(red_heel, "color"), block(blue_heel, "color")) < 0.6
    assert cosine(block(red_heel, "shape"), block(blue_heel, "shape")) > 0.95
    assert cosine(block(red_heel, "shape"), block(red_flat, "shape")) < 0.9


def test_a_shoe_facing_left_looks_like_one_facing_right() -> None:
    shoe = drawn_shoe((60, 60, 60), plain(), heel=True)
    mirrored = np.ascontiguousarray(shoe[:, ::-1])
    assert cosine(ColorShape().embed([shoe])[0], ColorShape().embed([mirrored])[0]) > 0.995
    assert silhouette(foreground(shoe))[1] != silhouette(foreground(mirrored))[1]


def test_color_does_not_depend_on_the_backdrop() -> None:
    on_white = drawn_shoe((190, 30, 40), plain(255), heel=False)
    on_gray = drawn_shoe((190, 30, 40), plain(150), heel=False)
    assert cosine(block(on_white, "color"), block(on_gray, "color")) > 0.9


@pytest.mark.parametrize("mode", ["pad", "crop", "squash"])
def test_any_picture_becomes_a_square(mode: str) -> None:
    for shape in [(1, 1), (1, 4000), (4000, 1), (37, 91), (224, 224), (500, 100)]:
        square = preprocess(np.full((*shape, 3), 7, np.uint8), 64, mode)  # type: ignore[arg-type]
        assert square.shape == (64, 64, 3)
        assert (square == 7).any()


def test_padding_keeps_the_whole_picture_on_white_and_cropping_keeps_its_middle() -> None:
    wide = np.zeros((50, 100, 3), np.uint8)
    wide[:, 40:60] = 200
    padded, cropped = preprocess(wide, 100, "pad"), preprocess(wide, 50, "crop")
    assert (padded[:25] == 255).all() and (padded[75:] == 255).all() and (padded[30:70, 0] == 0).all()
    assert (cropped[:, 25] == 200).all() and (cropped[:, 2] == 0).all()


def test_a_preprocessing_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="resize is 'stretch'"):
        Preprocessing(resize="stretch")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="size is 4"):
        Preprocessing(size=4)
    with pytest.raises(InputError, match="std"):
        Preprocessing(std=(1.0, 0.0, 1.0))


def test_describe_proposes_the_pooled_vector_and_the_stage_before(tmp_path: Path) -> None:
    description = describe(small_network(tmp_path))
    assert description.layout == "NCHW"
    assert description.size == 32
    assert description.outputs[0] == "ReduceMean#0"
    dims = {candidate.output: (candidate.dim, candidate.side) for candidate in description.candidates}
    assert [dims[name] for name in description.outputs] == [(24, 1), (16, 16)]
    assert any("guess" in note for note in description.notes)


def test_the_vector_is_what_the_network_computes(tmp_path: Path) -> None:
    import openvino

    path = small_network(tmp_path)
    mean, std = (120.0, 110.0, 100.0), (50.0, 60.0, 70.0)
    picture = np.random.default_rng(1).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    for channels in ("RGB", "BGR"):
        embedder = OpenVino(path, output="ReduceMean#0", mean=mean, std=std, channels=channels)
        ordered = picture if channels == "RGB" else picture[..., ::-1]
        given = ((ordered - np.array(mean)) / np.array(std)).astype(np.float32).transpose(2, 0, 1)[None]
        model = openvino.Core().read_model(path)
        pooled = next(node for node in model.get_ops() if node.get_type_name() == "ReduceMean")
        whole = openvino.Model([pooled.output(0)], model.get_parameters(), "plain")
        expected = openvino.compile_model(whole, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(given)[0]
        assert embedder.embed([picture])[0] == pytest.approx(expected[0], rel=1e-3, abs=1e-4)


def test_the_mirrored_vector_is_the_mean_of_both(tmp_path: Path) -> None:
    path = small_network(tmp_path)
    picture = np.random.default_rng(1).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    other = np.ascontiguousarray(picture[:, ::-1])
    single, mirrored = OpenVino(path), OpenVino(path, mirror=True)
    both = single.embed([picture, other])
    assert mirrored.embed([picture])[0] == pytest.approx(both.mean(axis=0), rel=1e-4, abs=1e-4)
    assert mirrored.embed([picture])[0] == pytest.approx(mirrored.embed([other])[0], rel=1e-6)


def test_a_wrong_file_says_what_is_wrong(tmp_path: Path) -> None:
    path = small_network(tmp_path)
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(InputError, match=r"text\.onnx cannot be read as a network"):
        _ = OpenVino(tmp_path / "text.onnx").id
    with pytest.raises(MissingPart, match="does not exist"):
        _ = OpenVino(tmp_path / "absent.onnx").id
    with pytest.raises(InputError, match="no ONNX, TFLite"):
        _ = OpenVino(tmp_path / "weights.pt").id
    with pytest.raises(Refused, match="was made with abc"):
        _ = OpenVino(path, sha256="abc").id
    with pytest.raises(InputError, match="no value 'nothing'") as error:
        _ = OpenVino(path, output="nothing").id
    assert "ReduceMean#0" in error.value.hint
    path.with_suffix(".bin").unlink()
    with pytest.raises(MissingPart, match=r"small\.bin"):
        _ = OpenVino(path).id


def test_a_changed_file_is_refused_by_its_hash(tmp_path: Path) -> None:
    path = small_network(tmp_path)
    sha256 = describe(path).sha256
    assert OpenVino(path, sha256=sha256).dim == 40
    small_network(tmp_path, seed=2)
    with pytest.raises(Refused, match="SHA-256"):
        OpenVino(path, sha256=sha256).embed([plain()])


def test_bf16_runs_where_the_processor_has_it_and_is_refused_elsewhere(tmp_path: Path) -> None:
    embedder = OpenVino(small_network(tmp_path), precision="bf16")
    if best_precision() == "bf16":
        assert np.isfinite(embedder.embed([plain()])).all()
    else:
        with pytest.raises(Refused, match="bf16") as error:
            embedder.embed([plain()])
        assert "f32" in error.value.hint


def test_settings_build_one_part_or_a_composite(tmp_path: Path) -> None:
    small_network(tmp_path)
    both = build(EmbedderSettings(model="small.xml"), folder=tmp_path)
    names = [block.name for block in both.blocks]
    assert names == ["openvino.ReduceMean#0", "openvino.Relu#0", "color-shape.color", "color-shape.shape"]
    assert build(EmbedderSettings(), folder=tmp_path).id == ColorShape().id
    alone = build(EmbedderSettings(model="small.xml", color_shape=False), folder=tmp_path)
    assert alone.id == OpenVino(tmp_path / "small.xml").id
    with pytest.raises(InputError, match="no embedder is switched on"):
        build(EmbedderSettings(color_shape=False), folder=tmp_path)
    with pytest.raises(InputError, match="'color-shap' is unknown"):
        make("color-shap")


def test_a_hub_address_needs_owner_name_and_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no hub address"):
        weights("hf://owner/model.onnx", folder=tmp_path)


def test_a_hub_address_without_the_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # what Python does where it is not installed
    with pytest.raises(MissingPart, match="hub extra") as error:
        weights("hf://owner/name/model.onnx", folder=tmp_path)
    assert "vitrine[hub]" in error.value.hint
