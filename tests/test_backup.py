"""A backup holds everything, is made whole or not at all, and comes back on either database."""

import json
import stat
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from vitrine.backup import MANIFEST, backup, restore
from vitrine.desk.decisions import Answer, decide
from vitrine.errors import InputError, NotFound, Refused
from vitrine.learn.promote import champion_of
from vitrine.records import now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.workspace import Workspace

KEPT = [table for table in schema.metadata.sorted_tables if table.name not in ("sessions", "leases")]


def content(catalog: Catalog) -> dict[str, list[str]]:
    return {table.name: sorted(map(str, catalog.rows(table))) for table in KEPT}


def test_what_comes_back_is_what_there_was_on_either_database(
    trained: Workspace, tmp_path: Path, catalog_url: str
) -> None:
    trained.classify()
    sku = trained.products().column("sku").to_pylist()[0]
    answer = Answer(sku, "color", value="red", version=0, comment="só açaí 👠")
    decide(trained.catalog, trained.taxonomy, [answer], author="ana", batch_id="action-1")
    trained.catalog.add(
        schema.events, [{"kind": "job", "subject": "a", "body": "{}", "happened_at": now(), "position": 7}]
    )
    report = backup(trained, tmp_path / "b.zip", photos=True)
    assert stat.S_IMODE((tmp_path / "b.zip").stat().st_mode) == 0o600
    restored = restore(tmp_path / "b.zip", tmp_path / "new", catalog_url=catalog_url)
    assert restored.tables == report.tables and restored.photos == report.photos > 0 and not restored.photos_missing
    again = Workspace(tmp_path / "new")
    assert again.settings.storage.catalog == catalog_url
    assert content(again.catalog) == content(trained.catalog)
    assert again.taxonomy == trained.taxonomy
    assert again.model().model_id == champion_of(trained.catalog)
    assert again.dataset(again.model().dataset_id).table.equals(trained.dataset(trained.model().dataset_id).table)
    with again.catalog.transaction() as connection:  # the next event goes on after the last one
        row = {"kind": "job", "subject": "b", "body": "{}", "happened_at": now()}
        assert connection.execute(sa.insert(schema.events).values(row)).inserted_primary_key[0] == 8
    backup(again, tmp_path / "again.zip")
    restore(tmp_path / "again.zip", tmp_path / "third", catalog_url=f"sqlite:///{tmp_path / 'third.sqlite'}")
    third = Workspace(tmp_path / "third")
    assert content(third.catalog) == content(again.catalog), "and from either database it comes back again"
    third.catalog.close()
    again.catalog.close()


@pytest.fixture
def saved(trained: Workspace, tmp_path: Path) -> Path:
    backup(trained, tmp_path / "b.zip")
    return tmp_path / "b.zip"


def test_a_restored_workspace_works_on(trained: Workspace, saved: Path, tmp_path: Path) -> None:
    report = restore(saved, tmp_path / "new")
    assert report.photos_missing > 0
    again = Workspace(tmp_path / "new")
    assert again.labels().num_rows == trained.labels().num_rows
    again.tracker.point("vitrine", "champion", "model_id", again.model().model_id)


def test_a_folder_or_database_in_use_is_not_overwritten(trained: Workspace, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not empty"):
        restore(saved, trained.folder)
    with pytest.raises(Refused, match="the database has"):
        restore(saved, tmp_path / "new", catalog_url=f"sqlite:///{trained.data / 'catalog.sqlite'}")
    with pytest.raises(InputError, match="exists already"):
        backup(trained, saved)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.zip", "workspace"]


def changed(saved: Path, change: dict[str, bytes | None]) -> Path:
    """A copy of a backup with other bytes in some members, or without them."""
    path = saved.with_name("changed.zip")
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = change.get(name, source.read(name))
            if data is not None:
                target.writestr(name, data)
    return path


def test_a_damaged_or_strange_file_leaves_nothing_behind(saved: Path, tmp_path: Path) -> None:
    manifest = json.loads(zipfile.ZipFile(saved).read(MANIFEST))
    outside = json.dumps({**manifest, "members": {**manifest["members"], "files/../../evil": "0"}}).encode()
    later = json.dumps({**manifest, "format": 99}).encode()
    older = json.dumps({**manifest, "revision": "0001"}).encode()
    (tmp_path / "cut.zip").write_bytes(saved.read_bytes()[:1000])
    for path, error, says in (
        (tmp_path / "none.zip", NotFound, "there is no backup"),
        (tmp_path / "cut.zip", InputError, "no whole backup"),
        (changed(saved, {MANIFEST: None}), InputError, "no whole backup"),
    ):
        with pytest.raises(error, match=says):
            restore(path, tmp_path / "new")
    for change, error, says in (
        ({"files/taxonomy.toml": b"x"}, InputError, "damaged at files/taxonomy.toml"),
        ({"tables/labels.parquet": b"x"}, InputError, "damaged at tables/labels.parquet"),
        ({"tables/labels.parquet": None}, InputError, "damaged at tables/labels.parquet"),
        ({MANIFEST: outside}, InputError, "which no backup has"),
        ({MANIFEST: later}, Refused, "has format 99"),
        ({MANIFEST: older}, Refused, "has schema 0001"),
    ):
        with pytest.raises(error, match=says):
            restore(changed(saved, change), tmp_path / "new")
    assert not (tmp_path / "new").exists() and not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
