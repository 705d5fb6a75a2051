"""kill -9 at random points, a full disk, two runs at once: what was finished stays, the same command continues."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from command import COMMAND
from vitrine.demo.catalog import Planted
from vitrine.errors import StorageError
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.stores import schema
from vitrine.stores.blobs import Blobs
from vitrine.workspace import Workspace

ROUNDS = 4


def predictions(workspace: Workspace) -> pa.Table:
    columns = ["sku", "attribute", "value", "confidence", "decision", "head_id"]
    return workspace.predictions().select(columns).sort_by([("sku", "ascending"), ("attribute", "ascending")])


def forget_work(workspace: Workspace) -> None:
    """Back to before the classify: no vectors, no runs, no answers."""
    for name in ("embeddings", "runs"):
        shutil.rmtree(workspace.data / name, ignore_errors=True)
    with workspace.catalog.transaction() as connection:
        connection.execute(sa.delete(schema.predictions))
        connection.execute(sa.delete(schema.answered))


@pytest.mark.slow
def test_classify_killed_at_random_points_equals_an_uninterrupted_run(trained: Workspace) -> None:
    trained.classify()
    expected = predictions(trained)
    folder = trained.folder
    forget_work(trained)
    trained.catalog.close()
    seed = random.randrange(10**6)
    print("seed", seed)
    delays = random.Random(seed)
    for _ in range(ROUNDS):
        process = subprocess.Popen([*COMMAND, "classify"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(delays.uniform(0.5, 4.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([*COMMAND, "classify"], cwd=folder, check=True, capture_output=True)
    assert predictions(Workspace(folder)).equals(expected), f"seed {seed}"


@pytest.mark.slow
def test_ingest_killed_at_random_points_equals_an_uninterrupted_run(
    drawn: tuple[Path, Planted], tmp_path: Path
) -> None:
    catalog = drawn[0]
    arguments = ["ingest", str(catalog / "photos"), "--table", str(catalog / "labels.csv")]
    seed = random.randrange(10**6)
    delays = random.Random(seed)
    folders = {name: tmp_path / name for name in ("whole", "killed")}
    for folder in folders.values():
        folder.mkdir()
        start = [*COMMAND, "init", "--taxonomy", str(catalog / "taxonomy.toml")]
        subprocess.run(start, cwd=folder, check=True, capture_output=True)
    for _ in range(ROUNDS):
        process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=folders["killed"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        time.sleep(delays.uniform(0.5, 4.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    for folder in folders.values():
        subprocess.run([*COMMAND, *arguments], cwd=folder, check=True, capture_output=True)
    whole, killed = (Workspace(folder) for folder in folders.values())
    for table, leave in (
        (schema.products, ["added_at"]),
        (schema.photos, ["added_at"]),
        (schema.product_photos, []),
        (schema.labels, ["batch", "recorded_at"]),
        (schema.quarantine, ["batch", "recorded_at"]),
        (schema.twins, []),
    ):
        first, second = (_rows(one, table, leave) for one in (whole, killed))
        assert first == second, f"{table.name}, seed {seed}"


def _rows(workspace: Workspace, table: object, leave: list[str]) -> list[str]:
    read = workspace.catalog.read(table)
    return sorted(map(str, read.drop_columns([c for c in leave if c in read.column_names]).to_pylist()))


def test_a_full_disk_stops_with_a_message_and_nothing_half_written(drawn: tuple[Path, Planted], tmp_path: Path) -> None:
    """A file-size limit of the process stands for the disk: writes fail with a real error of the system."""
    code = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000))
from vitrine.errors import StorageError
from vitrine.stores.blobs import Blobs
blobs = Blobs(sys.argv[1])
blobs.put("small", b"x" * 100)
try:
    blobs.put("large", b"x" * 100_000)
except StorageError as error:
    print(error.text())
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "b")], capture_output=True, text=True, check=True
    )
    assert "could not write" in result.stdout and "free some space" in result.stdout
    files = [path for path in (tmp_path / "b").rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["small"]


def test_an_unwritable_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StorageError, match="could not write"):
        Blobs(str(tmp_path / "file")).put("abc", b"x")


def test_two_ingests_at_once_leave_one_of_everything(drawn: tuple[Path, Planted], tmp_path: Path) -> None:
    catalog = drawn[0]
    folder = tmp_path / "w"
    folder.mkdir()
    subprocess.run(
        [*COMMAND, "init", "--taxonomy", str(catalog / "taxonomy.toml")], cwd=folder, check=True, capture_output=True
    )
    arguments = ["ingest", str(catalog / "photos"), "--table", str(catalog / "labels.csv")]
    both = [
        subprocess.Popen(
            [*COMMAND, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
        )
        for _ in range(2)
    ]
    for process in both:
        _, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr.decode()
    workspace = Workspace(folder)
    items = items_of_rows(read_table(catalog / "labels.csv"), workspace.settings.columns, workspace.taxonomy)
    assert workspace.catalog.count(schema.products) == len(items.by_sku)
    again = workspace.ingest(items, PhotoSource(str(catalog / "photos")), place="again")
    assert again.new_photos == 0 and again.new_labels == 0


def test_the_parquet_data_set_and_the_catalog_say_the_same(trained: Workspace) -> None:
    report = trained.classify()
    written = pq.read_table(report.output).select(["sku", "attribute", "value", "decision"])
    stored = trained.predictions().select(["sku", "attribute", "value", "decision"])
    keys = [("sku", "ascending"), ("attribute", "ascending")]
    assert written.sort_by(keys).to_pylist() == stored.sort_by(keys).to_pylist()
