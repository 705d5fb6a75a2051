"""Fashion-MNIST in and out of files: what is damaged is named, the parts are fixed, a download goes on where it broke off."""

import gzip
import struct
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrine.errors import InputError, MissingPart, NotFound
from vitrine.zoo import fetch as fetching
from vitrine.zoo.data import CLASSES, FILES, garment_set, per_class, read_fashion_mnist
from vitrine.zoo.drawn import draw_garments
from vitrine.zoo.idx import read_idx


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@settings(max_examples=40, deadline=None)
@given(shape=st.lists(st.integers(1, 6), min_size=1, max_size=4), packed=st.booleans(), seed=st.integers(0, 99))
def test_what_is_written_as_idx_is_read_back(tmp_path_factory, shape: list[int], packed: bool, seed: int) -> None:
    array = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    path = tmp_path_factory.mktemp("idx") / "a"
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    assert np.array_equal(read_idx(path), array)


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 30), packed=st.booleans())
def test_a_truncated_file_is_an_input_error(tmp_path_factory, cut: int, packed: bool) -> None:
    whole = idx(np.arange(20, dtype=np.uint8))
    content = gzip.compress(whole) if packed else whole
    path = tmp_path_factory.mktemp("idx") / "labels"
    path.write_bytes(content[: min(cut, len(content) - 1)])
    with pytest.raises(InputError, match="labels"):
        read_idx(path)


def test_another_kind_of_file_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"PK\x03\x04 a zip")
    with pytest.raises(InputError, match="no IDX file of bytes: it begins with 50 4b 03 04"):
        read_idx(tmp_path / "a")
    with pytest.raises(NotFound):
        read_idx(tmp_path / "absent")


def test_a_wrong_checksum_names_both(tmp_path: Path) -> None:
    name = "train-images-idx3-ubyte"
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx(np.zeros((2, 28, 28), dtype=np.uint8))))
    with pytest.raises(InputError, match=f"expected {FILES[name]}") as error:
        read_fashion_mnist(tmp_path)
    assert "vitrine zoo fetch" in error.value.hint


def test_without_the_files_it_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match=r"no train-images-idx3-ubyte\.gz") as error:
        read_fashion_mnist(tmp_path)
    assert "--drawn" in error.value.hint


def test_parts_are_disjoint_stratified_and_depend_on_the_pictures_alone() -> None:
    drawn = draw_garments(train=360, test=120, seed=3)
    learnt = {picture.tobytes() for picture in drawn.train.pictures}
    assert not any(picture.tobytes() in learnt for picture in drawn.validation.pictures)
    assert set(per_class(drawn.validation.labels).values()) == {3}
    pictures = np.concatenate([drawn.train.pictures, drawn.validation.pictures])
    labels = np.concatenate([drawn.train.labels, drawn.validation.labels]).astype(np.uint8)
    shuffled = np.random.default_rng(0).permutation(len(labels))
    judged = (drawn.test.pictures, drawn.test.labels.astype(np.uint8))
    again = garment_set((pictures[shuffled], labels[shuffled]), judged)
    assert {p.tobytes() for p in again.validation.pictures} == {p.tobytes() for p in drawn.validation.pictures}
    assert again.data_id != drawn.data_id  # the order of rows is part of what a seed repeats


def test_pictures_without_enough_labels_are_refused() -> None:
    drawn = draw_garments(train=360, test=120, seed=3)
    judged = (drawn.test.pictures, drawn.test.labels.astype(np.uint8))
    pictures, labels = drawn.train.pictures, drawn.train.labels.astype(np.uint8)
    one_class = labels == CLASSES.index("bag")
    with pytest.raises(InputError, match=r"class 0 \(t-shirt\) has 0"):
        garment_set((pictures[one_class], labels[one_class]), judged)
    with pytest.raises(InputError, match="there is no class 11"):
        garment_set((pictures, np.where(labels == 3, 11, labels).astype(np.uint8)), judged)
    with pytest.raises(InputError, match="are needed"):
        garment_set((pictures, labels[:-1]), judged)


class Mirror(BaseHTTPRequestHandler):
    """Serves a folder over HTTP with ranges; breaks off after `limit` bytes of the first answer."""

    def __init__(self, *arguments: object, folder: Path, asked: list[str], limit: list[int]) -> None:
        self.folder, self.asked, self.limit = folder, asked, limit
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = self.folder / self.path.strip("/")
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.asked.append(f"{path.name} {start}")
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: self.limit.pop()] if self.limit else data)
        self.close_connection = True

    def log_message(self, format: str, *values: object) -> None:
        """Stay silent."""


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path, list[str], list[int]]]:
    """A local server with four small files whose checksums stand in for the published ones."""
    import hashlib

    served = tmp_path / "served"
    served.mkdir()
    known = {}
    for name in FILES:
        content = idx(np.random.default_rng(len(name)).integers(0, 256, 5_000).astype(np.uint8))
        (served / f"{name}.gz").write_bytes(gzip.compress(content))
        known[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(fetching, "FILES", known)
    asked: list[str] = []
    limit: list[int] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Mirror, folder=served, asked=asked, limit=limit))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", served, asked, limit
    server.shutdown()


def test_a_download_goes_on_where_it_broke_off(mirror, tmp_path: Path) -> None:
    source, served, asked, limit = mirror
    limit.append(1_000)
    with pytest.raises(MissingPart, match=r"1,000 of [\d,]+ bytes") as error:
        fetching.fetch(tmp_path / "data", source=source)
    assert "run the same command again" in error.value.hint
    paths = fetching.fetch(tmp_path / "data", source=source)
    assert asked[:2] == ["train-images-idx3-ubyte.gz 0", "train-images-idx3-ubyte.gz 1000"]
    assert all(path.read_bytes() == (served / path.name).read_bytes() for path in paths)
    assert not list((tmp_path / "data").glob("*.part"))
    before = len(asked)
    fetching.fetch(tmp_path / "data", source=source)
    assert len(asked) == before, "files that are whole are not asked for again"


def test_a_file_that_is_not_the_published_one_is_refused_and_not_kept(mirror, tmp_path: Path) -> None:
    source, served, _, _ = mirror
    (served / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros(9, dtype=np.uint8))))
    with pytest.raises(InputError, match="SHA-256"):
        fetching.fetch(tmp_path / "data", source=source)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["train-images-idx3-ubyte.gz"]


def test_offline_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match="cannot be reached") as error:
        fetching.fetch(tmp_path, source="http://127.0.0.1:9")
    assert "--data" in error.value.hint
    with pytest.raises(InputError, match="no http address"):
        fetching.fetch(tmp_path, source="file:///etc")


@pytest.mark.real
def test_the_published_set_has_the_parts_of_the_protocol(real_data: Path) -> None:
    garments = read_fashion_mnist(real_data / "fashion-mnist")
    assert [len(part) for part in (garments.train, garments.validation, garments.test)] == [55_000, 5_000, 10_000]
    assert set(per_class(garments.validation.labels).values()) == {500}
    assert set(per_class(garments.test.labels).values()) == {1_000}
