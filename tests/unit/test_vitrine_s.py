"""The network that comes with Vitrine: small enough, the one its card describes, and usable by its name anywhere."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command import vitrine
from small_network import two_vectors
from vitrine.embed.build import propose_network
from vitrine.embed.describe import describe
from vitrine.embed.network import read_network
from vitrine.embed.openvino import OpenVino
from vitrine.embed.weights import OWN, file_sha256, weights
from vitrine.workspace import Workspace
from vitrine.workspace import open as open_workspace

CARD = Path(__file__).parents[2] / "docs" / "reference" / "vitrine-s.md"


@pytest.fixture(scope="module")
def network() -> Path:
    return weights("vitrine-s", folder=Path("/nowhere"))


def test_it_is_small_enough_and_the_one_its_card_describes(network: Path) -> None:
    constants = [node for node in read_network(network).get_ordered_ops() if node.get_type_name() == "Constant"]
    assert sum(np.prod(node.get_output_shape(0)) for node in constants) < 4_000_000
    assert network.stat().st_size < 8_000_000
    assert b'File "' not in network.read_bytes()  # notes of whoever made it
    said = re.search(r"SHA-256 \| `([0-9a-f]{64})`", CARD.read_text(encoding="utf-8"))
    assert said and said[1] == file_sha256(network)


def test_it_gives_four_vectors_and_the_same_ones_for_the_same_photo(network: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 90, 120, 3), np.uint8)
    embedder = OpenVino(network)
    assert [(block.name, block.stop - block.start) for block in embedder.blocks] == [
        ("embedding", 1280),
        ("depth-14", 1152),
        ("depth-28", 384),
        ("depth-56", 288),
    ]
    together, alone = embedder.embed(list(pixels)), embedder.embed([pixels[1]])
    assert together[1].tobytes() == alone[0].tobytes()
    assert np.isfinite(together).all() and not np.array_equal(together[0], together[1])


def test_a_workspace_names_it_and_works_wherever_it_is_moved(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for number, name in enumerate(("round", "square") * 6):
        (photos / name).mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (96, 96, 3), np.uint8)
        Image.fromarray(noise).save(photos / name / f"{number}.png")
    shop = tmp_path / "shop"
    vitrine("init", "--folders", photos, "--attribute", "kind", "--workspace", shop)
    assert 'model = "vitrine-s"' in (shop / "vitrine.toml").read_text(encoding="utf-8")
    vitrine("ingest", photos, "--folders", "--attribute", "kind", "--workspace", shop)
    moved = shutil.move(shop, tmp_path / "elsewhere")
    workspace: Workspace = open_workspace(moved)
    assert workspace.embedder.dim > 2 * 3104


def test_a_name_that_is_none_is_told_what_there_is(tmp_path: Path) -> None:
    taxonomy = tmp_path / "taxonomy.toml"
    taxonomy.write_text('[attributes.kind]\nvalues = ["round", "square"]\n', encoding="utf-8")
    failed = vitrine(
        "init", "--taxonomy", taxonomy, "--weights", "vitrine-m", "--workspace", tmp_path / "shop", expect=2
    )
    assert "vitrine-m" in failed.stderr and " or ".join(OWN) in failed.stderr
    assert not (tmp_path / "shop").exists()


def test_a_network_that_gives_several_vectors_is_read_at_all_of_them(tmp_path: Path) -> None:
    path = two_vectors(tmp_path)
    assert describe(path).outputs == ("near", "far")
    # half precision costs the colors that early layers see
    assert propose_network(path)["precision"] == "f32"
