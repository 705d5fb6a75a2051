"""A day of small files of vectors becomes a few large ones: nothing is lost, whoever reads, merges or dies meanwhile."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flaky_store import Door, flaky
from small_store import new_bucket, reach_store
from vitrine.embed.embeddings import Embeddings
from vitrine.errors import StorageError
from vitrine.stores.objects import Objects

DIM = 4
GROUP = 3  # photos that arrive together
FEW = 31  # at most 15 of either small size, and the large ones


def ids_of(group: int) -> list[str]:
    return [f"{group:060x}{photo:04x}" for photo in range(GROUP)]


def vectors_of(groups: range) -> np.ndarray:
    numbers = np.array([group * GROUP + photo for group in groups for photo in range(GROUP)], np.float32)
    return numbers[:, None] + np.arange(DIM, dtype=np.float32) / DIM


def fill(store: Embeddings, groups: range) -> None:
    for group in groups:
        store.add(ids_of(group), vectors_of(range(group, group + 1)))


def has_all(store: Embeddings, groups: range) -> bool:
    ids = [one for group in groups for one in ids_of(group)]
    return not store.missing(ids) and np.array_equal(store.take(ids), vectors_of(groups))


@pytest.fixture
def store(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    with flaky(s3_endpoint) as door:
        reach_store(monkeypatch, door.url)
        yield door


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "place")
    request.getfixturevalue("store")
    return f"s3://{new_bucket()}/place"


def machine(place: str, tmp_path: Path, name: str) -> Embeddings:
    """One with a cache of its own."""
    return Embeddings(place, "toy-1", DIM, cache=tmp_path / name)


def test_a_day_of_groups_leaves_few_files_and_opens_fast(tmp_path: Path) -> None:
    place, day = str(tmp_path / "place"), range(1_440)
    store, early = machine(place, tmp_path, "a"), machine(place, tmp_path, "b")
    for start in range(0, len(day), 60):
        fill(store, range(start, start + 60))
        store.merge()
    assert len(Objects(f"{place}/toy-1").names()) <= FEW
    begun = time.perf_counter()
    late = machine(place, tmp_path, "c")
    assert time.perf_counter() - begun < 2.0
    assert len(late) == len(day) * GROUP and all(has_all(one, day) for one in (store, early, late))
    assert store.merge() == 0, "nothing to merge, nothing written"


def test_who_reads_meanwhile_finds_every_vector(place: str, tmp_path: Path) -> None:
    groups = range(40)
    store = machine(place, tmp_path, "a")
    fill(store, groups)
    knew, worker = machine(place, tmp_path, "b"), machine(place, tmp_path, "c")
    worker.look_at(worker.files_of(ids_of(0)))
    assert store.merge() == 40 and len(Objects(f"{place}/toy-1").names()) == 1
    assert np.array_equal(knew.take(ids_of(7)), vectors_of(range(7, 8))), "taken by where it was, found where it is"
    assert has_all(knew, groups) and has_all(store, groups)
    assert np.array_equal(worker.take(ids_of(0)), vectors_of(range(1)))
    fill(knew, range(40, 60))
    assert has_all(store, range(60)) and knew.merge() == 21 and has_all(store, range(60))


def test_two_that_merge_and_one_that_adds_at_once_lose_nothing(place: str, tmp_path: Path) -> None:
    groups = range(120)
    stores = [machine(place, tmp_path, name) for name in "abc"]
    fill(stores[0], range(60))
    problems: list[Exception] = []

    def merge(store: Embeddings) -> None:
        try:
            for _ in range(6):
                store.merge()
                assert has_all(store, range(60))
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=merge, args=(store,)) for store in stores[:2]]
    for thread in threads:
        thread.start()
    fill(stores[2], range(60, 120))
    for thread in threads:
        thread.join()
    assert not problems
    assert all(has_all(store, groups) for store in [*stores, machine(place, tmp_path, "d")])


def test_a_store_that_fails_while_files_are_taken_away_loses_nothing(store: Door, tmp_path: Path) -> None:
    place, groups = f"s3://{new_bucket()}/place", range(40)
    one = machine(place, tmp_path, "a")
    fill(one, groups)
    removed = 0

    def fail_later(_number: int, method: str, path: str) -> int | None:
        nonlocal removed
        removed += method == "DELETE"
        return 403 if removed > 5 else None

    store.fault = fail_later
    with pytest.raises(StorageError, match="could not remove"):
        one.merge()
    store.fault = lambda number, method, path: None
    assert has_all(one, groups) and has_all(machine(place, tmp_path, "b"), groups)
    assert one.merge() > 0 and has_all(one, groups) and has_all(machine(place, tmp_path, "c"), groups)


KILLABLE = """
import sys
from vitrine.embed.embeddings import Embeddings
store = Embeddings(sys.argv[1], "toy-1", 4)
print("ready", flush=True)
store.merge()
"""


@pytest.mark.slow
def test_killed_at_random_points_nothing_is_lost(tmp_path: Path) -> None:
    place, groups, seed = str(tmp_path / "place"), range(400), random.randrange(10**6)
    fill(machine(place, tmp_path, "a"), groups)
    delays = random.Random(seed)
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", KILLABLE, place], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delays.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert has_all(machine(place, tmp_path, "b"), groups), f"seed {seed}"
    last = machine(place, tmp_path, "c")
    last.merge()
    assert len(Objects(f"{place}/toy-1").names()) <= FEW and has_all(last, groups), f"seed {seed}"
