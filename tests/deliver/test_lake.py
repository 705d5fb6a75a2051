"""The lake: whole versions, nothing where nothing changed, readable with the tools that people have."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.dataset as pads
import pytest

from small_delivery import make, publish, rename_product, say, stop
from vitrine.deliver import deliver
from vitrine.deliver.lake.publish import Lake
from vitrine.errors import InputError, NotFound, StorageError
from vitrine.records import Label, now
from vitrine.stores import schema
from vitrine.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make(tmp_path / "w")


def query(lake: Path, text: str) -> list[tuple[Any, ...]]:
    """What a person sees who reads views.sql in DuckDB."""
    connection = duckdb.connect()
    connection.execute((lake / "views.sql").read_text(encoding="utf-8"))
    return connection.sql(text).fetchall()


def answers(lake: Path) -> dict[tuple[str, str], tuple[Any, ...]]:
    text = "select sku, attribute, value, origin, confidence, said_by, certificate from fact_answers"
    return {row[:2]: row[2:] for row in query(lake, text)}


def files(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_an_answer_leaves_with_where_it_comes_from(workspace: Workspace) -> None:
    say(workspace, "p01", "color", "pink")
    workspace.catalog.add(schema.labels, [Label("p02", "heel", "block", "table", "supplier.csv", now())])
    report = deliver(workspace, "lake")
    found = answers(workspace.folder / "lake")
    assert found["p00", "color"][:2] == ("red", "published") and found["p00", "color"][2] == pytest.approx(0.3)
    assert found["p00", "color"][4].startswith("publish 61 % of `color` at ≥ 97 % precision")
    assert found["p01", "color"] == ("pink", "person", None, "ana", None)
    assert found["p02", "heel"] == ("block", "table", None, "supplier.csv", None)
    assert len(found) == 13 == report.sent and report.recalled == 0


def test_nothing_leaves_that_was_stopped_rejected_or_doubted(workspace: Workspace) -> None:
    workspace.catalog.add(schema.labels, [Label("p02", "heel", "block", "table", "supplier.csv", now())])
    say(workspace, "p01", "color", "red", "rejected")
    say(workspace, "p02", "heel", None, "unsure")
    deliver(workspace, "lake")
    assert {sku for sku, _ in answers(workspace.folder / "lake")} == {f"p{i:02d}" for i in range(12)} - {"p01"}
    say(workspace, "p03", "color", "blue")
    stop(workspace, "color")
    report = deliver(workspace, "lake")
    assert list(answers(workspace.folder / "lake")) == [("p03", "color")]
    assert (report.sent, report.recalled, report.unchanged) == (1, 10, 0)


def test_a_lost_certificate_lets_nothing_out(workspace: Workspace) -> None:
    shutil.rmtree(workspace.data / "models")
    with pytest.raises(NotFound, match="hd-color") as caught:
        deliver(workspace, "lake")
    assert "backup" in caught.value.hint and not (workspace.folder / "lake").exists()


def test_the_same_content_writes_nothing(workspace: Workspace) -> None:
    deliver(workspace, "lake")
    before = files(workspace.folder / "lake")
    report = deliver(Workspace(workspace.folder), "lake")
    assert files(workspace.folder / "lake") == before
    assert (report.sent, report.unchanged, report.recalled, report.details["new"]) == (0, 12, 0, False)


def test_a_dry_run_shows_the_difference_and_writes_nothing(workspace: Workspace) -> None:
    deliver(workspace, "lake")
    before = files(workspace.folder / "lake")
    say(workspace, "p01", "color", "pink")
    say(workspace, "p02", "color", "red", "rejected")
    report = deliver(workspace, "lake", dry_run=True)
    assert [(one.sku, one.old, one.new) for one in report.changes] == [("p01", "red", "pink"), ("p02", "red", None)]
    assert (report.sent, report.recalled, report.unchanged) == (1, 1, 10)
    assert files(workspace.folder / "lake") == before


def test_old_versions_stay_for_a_while(tmp_path: Path) -> None:
    workspace = make(tmp_path / "w", {"export": {"keep": 2}})
    for name in ("one", "two", "three"):
        rename_product(workspace, "p00", name)
        deliver(workspace, "lake")
    lake = Lake(str(workspace.folder / "lake"))
    assert [name[:6] for name in lake.versions()] == ["000002", "000003"]
    assert query(workspace.folder / "lake", "select name from dim_product where sku = 'p00'") == [("three",)]


def test_a_version_left_half_is_never_seen_and_goes_with_the_old(tmp_path: Path) -> None:
    workspace = make(tmp_path / "w", {"export": {"keep": 1}})
    deliver(workspace, "lake")
    lake = workspace.folder / "lake"
    half = lake / "versions" / "000002-half"
    half.mkdir()
    (half / "part-0.parquet").write_bytes(b"PAR1")
    assert len(answers(lake)) == 12
    rename_product(workspace, "p00", "other")
    deliver(workspace, "lake")
    rename_product(workspace, "p00", "another")
    deliver(workspace, "lake")
    assert len(list((lake / "versions").iterdir())) == 1


def test_a_new_attribute_is_a_new_column_and_both_versions_are_read_together(workspace: Workspace) -> None:
    deliver(workspace, "lake")
    path = workspace.folder / "taxonomy.toml"
    path.write_text(path.read_text(encoding="utf-8") + '[attributes.toe.values]\nround = {pt = "Redondo"}\n')
    say(workspace, "p05", "toe", "round")
    deliver(workspace, "lake")
    lake = workspace.folder / "lake"
    first, second = sorted(one.name for one in (lake / "versions").iterdir())
    both = f"read_parquet(['{lake}/versions/{first}/products_wide/*.parquet', "
    both += f"'{lake}/versions/{second}/products_wide/*.parquet'], union_by_name = true, filename = true)"
    rows = duckdb.sql(f"select count(*), count(color), count(toe) from {both}").fetchall()
    assert rows == [(24, 24, 1)]
    dictionary = json.loads((lake / "versions" / second / "dictionary.json").read_text(encoding="utf-8"))
    wide = next(table for table in dictionary["tables"] if table["name"] == "products_wide")
    since = {column["name"]: column["since"] for column in wide["columns"]}
    assert since == {"sku": first, "color": first, "heel": first, "toe": second}
    assert query(lake, "select name_pt from dim_value where value_key = 'toe=round'") == [("Redondo",)]


def test_a_column_that_is_gone_is_told(workspace: Workspace) -> None:
    deliver(workspace, "lake")
    path = workspace.folder / "taxonomy.toml"
    path.write_text(path.read_text(encoding="utf-8").partition("[attributes.heel.values]")[0])
    deliver(workspace, "lake")
    lake = workspace.folder / "lake"
    first, second = sorted(one.name for one in (lake / "versions").iterdir())
    dictionary = json.loads((lake / "versions" / second / "dictionary.json").read_text(encoding="utf-8"))
    assert dictionary["gone"] == [{"table": "products_wide", "column": "heel", "since": first, "until": first}]


def test_every_column_of_every_file_is_in_the_dictionary(workspace: Workspace) -> None:
    deliver(workspace, "lake")
    version = next((workspace.folder / "lake" / "versions").iterdir())
    dictionary = json.loads((version / "dictionary.json").read_text(encoding="utf-8"))
    page = (version / "dictionary.html").read_text(encoding="utf-8")
    for table in dictionary["tables"]:
        described = {column["name"] for column in table["columns"]}
        data = pads.dataset(version / table["name"], partitioning="hive")
        assert set(data.schema.names) == described
        assert all(f"<td>{name}</td>" in page for name in described)
        seen = query(workspace.folder / "lake", f"select column_name from (describe {table['name']})")
        assert {name for (name,) in seen} == described
        for column in table["columns"]:
            other, _, key = (column["refers"] or "").partition(".")
            assert not other or key in {c["name"] for t in dictionary["tables"] if t["name"] == other
                                        for c in t["columns"]}  # fmt: skip


def test_every_day_that_a_fact_names_is_a_date(workspace: Workspace) -> None:
    say(workspace, "p01", "color", "pink")
    deliver(workspace, "lake")
    text = "select count(*) from fact_answers anti join dim_date on said_on = day"
    assert query(workspace.folder / "lake", text) == [(0,)]
    assert query(workspace.folder / "lake", "select iso_week, weekday from dim_date where day = '2026-11-21'") == [
        (47, 6)
    ]


def test_names_that_sql_or_a_path_would_trip_over_survive(tmp_path: Path) -> None:
    workspace = make(tmp_path / "w")
    path = workspace.folder / "taxonomy.toml"
    name = "Forração/Salto=100% 'ünï'"
    path.write_text(path.read_text(encoding="utf-8") + f'[attributes."{name}".values]\n"não se sabe" = {{}}\n', "utf-8")
    say(workspace, "p05", name, "não se sabe")
    deliver(workspace, "lake")
    lake = workspace.folder / "lake"
    assert answers(lake)["p05", name][0] == "não se sabe"
    version = next((lake / "versions").iterdir())
    rows = pads.dataset(version / "fact_answers", partitioning="hive").to_table().to_pylist()
    assert {row["attribute"] for row in rows} == {"color", name}


def test_attributes_that_differ_by_case_alone_are_refused(workspace: Workspace) -> None:
    path = workspace.folder / "taxonomy.toml"
    path.write_text(path.read_text(encoding="utf-8") + "[attributes.Color.values]\nred = {}\n")
    with pytest.raises(InputError, match="'Color' beside attribute 'color'"):
        deliver(workspace, "lake")


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    workspace = make(tmp_path / "w", {"export": {"lake": str(tmp_path / "file")}})
    with pytest.raises(StorageError) as caught:
        deliver(workspace, "lake")
    assert "vitrine export lake again" in caught.value.hint


def test_heels_leave_once_their_head_is_certified(workspace: Workspace) -> None:
    deliver(workspace, "lake")
    publish(workspace, "heel")
    assert deliver(workspace, "lake").sent == 12
    assert query(workspace.folder / "lake", "select heel from products_wide where sku = 'p00'") == [("none",)]


@pytest.mark.slow
def test_killed_at_random_points_readers_always_see_a_whole_version(workspace: Workspace) -> None:
    deliver(workspace, "lake")
    lake = workspace.folder / "lake"
    seed = random.randrange(10**6)
    delays = random.Random(seed)
    for number in range(6):
        rename_product(workspace, "p00", f"name {number}")
        process = subprocess.Popen(
            [sys.executable, "-c", KILLABLE, str(workspace.folder)], stdout=subprocess.PIPE, env={**os.environ}
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delays.uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        current = json.loads((lake / "current.json").read_text(encoding="utf-8"))
        manifest = json.loads((lake / current["path"] / "manifest.json").read_text(encoding="utf-8"))
        for one in manifest["files"]:
            data = (lake / current["path"] / one["path"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == one["sha256"], f"seed {seed}"
    deliver(workspace, "lake")
    assert query(lake, "select name from dim_product where sku = 'p00'") == [("name 5",)]
    assert not (workspace.data / "lake-staging").exists()


KILLABLE = """
import sys
import vitrine
from vitrine.deliver import deliver
import vitrine.deliver.lake.deliver
workspace = vitrine.open(sys.argv[1])
workspace.catalog
print("ready", flush=True)
deliver(workspace, "lake")
"""
