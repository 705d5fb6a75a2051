"""Weights from a hub: the real client against a server on this machine."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from small_network import small_network
from vitrine.embed.openvino import OpenVino

pytest.importorskip("huggingface_hub", reason="needs the extra: pip install 'vitrine[hub]'")

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Answers `/owner/name/resolve/<revision>/<file>` as the hub does, from a folder."""

    def __init__(self, *arguments: object, folder: Path) -> None:
        self.folder = folder
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.folder / self.path.rpartition("/")[2]
        if not self.path.startswith("/owner/name/resolve/") or not path.is_file():
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *values: object) -> None:
        """Stay silent."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, folder=folder))
    Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


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
