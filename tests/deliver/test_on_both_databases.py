"""The lake, the ledger and the lock are the same on SQLite and PostgreSQL."""

import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from small_delivery import make, map_to_sap, say, stop
from vitrine.deliver import deliver
from vitrine.desk.change_taxonomy import Wish, change
from vitrine.errors import Conflict
from vitrine.intake.discontinue import discontinue
from vitrine.records import Label, now
from vitrine.stores import schema
from vitrine.workspace import Workspace


def test_delta_recall_and_a_renamed_attribute(catalog_url: str, tmp_path: Path) -> None:
    workspace = make(tmp_path / "w", {"storage": {"catalog": catalog_url}})
    map_to_sap(workspace, "color")
    workspace.catalog.add(schema.labels, [Label("p02", "heel", "block", "table", "supplier.csv", now())])
    say(workspace, "p01", "color", "pink")
    assert deliver(workspace, "lake").sent == 13 and deliver(workspace, "sap").sent == 12
    assert deliver(workspace, "lake").details["new"] is False and deliver(workspace, "sap").sent == 0
    version = next((workspace.folder / "lake" / "versions").iterdir())
    rows = pq.ParquetFile(version / "fact_answers" / "attribute=color" / "part-0.parquet").read().to_pylist()
    assert abs(rows[1]["said_at"] - now()) < timedelta(minutes=5) and rows[1]["said_by"] == "ana"

    wish = Wish("rename attribute", "color", (), ("colour",))
    change(workspace.catalog, workspace.folder / "taxonomy.toml", wish, author="ana")
    path = workspace.folder / "sap.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"color"', '"colour"'), encoding="utf-8")
    assert deliver(workspace, "sap").unchanged == 12
    stop(workspace, "colour")
    assert deliver(workspace, "sap").recalled == 11
    assert deliver(workspace, "sap").recalled == 0
    workspace.catalog.close()


def test_what_left_the_range_is_neither_sent_nor_recalled(catalog_url: str, tmp_path: Path) -> None:
    """The lake's tables say when it left; SAP keeps what it has, since nobody said that it was wrong."""
    workspace = make(tmp_path / "w", {"storage": {"catalog": catalog_url}})
    map_to_sap(workspace, "color")
    assert deliver(workspace, "sap").sent == 12
    discontinue(workspace.catalog, ["p03"], author="ana")
    told = deliver(workspace, "sap")
    assert (told.sent, told.recalled, told.unchanged) == (0, 0, 11)
    deliver(workspace, "lake")
    version = next((workspace.folder / "lake" / "versions").iterdir())
    rows = pq.ParquetFile(version / "dim_product" / "part-0.parquet").read().to_pylist()
    assert [row["sku"] for row in rows if row["discontinued_at"] is not None] == ["p03"]
    workspace.catalog.close()


DELIVERING = """
import sys, time, vitrine
from vitrine.deliver.sap import deliver as delivery
def wait(*given, **named):
    print("under way", flush=True)
    time.sleep(60)
delivery.plan = wait
vitrine.deliver.deliver(vitrine.open(sys.argv[1]), "sap")
"""


def test_one_delivery_at_a_time_from_all_machines_and_one_that_dies_makes_room(
    catalog_url: str, tmp_path: Path
) -> None:
    """With a catalog in PostgreSQL the other process has a folder of its own, as on another machine."""
    workspace = make(tmp_path / "w", {"storage": {"catalog": catalog_url}})
    map_to_sap(workspace, "color")
    there = shutil.copytree(workspace.folder, tmp_path / "there") if "postgresql" in catalog_url else workspace.folder
    command = [sys.executable, "-c", DELIVERING, str(there)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"under way\n"
        with pytest.raises(Conflict, match="another delivery to sap"):
            deliver(workspace, "sap")
        assert deliver(workspace, "lake").sent == 12, "another target has a lock of its own"
        other.kill()
    assert deliver(Workspace(workspace.folder), "sap").sent == 12
    assert deliver(workspace, "sap").sent == 0
