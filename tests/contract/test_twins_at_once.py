"""Two searches for twins at once, on SQLite and PostgreSQL: every pair is found by one of them, or by the next."""

from pathlib import Path

import numpy as np
import pytest

from vitrine.intake.twins import fingerprint
from vitrine.records import Photo, now
from vitrine.stores import schema
from vitrine.workspace import Workspace, create

TAXONOMY = "[attributes.color.values]\nred = {}\nblue = {}\n"


def picture(seed: int) -> np.ndarray:
    """A thing of its own on white."""
    found = np.full((90, 120, 3), 255, np.uint8)
    colors = np.random.default_rng(seed).integers(0, 200, (6, 10, 3), dtype=np.uint8)
    found[15:75, 10:110] = colors.repeat(10, axis=0).repeat(10, axis=1)
    return found


def photo(name: str, seed: int) -> Photo:
    """A photo whose picture is that of all photos with this seed."""
    data = fingerprint(picture(seed)).to_bytes()
    return Photo(name, f"c{seed}", 120, 90, 120, 90, 1, 1, "", 1.0, 1.0, data, False, now())


def pairs(workspace: Workspace) -> set[tuple[str, str]]:
    rows = workspace.catalog.rows(schema.twins)
    return {(row["photo_a"], row["photo_b"]) for row in rows}


@pytest.fixture
def workspace(catalog_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Photos a1 and b1, not compared yet, that are compared one by one."""
    monkeypatch.setattr("vitrine.workspace._PHOTOS_COMPARED_AT_ONCE", 1)
    made = create(tmp_path / "w", TAXONOMY, {"storage": {"catalog": catalog_url}})
    made.catalog.add(schema.photos, [photo("a1", 1), photo("b1", 2)])
    return made


def test_what_arrives_while_one_searches_is_found_by_the_other(workspace: Workspace) -> None:
    def arrive(done: int, total: int) -> None:
        if done == 1:
            workspace.catalog.add(schema.photos, [photo("a2", 1), photo("b0", 2)])
            assert Workspace(workspace.folder).find_twins() == 2

    assert workspace.find_twins(on_progress=arrive) == 0
    assert pairs(workspace) == {("a1", "a2"), ("b0", "b1")}


def test_a_photo_that_was_cleaned_anew_while_it_was_compared_is_compared_again(workspace: Workspace) -> None:
    def clean_anew(done: int, total: int) -> None:
        if done == 1:
            workspace.catalog.put(schema.photos, [photo("b1", 1)])

    assert workspace.find_twins(on_progress=clean_anew) == 0
    assert workspace.find_twins() == 1
    assert pairs(workspace) == {("a1", "b1")}
