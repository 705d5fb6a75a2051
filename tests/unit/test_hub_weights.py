"""Weights from a hub: the real client against a server on this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from small_hub import COMMIT, serve
from small_network import small_network
from vitrine.embed.openvino import OpenVino

pytest.importorskip("huggingface_hub", reason="needs the extra: pip install 'vitrine[hub]'")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    with serve(folder) as address:
        yield folder, address


_ASK = """
import sys
from vitrine.embed.openvino import OpenVino
from vitrine.errors import VitrineError
try:
    print(OpenVino(sys.argv[1]).id)
except VitrineError as error:
    print(error.code, error.text())
"""


def ask(address: str, endpoint: str, cache: Path) -> str:
    """The id that a fresh process gives; the hub's client reads its addresses once, at import."""
    settings = {"HF_ENDPOINT": endpoint, "HF_HUB_CACHE": str(cache), "NO_PROXY": "127.0.0.1"}
    asked = subprocess.run(
        [sys.executable, "-c", _ASK, address],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.strip()


def test_a_network_comes_from_the_hub_once_and_then_from_its_cache(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, endpoint = served
    path = small_network(folder)
    expected = OpenVino(path).id
    assert ask("hf://owner/name/small.xml", endpoint, tmp_path / "cache") == expected
    for file in folder.iterdir():
        file.unlink()
    assert ask(f"hf://owner/name/small.xml@{COMMIT}", endpoint, tmp_path / "cache") == expected


def test_what_the_hub_does_not_have_is_a_missing_part(served: tuple[Path, str], tmp_path: Path) -> None:
    answer = ask("hf://owner/name/absent.onnx", served[1], tmp_path / "cache")
    assert answer.startswith("missing-part hf://owner/name/absent.onnx cannot be fetched from the hub")
    assert "give its path" in answer
