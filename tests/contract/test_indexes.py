"""Every index finds what an exact scan finds, sees changes at once, filters inside the search, and can be filled again."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vitrine.errors import InputError, MissingPart
from vitrine.lookalike.index import INDEXES, Index, make
from vitrine.lookalike.rows import Rows, map_points, write_points

Make = Callable[[int], Index]
DIM = 48


@pytest.fixture(params=list(INDEXES))
def empty(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes empty indexes of one kind."""
    made: list[Index] = []
    options = {}
    if request.param == "ivf":
        pytest.importorskip("faiss", reason="pip install 'vitrine[ann]'")
    if request.param == "pgvector":
        server: str = request.getfixturevalue("postgresql")
        name = f"v{uuid.uuid4().hex}"
        with sa.create_engine(server.format(name="postgres"), isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        options = {"url": server.format(name=name)}

    def new(dim: int) -> Index:
        names = {"table": f"sp_{len(made)}"} if options else {}
        made.append(make(request.param, dim, **options, **names))
        return made[-1]

    yield new
    for one in made:
        getattr(one, "close", lambda: None)()


def clustered(count: int, dim: int = DIM, seed: int = 0) -> NDArray[np.float32]:
    """Points of length one around 60 centers, as products of a few kinds are."""
    random = np.random.default_rng(seed)
    centers = random.standard_normal((60, dim))
    points = centers[random.integers(0, 60, count)] + 0.6 * random.standard_normal((count, dim))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def scan(points: NDArray[np.float32], query: NDArray[np.float32], count: int, usable: NDArray[np.bool_]) -> list[int]:
    scores = np.where(usable, points @ query, -np.inf)
    return [int(i) for i in np.argsort(-scores, kind="stable")[:count] if np.isfinite(scores[i])]


@pytest.mark.parametrize("share", [1.0, 0.5, 0.01], ids=lambda share: f"{share:.0%} allowed")
def test_recall_at_10_against_a_scan_is_at_least_97_percent(empty: Make, share: float) -> None:
    points, queries = clustered(12_000), clustered(100, seed=1)
    index = empty(DIM)
    index.put(np.arange(12_000), points)
    allowed = np.random.default_rng(2).random(12_000) < share
    found, scores = index.search(queries, 10, allowed=None if share == 1 else allowed)
    usable = allowed if share < 1 else np.ones(12_000, np.bool_)
    right = [len(set(found[row].tolist()) & set(scan(points, query, 10, usable))) for row, query in enumerate(queries)]
    assert np.mean(right) / 10 >= 0.97
    assert usable[found].all()
    assert (np.diff(scores, axis=1) <= 1e-6).all(), "best first"
    there = points[found]
    assert np.allclose(np.einsum("qd,qcd->qc", queries, there), scores, atol=1e-4), "scores are inner products"


def test_what_is_put_replaced_or_removed_counts_in_the_next_search(empty: Make) -> None:
    points = clustered(50)
    index = empty(DIM)
    index.put(np.arange(50), points)
    assert index.search(points[7:8], 1)[0].tolist() == [[7]]
    index.remove(np.array([7, 999]))
    assert 7 not in index.search(points[7:8], 50)[0]
    index.put(np.array([80]), points[7:8])
    assert index.search(points[7:8], 1)[0].tolist() == [[80]]
    index.put(np.array([80]), -points[7:8])
    assert index.search(-points[7:8], 1)[0].tolist() == [[80]]
    assert sorted(index.ids().tolist()) == sorted({*range(50), 80} - {7})


def test_fewer_than_asked_for_are_told_apart_from_found_ones(empty: Make) -> None:
    index = empty(4)
    assert index.search(np.ones((1, 4), np.float32), 3)[0].tolist() == [[-1, -1, -1]]
    index.put(np.array([3]), np.ones((1, 4), np.float32))
    ids, scores = index.search(np.ones((2, 4), np.float32), 2)
    assert ids.tolist() == [[3, -1], [3, -1]] and scores[0, 0] == 4 and scores[0, 1] == -np.inf
    nothing = np.zeros(4, np.bool_)
    assert index.search(np.ones((1, 4), np.float32), 1, allowed=nothing)[0].tolist() == [[-1]]
    # an id past the end of the flags is not allowed
    assert index.search(np.ones((1, 4), np.float32), 1, allowed=np.ones(2, np.bool_))[0].tolist() == [[-1]]


def test_points_that_are_none_are_refused_and_change_nothing(empty: Make) -> None:
    index = empty(4)
    index.put(np.array([0]), np.ones((1, 4), np.float32))
    with pytest.raises(InputError, match=r"\(n, 4\)"):
        index.put(np.array([1]), np.ones((1, 5), np.float32))
    with pytest.raises(InputError, match="not finite"):
        index.put(np.array([0]), np.full((1, 4), np.nan, np.float32))
    with pytest.raises(InputError, match=r"\(n, 4\)"):
        index.search(np.ones((1, 3), np.float32), 1)
    assert index.search(np.ones((1, 4), np.float32), 1)[1].tolist() == [[4.0]]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=25), st.sets(st.integers(0, 12)))
def test_after_any_changes_it_finds_exactly_what_is_there_and_allowed(
    empty: Make, changes: list[tuple[bool, int]], allowed: set[int]
) -> None:
    random = np.random.default_rng(0)
    index = empty(3)
    there: dict[int, NDArray[np.float32]] = {}
    for put, number in changes:
        if put:
            there[number] = random.standard_normal((1, 3)).astype(np.float32)
            index.put(np.array([number]), there[number])
        else:
            there.pop(number, None)
            index.remove(np.array([number]))
    flags = np.isin(np.arange(13), list(allowed))
    query = random.standard_normal((1, 3)).astype(np.float32)
    found = [number for number in index.search(query, 13, allowed=flags)[0][0].tolist() if number >= 0]
    expected = sorted(set(there) & allowed, key=lambda number: -float(there[number][0] @ query[0]))
    assert found == expected


def test_an_index_in_the_database_is_there_again_when_it_is_opened_again(
    postgresql: str, request: pytest.FixtureRequest
) -> None:
    url = postgresql.format(name="postgres")
    first = make("pgvector", 3, url=url, table="again")
    first.put(np.array([5]), np.ones((1, 3), np.float32))
    assert make("pgvector", 3, url=url, table="again").ids().tolist() == [5]


@pytest.mark.parametrize("kind", ["exact", "ivf"])
def test_an_index_over_the_rows_of_a_shelf_holds_no_copy_and_follows_them(kind: str, tmp_path: Path) -> None:
    if kind == "ivf":
        pytest.importorskip("faiss", reason="pip install 'vitrine[ann]'")
    points = clustered(300)
    write_points(tmp_path / "shelf.points", points[:200], {"space": "sp-1"})
    mapped, about = map_points(tmp_path / "shelf.points", DIM)
    assert about["rows"] == 200 and mapped.shape == (400, DIM) and (tmp_path / "shelf.points").stat().st_blocks > 0
    rows = Rows(DIM, mapped)
    index = make(kind, DIM, rows=rows)
    index.put(np.arange(200), rows.array[:200])
    assert index.search(points[7:8], 1)[0].tolist() == [[7]]
    rows.array[7] = -points[7]
    index.put(np.array([7]), rows.array[7:8])
    assert index.search(-points[7:8], 1)[0].tolist() == [[7]]
    rows.reserve(500)
    rows.array[499] = points[250]
    index.put(np.array([499]), rows.array[499:500])
    assert index.search(points[250:251], 1)[0].tolist() == [[499]]
    kept, _ = map_points(tmp_path / "shelf.points", DIM)
    assert np.array_equal(kept[:200], points[:200]), "what one process changes is its own"


def test_what_ivf_learnt_is_read_by_the_next_process_and_a_torn_file_is_learnt_again(tmp_path: Path) -> None:
    pytest.importorskip("faiss", reason="pip install 'vitrine[ann]'")
    points, file = clustered(12_000, 16), tmp_path / "lists.npz"
    answers = []
    for damage in (None, None, lambda data: data[: len(data) // 2], lambda data: data[:-400] + bytes(400)):
        if damage is not None:
            file.write_bytes(damage(file.read_bytes()))
        before = file.read_bytes() if file.exists() else b""
        index = make("ivf", 16, file=file)
        index.put(np.arange(12_000), points)
        answers.append(index.search(points[:20], 10)[0].tolist())
        assert (file.read_bytes() == before) == (damage is None and bool(before)), "learnt only where it has to be"
    assert all(answer == answers[0] for answer in answers)
    smaller = make("ivf", 8, file=file)
    smaller.put(np.arange(12_000), clustered(12_000, 8))
    assert smaller.search(clustered(12_000, 8)[5:6], 1)[0].tolist() == [[5]], "lists of other points are not used"


def test_an_index_that_cannot_be_had_says_what_to_do() -> None:
    with pytest.raises(InputError, match="exact, ivf, pgvector"):
        make("annoy", 3)
    with pytest.raises(MissingPart, match="PostgreSQL"):
        make("pgvector", 3, url="sqlite:///catalog.sqlite", table="x")
