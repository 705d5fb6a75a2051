"""The keyed store of vectors: whole or not there, never someone else's."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vitrine.embed.color_shape import ColorShape
from vitrine.embed.embed_missing import embed_missing
from vitrine.embed.embeddings import Embeddings
from vitrine.errors import InputError, NotFound, StorageError, UnreadablePhoto

DIM = 6


def photo_id(number: int) -> str:
    return f"{number:064x}"


def vectors_of(numbers: list[int]) -> NDArray[np.float32]:
    return np.array([[number + column / 10 for column in range(DIM)] for number in numbers], np.float32).reshape(
        -1, DIM
    )


def filled(folder: Path, *batches: list[int]) -> Embeddings:
    store = Embeddings(folder, "toy-1", DIM)
    for batch in batches:
        store.add([photo_id(number) for number in batch], vectors_of(batch))
    return store


def test_what_is_added_is_taken_in_any_order_also_after_reopening(tmp_path: Path) -> None:
    filled(tmp_path, [1, 2, 3], [4, 5])
    store = Embeddings(tmp_path, "toy-1", DIM)
    assert len(store) == 5
    assert np.array_equal(store.take([photo_id(n) for n in (5, 1, 4, 1)]), vectors_of([5, 1, 4, 1]))
    assert store.take([]).shape == (0, DIM)
    assert store.missing([photo_id(n) for n in (9, 2, 8, 9)]) == [photo_id(9), photo_id(8)]


@settings(max_examples=30, deadline=None)
@given(batches=st.lists(st.lists(st.integers(0, 30), unique=True, max_size=8), max_size=6))
def test_the_store_is_a_dictionary(batches: list[list[int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = filled(folder, *batches)
    known = sorted({number for batch in batches for number in batch})
    for one in (store, Embeddings(folder, "toy-1", DIM)):
        assert len(one) == len(known)
        assert np.array_equal(one.take([photo_id(n) for n in known]), vectors_of(known))
        assert one.missing([photo_id(n) for n in range(31)]) == [photo_id(n) for n in range(31) if n not in known]


def test_a_photo_added_twice_keeps_its_first_vector(tmp_path: Path) -> None:
    store = filled(tmp_path, [1, 2])
    store.add([photo_id(2), photo_id(3)], vectors_of([7, 3]))
    assert np.array_equal(store.take([photo_id(2), photo_id(3)]), vectors_of([2, 3]))


def test_two_open_stores_see_each_others_vectors(tmp_path: Path) -> None:
    first, second = filled(tmp_path), filled(tmp_path)
    first.add([photo_id(1)], vectors_of([1]))
    assert second.missing([photo_id(1), photo_id(2)]) == [photo_id(2)]
    second.add([photo_id(2)], vectors_of([2]))
    assert np.array_equal(first.take([photo_id(2)]), vectors_of([2]))


def test_what_cannot_be_a_vector_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    store = filled(tmp_path)
    broken = vectors_of([1, 2])
    for value in (np.nan, np.inf):
        broken[1, 3] = value
        with pytest.raises(InputError, match=f"{photo_id(2)} holds a number that is not finite"):
            store.add([photo_id(1), photo_id(2)], broken)
    with pytest.raises(InputError, match=r"\(2, 6\) numbers, not \(2, 5\)"):
        store.add([photo_id(1), photo_id(2)], vectors_of([1, 2])[:, :5])
    assert len(store) == len(Embeddings(tmp_path, "toy-1", DIM)) == 0


def test_a_missing_vector_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=f"2 photos have no vector of toy-1, the first is {photo_id(8)}"):
        filled(tmp_path, [1]).take([photo_id(8), photo_id(1), photo_id(9), photo_id(8)])


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.7, 0.98])
def test_a_torn_file_is_set_aside_and_its_photos_are_missing(tmp_path: Path, kept: float) -> None:
    filled(tmp_path, [1, 2], [3])
    torn = max((tmp_path / "toy-1").glob("part-*.arrow"), key=lambda path: path.stat().st_size)
    data = torn.read_bytes()
    torn.write_bytes(data[: int(len(data) * kept)])
    store = Embeddings(tmp_path, "toy-1", DIM)
    assert len(store.quarantined) == 1
    assert len(store) + len(store.missing([photo_id(n) for n in (1, 2, 3)])) == 3
    store.add([photo_id(n) for n in (1, 2, 3)], vectors_of([1, 2, 3]))
    again = Embeddings(tmp_path, "toy-1", DIM)
    assert not again.quarantined
    assert np.array_equal(again.take([photo_id(n) for n in (1, 2, 3)]), vectors_of([1, 2, 3]))


def test_no_flipped_byte_gives_a_wrong_vector(tmp_path: Path) -> None:
    filled(tmp_path / "good", [1, 2, 3])
    (good,) = (tmp_path / "good" / "toy-1").glob("part-*.arrow")
    data = good.read_bytes()
    wanted = [photo_id(n) for n in (1, 2, 3)]
    for number, place in enumerate(np.random.default_rng(3).integers(0, len(data), 120)):
        folder = tmp_path / f"bad-{number}"
        (folder / "toy-1").mkdir(parents=True)
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(place % 8)
        (folder / "toy-1" / good.name).write_bytes(flipped)
        store = Embeddings(folder, "toy-1", DIM)
        try:
            taken = store.take(wanted)
        except (NotFound, StorageError):
            assert store.missing(wanted) == wanted
            continue
        assert np.array_equal(taken, vectors_of([1, 2, 3]))


def test_a_file_of_another_embedder_is_not_used(tmp_path: Path) -> None:
    filled(tmp_path, [1])
    other = Embeddings(tmp_path, "toy-2", DIM)
    (part,) = (tmp_path / "toy-1").glob("part-*.arrow")
    (tmp_path / "toy-2" / part.name).write_bytes(part.read_bytes())
    assert other.missing([photo_id(1)]) == [photo_id(1)]
    assert "toy-1" in other.quarantined[0][1]


def test_a_full_disk_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="cannot be written"):
        Embeddings(tmp_path / "file", "toy-1", DIM)


_WRITER = """
import sys, numpy as np
from pathlib import Path
from vitrine.embed.embeddings import Embeddings
store = Embeddings(Path(sys.argv[1]), "toy-1", 6)
for start in range(0, 10**6, 40):
    numbers = range(start, start + 40)
    vectors = np.array([[n + c / 10 for c in range(6)] for n in numbers], np.float32)
    store.add([f"{n:064x}" for n in numbers], vectors)
"""


def test_a_kill_leaves_whole_batches(tmp_path: Path) -> None:
    for round_number in range(4):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], env=os.environ)
        start = time.monotonic()
        before = len(list((tmp_path / "toy-1").glob("part-*.arrow")))
        while len(list((tmp_path / "toy-1").glob("part-*.arrow"))) < before + 3:
            assert time.monotonic() - start < 60
            time.sleep(0.01)
        time.sleep(0.003 * round_number)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        store = Embeddings(tmp_path, "toy-1", DIM)
        assert not store.quarantined
        assert len(store) >= 120 and len(store) % 40 == 0
        numbers = list(range(len(store)))
        assert np.array_equal(store.take([photo_id(n) for n in numbers]), vectors_of(numbers))


def test_vectors_stay_on_disk(tmp_path: Path) -> None:
    """Memory grows by what is taken, not by what is stored: 96 MB here, taken 1 MB at a time."""
    store = Embeddings(tmp_path, "wide-1", 1_600)
    rng = np.random.default_rng(0)
    for start in range(0, 15_000, 1_000):
        ids = [photo_id(n) for n in range(start, start + 1_000)]
        store.add(ids, rng.random((1_000, 1_600), np.float32))
    store = Embeddings(tmp_path, "wide-1", 1_600)
    before = _resident_mb()
    for _ in range(10):
        store.take([photo_id(int(n)) for n in rng.integers(0, 15_000, 160)])
    assert _resident_mb() - before < 40
    assert pa.total_allocated_bytes() < 2**20


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def picture(number: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(number)
    image = np.full((20 + number % 7, 30, 3), 255, np.uint8)
    image[5:15, 5:25] = rng.integers(0, 255, 3)
    return image


def load(wanted: str) -> NDArray[np.uint8]:
    number = int(wanted, 16)
    if number % 10 == 7:
        raise UnreadablePhoto(f"photo {number} ends early", reason="truncated")
    return picture(number)


def test_only_missing_photos_are_embedded_and_failures_are_reported(tmp_path: Path) -> None:
    embedder = ColorShape()
    store = Embeddings(tmp_path, embedder.id, embedder.dim)
    seen: list[tuple[int, int]] = []
    ids = [photo_id(n) for n in range(60)]
    report = embed_missing(
        ids[:40], load, embedder, store, chunk=7, on_progress=lambda done, total: seen.append((done, total))
    )
    assert report.embedded == 36
    assert [failed for failed, _ in report.failed] == [photo_id(n) for n in (7, 17, 27, 37)]
    assert "ends early" in report.failed[0][1]
    assert seen[-1] == (40, 40) and seen == sorted(seen)
    second = embed_missing(ids, load, embedder, store)
    assert (second.embedded, len(second.failed)) == (18, 6)
    good = [n for n in range(60) if n % 10 != 7]
    expected = embedder.embed([picture(n) for n in good])
    assert np.array_equal(store.take([photo_id(n) for n in good]), expected)
    assert embed_missing([photo_id(n) for n in good], load, embedder, store).embedded == 0


def test_an_interrupted_run_keeps_its_whole_chunks(tmp_path: Path) -> None:
    embedder = ColorShape()
    store = Embeddings(tmp_path, embedder.id, embedder.dim)

    def interrupt(done: int, total: int) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    ids = [photo_id(n) for n in range(100, 130) if n % 10 != 7]
    with pytest.raises(KeyboardInterrupt):
        embed_missing(ids, load, embedder, store, chunk=8, on_progress=interrupt)
    assert len(Embeddings(tmp_path, embedder.id, embedder.dim)) == 16
    assert embed_missing(ids, load, embedder, store).embedded == len(ids) - 16
