"""What every embedder promises, checked on each of them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from small_network import small_network
from vitrine.embed.build import EMBEDDERS, make
from vitrine.embed.color_shape import ColorShape
from vitrine.embed.composite import Composite
from vitrine.embed.embedder import Embedder, embedder_id
from vitrine.embed.openvino import OpenVino
from vitrine.errors import InputError

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_network(tmp_path_factory.mktemp("network"))


@pytest.fixture(
    scope="module", params=["color-shape", "openvino", "openvino-mirror", "openvino-center", "composite", "vitrine-s"]
)
def embedder(request: pytest.FixtureRequest, network: Path) -> Embedder:
    makers: dict[str, Callable[[], Embedder]] = {
        "color-shape": ColorShape,
        "openvino": lambda: OpenVino(network),
        "openvino-mirror": lambda: OpenVino(network, mirror=True, resize="crop"),
        "openvino-center": lambda: OpenVino(network, center=0.7),
        "composite": lambda: Composite([OpenVino(network), ColorShape()]),
        "vitrine-s": lambda: OpenVino("vitrine-s"),
    }
    return makers[request.param]()


@pytest.fixture(scope="module")
def photos() -> list[Image]:
    rng = np.random.default_rng(5)
    sizes = [(64, 64), (48, 90), (120, 31), (32, 32), (200, 150), (17, 300), (33, 33), (96, 64)]
    return [_product(rng, height, width) for height, width in sizes]


def _product(rng: np.random.Generator, height: int, width: int) -> Image:
    image = np.full((height, width, 3), 255, np.uint8)
    top, left = height // 5, width // 6
    image[top : height - top, left : width - left // 2] = rng.integers(0, 230, 3)
    noise = rng.integers(-6, 7, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def test_every_registered_embedder_is_under_this_contract() -> None:
    assert set(EMBEDDERS) == {"color-shape", "openvino", "composite"}


def test_it_has_the_few_members_of_the_protocol(embedder: Embedder) -> None:
    assert isinstance(embedder, Embedder)


def test_the_same_photo_alone_in_any_batch_and_any_order_gives_the_same_bits(
    embedder: Embedder, photos: list[Image]
) -> None:
    together = embedder.embed(photos)
    alone = np.concatenate([embedder.embed([photo]) for photo in photos])
    backwards = embedder.embed(photos[::-1])[::-1]
    many = embedder.embed(photos * 5).reshape(5, len(photos), -1)
    assert np.array_equal(together, alone)
    assert np.array_equal(together, backwards)
    assert all(np.array_equal(together, part) for part in many)


def test_another_instance_of_the_same_contract_gives_the_same_bits(network: Path, photos: list[Image]) -> None:
    first, second = (Composite([OpenVino(network), ColorShape()]) for _ in range(2))
    assert first.id == second.id
    assert np.array_equal(first.embed(photos), second.embed(photos))


def test_dim_and_blocks_agree_with_the_vectors(embedder: Embedder, photos: list[Image]) -> None:
    vectors = embedder.embed(photos)
    assert vectors.shape == (len(photos), embedder.dim)
    assert vectors.dtype == np.float32
    assert [block.start for block in embedder.blocks] == [0, *(block.stop for block in embedder.blocks[:-1])]
    assert embedder.blocks[-1].stop == embedder.dim
    assert len({block.name for block in embedder.blocks}) == len(embedder.blocks)
    assert embedder.embed([]).shape == (0, embedder.dim)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((1, 1, 3), 255, np.uint8),
        np.full((64, 64, 3), 255, np.uint8),
        np.zeros((64, 64, 3), np.uint8),
        np.repeat(np.tile(np.arange(256, dtype=np.uint8), (40, 1))[..., None], 3, axis=2),
        np.repeat(np.tile(np.arange(256, dtype=np.uint8), (40, 1)).T[..., None], 3, axis=2),
        np.full((1, 3000, 3), 120, np.uint8),
        np.full((3000, 2, 3), 120, np.uint8),
        np.indices((50, 50)).sum(0)[..., None].repeat(3, 2).astype(np.uint8) % 2 * 255,
    ],
    ids=[
        "1x1 black",
        "1x1 white",
        "white",
        "black",
        "gradient",
        "gradient down",
        "line",
        "column",
        "checkers",
    ],
)
def test_a_degenerate_picture_gives_finite_numbers(embedder: Embedder, image: Image) -> None:
    assert np.isfinite(embedder.embed([image.astype(np.uint8)])).all()


def test_what_is_no_rgb_picture_is_refused(embedder: Embedder, photos: list[Image]) -> None:
    for wrong in (np.zeros((5, 5), np.uint8), np.zeros((5, 5, 4), np.uint8), np.zeros((0, 5, 3), np.uint8)):
        with pytest.raises(InputError, match="RGB"):
            embedder.embed([photos[0], wrong])
    with pytest.raises(InputError, match="float64"):
        embedder.embed([np.zeros((5, 5, 3))])  # type: ignore[list-item]
    assert embedder.embed(photos[:1]).shape == (1, embedder.dim)


def test_a_read_only_or_strided_picture_is_the_same_picture(embedder: Embedder, photos: list[Image]) -> None:
    doubled = np.repeat(np.repeat(photos[1], 2, axis=0), 2, axis=1)
    view = doubled[::2, ::2]
    view.flags.writeable = False
    assert np.array_equal(embedder.embed([view]), embedder.embed([photos[1]]))


def test_the_id_is_the_name_and_a_hash_of_the_contract(embedder: Embedder) -> None:
    name = embedder.id.rpartition("-")[0]
    assert embedder.id == embedder_id(name, embedder.contract)
    assert len(embedder.id.rpartition("-")[2]) == 12


def test_the_id_changes_with_every_field_of_the_contract(network: Path, tmp_path: Path) -> None:
    other = small_network(tmp_path, name="other", seed=1)
    embedders = [
        OpenVino(network),
        OpenVino(other),
        OpenVino(network, output="ReduceMean#0"),
        OpenVino(network, resize="crop"),
        OpenVino(network, resize="squash"),
        OpenVino(network, channels="BGR"),
        OpenVino(network, size=48),
        OpenVino(network, mean=(1.0, 2.0, 3.0)),
        OpenVino(network, std=(1.0, 2.0, 3.0)),
        OpenVino(network, precision="bf16"),
        OpenVino(network, mirror=True),
        OpenVino(network, center=0.7),
        OpenVino(network, center=0.6),
        ColorShape(),
        Composite([OpenVino(network), ColorShape()]),
        Composite([ColorShape(), OpenVino(network)]),
        Composite([OpenVino(network), OpenVino(other)]),
    ]
    assert len({one.id for one in embedders}) == len(embedders)


def test_the_id_does_not_change_with_the_place_of_the_file(network: Path, tmp_path: Path) -> None:
    for suffix in (".xml", ".bin"):
        shutil.copy(network.with_suffix(suffix), tmp_path / f"renamed{suffix}")
    assert OpenVino("renamed.xml", folder=tmp_path).id == OpenVino(network).id


def test_blocks_of_a_composite_have_length_one(network: Path, photos: list[Image]) -> None:
    composite = make("composite", parts=[OpenVino(network), ColorShape(), OpenVino(network, mirror=True)])
    vectors = composite.embed(photos)
    for block in composite.blocks:
        lengths = np.linalg.norm(vectors[:, block.start : block.stop], axis=1)
        assert lengths == pytest.approx(1.0, abs=1e-5)
