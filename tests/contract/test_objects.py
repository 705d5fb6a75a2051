"""Folder and object store keep the same promises: whole or not there, listed as they are now, failures said clearly."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from flaky_store import Door, flaky
from small_store import new_bucket, reach_store
from vitrine.embed.embeddings import Embeddings
from vitrine.embed.vector_file import file_name
from vitrine.errors import NotFound, StorageError
from vitrine.intake.source import PhotoSource
from vitrine.stores.objects import Objects


@pytest.fixture
def store(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A real S3 server, behind a door that can be made to fail."""
    with flaky(s3_endpoint) as door:
        reach_store(monkeypatch, door.url)
        yield door


@pytest.fixture
def bucket(store: Door) -> str:
    return new_bucket()


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "place") if request.param == "folder" else f"s3://{request.getfixturevalue('bucket')}/place"


def test_what_is_put_is_there_for_everybody_at_once(place: str) -> None:
    here, there = Objects(place), Objects(place)
    assert there.names() == [] and not there.has("b")
    here.put("b", b"1")
    here.put("a", b"2")
    assert there.names() == ["a", "b"] and there.has("b") and there.get("a") == b"2"
    here.put("b", b"3")
    assert there.get("b") == b"3"
    here.move("b", "quarantine/b")
    assert there.names() == ["a"] and there.get("quarantine/b") == b"3"
    there.remove("a")
    there.remove("a")
    assert here.names() == []
    with pytest.raises(NotFound):
        here.get("a")


def test_vectors_are_shared_between_machines(place: str, tmp_path: Path) -> None:
    """Two stores with caches of their own stand for two machines."""
    one, other = (Embeddings(place, "toy-1", 3, cache=tmp_path / name) for name in ("one", "other"))
    ids = [f"{n:064x}" for n in range(600)]
    vectors = np.arange(1_800, dtype=np.float32).reshape(600, 3)
    one.add(ids[:256], vectors[:256])
    assert other.missing(ids[:300]) == ids[256:300]
    other.add(ids[256:], vectors[256:])
    assert np.array_equal(one.take(ids[::-1]), vectors[::-1])
    assert len(Embeddings(place, "toy-1", 3, cache=tmp_path / "third")) == 600


def test_a_worker_that_looks_at_few_files_finds_its_batch_again(place: str, tmp_path: Path) -> None:
    every = Embeddings(place, "toy-1", 3, cache=tmp_path / "every")
    ids = [f"{n:064x}" for n in range(600)]
    vectors = np.arange(1_800, dtype=np.float32).reshape(600, 3)
    every.add(ids[:10], vectors[:10])
    worker = Embeddings(place, "toy-1", 3, cache=tmp_path / "worker")
    worker.look_at([])
    assert worker.missing(ids) == ids, "it knows nothing that it was not told"
    worker.look_at(every.files_of(ids[:5]))
    assert worker.missing(ids) == ids[10:]
    worker.add(ids[10:266], vectors[10:266])
    again = Embeddings(place, "toy-1", 3, cache=tmp_path / "again")
    again.look_at(every.files_of(ids[:5]))
    assert again.missing(ids) == ids[266:], "what the worker before it had written is not made again"
    assert np.array_equal(again.take(ids[:266]), vectors[:266])


def test_a_damaged_copy_is_fetched_again_and_a_damaged_file_set_aside(bucket: str, tmp_path: Path) -> None:
    place, ids, vectors = f"s3://{bucket}/v", ["a" * 64, "b" * 64], np.ones((2, 3), np.float32)
    Embeddings(place, "toy-1", 3, cache=tmp_path / "one").add(ids, vectors)
    copy = tmp_path / "one" / "toy-1" / file_name(ids)
    copy.write_bytes(copy.read_bytes()[:-100])
    again = Embeddings(place, "toy-1", 3, cache=tmp_path / "one")
    assert np.array_equal(again.take(ids), vectors) and not again.quarantined
    files = Objects(f"{place}/toy-1")
    files.put(file_name(ids), b"ARROW1 but no more")
    other = Embeddings(place, "toy-1", 3, cache=tmp_path / "other")
    assert other.missing(ids) == ids and len(other.quarantined) == 1
    assert files.names() == [] and files.has(f"quarantine/{file_name(ids)}")


def test_an_upload_that_stops_in_the_middle_is_never_seen(s3_endpoint: str, bucket: str) -> None:
    """A connection that ends before the stated length, as a killed process leaves it."""
    address = urlsplit(s3_endpoint)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"PUT /{bucket}/place/part-0 HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 1000000\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 500_000)
    objects = Objects(f"s3://{bucket}/place")
    assert objects.names() == [] and not objects.has("part-0")


@pytest.mark.parametrize("fault", [503, 500, "drop", "cut"])
def test_a_store_that_fails_for_a_moment_is_asked_again(store: Door, bucket: str, fault: int | str) -> None:
    objects = Objects(f"s3://{bucket}/place")
    objects.put("a", b"1")
    store.seen = 0
    store.fault = lambda number, method, path: fault if number <= 2 else None
    assert objects.get("a") == b"1"
    assert store.seen > 2
    store.seen = 0
    objects.put("a", b"2" * 1_000)
    assert store.seen > 2
    assert objects.get("a") == b"2" * 1_000


def test_a_store_that_doubts_the_clock_is_no_fault_of_a_photo(store: Door, bucket: str) -> None:
    """S3 refuses every request of a machine whose clock is wrong; as of a file, such a refusal would put it aside."""
    objects = Objects(f"s3://{bucket}/place")
    objects.put("a.jpg", b"1")
    source = PhotoSource(f"s3://{bucket}/place")
    source.look()
    store.fault = lambda number, method, path: 403
    for use in (
        lambda: objects.get("a.jpg"),
        lambda: objects.put("b", b"2"),
        lambda: source.read("a.jpg"),
        source.look,
    ):
        with pytest.raises(StorageError, match="current time is too large") as caught:
            use()
        assert "clock" in caught.value.hint


@pytest.mark.parametrize("fault", [503, 500, "drop"])
def test_a_store_that_keeps_failing_is_a_clear_error(
    store: Door, bucket: str, fault: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 2)
    s3fs.S3FileSystem.clear_instance_cache()
    objects = Objects(f"s3://{bucket}/place")
    store.fault = lambda number, method, path: fault
    tries = (lambda: objects.get("a"), lambda: objects.put("a", b"1"), objects.names, lambda: objects.has("a"))
    for attempt in tries:
        with pytest.raises(StorageError, match=f"could not (read|write) {bucket}/place") as failed:
            attempt()
        assert "it continues" in failed.value.hint
