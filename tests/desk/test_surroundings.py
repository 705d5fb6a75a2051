"""The nearest ones are the nearest ones, and neighbors of other families are really of other families."""

from pathlib import Path

import numpy as np
import pytest

from vitrine.desk.surroundings import Surroundings, find_surroundings
from vitrine.errors import NotFound

RANDOM = np.random.default_rng(3)


class Vectors:
    """The vectors of photos, and how often they were asked for."""

    def __init__(self, by_photo: dict[str, np.ndarray]) -> None:
        self.by_photo = by_photo
        self.taken = 0

    def take(self, photo_ids: list[str]) -> np.ndarray:
        self.taken += 1
        return np.stack([self.by_photo[photo_id] for photo_id in photo_ids])


def groups(count: int = 40, kinds: int = 5) -> tuple[dict[str, list[str]], Vectors]:
    """`count` products of each kind, far apart from the other kinds."""
    centers = 5 * RANDOM.standard_normal((kinds, 24))
    vectors = {
        f"f{kind}-{n}": (centers[kind] + RANDOM.standard_normal(24)).astype(np.float32)
        for kind in range(kinds) for n in range(count)
    }  # fmt: skip
    return {f"s{name}": [name] for name in vectors}, Vectors(vectors)


def find(folder: Path, photos_of: dict[str, list[str]], vectors: Vectors) -> Surroundings:
    return find_surroundings(photos_of, vectors, embedder_id="em", blocks=[(0, 24)], folder=folder)


def test_the_nearest_products_are_of_the_same_kind(tmp_path: Path) -> None:
    photos_of, vectors = groups()
    found = find(tmp_path, photos_of, vectors)
    nearest = found.nearest("sf2-7", 10)
    assert len(nearest) == 10 and all(sku.startswith("sf2-") and sku != "sf2-7" for sku, _ in nearest)
    assert [score for _, score in nearest] == sorted((score for _, score in nearest), reverse=True)
    with pytest.raises(NotFound, match="'nope'"):
        found.nearest("nope", 3)


def test_neighbors_are_of_other_families_and_really_near(tmp_path: Path) -> None:
    photos_of, vectors = groups()
    found = find(tmp_path, photos_of, vectors)
    families = np.arange(len(found.skus)) // 4
    near = found.neighbors(families, 5)
    assert near.shape == (200, 5) and (near >= 0).all()
    assert (families[near] != families[:, None]).all()
    exact = found.vectors @ found.vectors.T
    exact[families[:, None] == families[None, :]] = -2
    best = np.sort(exact, axis=1)[:, -5:].mean()
    assert np.take_along_axis(exact, near, axis=1).mean() > 0.98 * best


def test_it_is_kept_and_computed_again_only_when_products_change(tmp_path: Path) -> None:
    photos_of, vectors = groups(count=5)
    first = find(tmp_path, photos_of, vectors)
    taken = vectors.taken
    again = find(tmp_path, photos_of, vectors)
    assert vectors.taken == taken and np.array_equal(again.vectors, first.vectors) and again.skus == first.skus
    del photos_of["sf0-0"]
    assert "sf0-0" not in find(tmp_path, photos_of, vectors).rows
    assert len(list(tmp_path.glob("*.npz"))) == 1


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    photos_of, vectors = groups(count=5)
    first = find(tmp_path, photos_of, vectors)
    for damage in (b"PK\x03\x04 no more", b""):
        next(tmp_path.glob("*.npz")).write_bytes(damage)
        assert np.array_equal(find(tmp_path, photos_of, vectors).vectors, first.vectors)


def test_a_catalog_without_photos_has_no_surroundings(tmp_path: Path) -> None:
    assert find(tmp_path, {}, Vectors({})).skus == ()


def test_products_that_nothing_tells_apart_are_all_alike(tmp_path: Path) -> None:
    photos_of = {f"s{n}": [f"f{n}"] for n in range(30)}
    vectors = Vectors({f"f{n}": np.ones(24, np.float32) for n in range(30)})
    assert len(find(tmp_path, photos_of, vectors).nearest("s3", 5)) == 5
