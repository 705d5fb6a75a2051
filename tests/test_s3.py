"""Photos on S3, over HTTP: the same result as from a folder, and a lost connection loses nothing."""

from pathlib import Path

import pytest
from PIL import Image

from small_store import reach_store
from vitrine.errors import StorageError
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import TableRow
from vitrine.stores import schema
from vitrine.stores.blobs import Blobs
from vitrine.workspace import Workspace, create

TAXONOMY = "[attributes.color.values]\nred = {}\nblue = {}\n"
pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'vitrine[s3]'")


@pytest.fixture
def bucket(bucket: str, tmp_path: Path) -> str:
    import s3fs

    filesystem = s3fs.S3FileSystem()
    for number in range(6):
        path = tmp_path / f"{number}.png"
        image = Image.new("RGB", (90 + number, 80), "white")
        image.paste("red" if number % 2 else "blue", (20, 20, 70, 60))
        image.save(path)
        filesystem.put_file(str(path), f"{bucket}/ação/{number}.png")
    return bucket


def rows(count: int) -> list[TableRow]:
    return [
        TableRow(n + 2, {"sku": f"s{n}", "photo": f"ação/{n}.png", "color": "red" if n % 2 else "blue"})
        for n in range(count)
    ]


def ingest(workspace: Workspace, url: str, count: int = 6):
    items = items_of_rows(rows(count), workspace.settings.columns, workspace.taxonomy)
    return workspace.ingest(items, PhotoSource(url), place="table")


def test_photos_come_from_s3_and_cleaned_ones_go_to_s3(bucket: str, tmp_path: Path) -> None:
    workspace = create(tmp_path / "w", TAXONOMY, {"storage": {"photos": f"s3://{bucket}/cleaned"}})
    report = ingest(workspace, f"s3://{bucket}")
    assert (report.products, report.new_photos, report.quarantined) == (6, 6, 0)
    photo_id = workspace.catalog.read(schema.photos).column("photo_id").to_pylist()[0]
    assert workspace.pixels(photo_id).shape[2] == 3
    assert ingest(workspace, f"s3://{bucket}").new_photos == 0


def test_a_missing_object_is_put_aside(bucket: str, tmp_path: Path) -> None:
    workspace = create(tmp_path / "w", TAXONOMY, {})
    report = ingest(workspace, f"s3://{bucket}", count=8)
    assert report.quarantined == 2
    codes = workspace.catalog.read(schema.quarantine).column("code").to_pylist()
    assert codes == ["missing", "missing"]


def test_a_lost_connection_stops_with_a_message_and_the_job_continues(
    bucket: str, tmp_path: Path, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = create(tmp_path / "w", TAXONOMY, {})
    ingest(workspace, f"s3://{bucket}", count=2)
    reach_store(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StorageError, match="could not be read") as caught:
        ingest(workspace, f"s3://{bucket}")
    assert "run the same command again" in caught.value.hint
    reach_store(monkeypatch, s3_endpoint)
    assert ingest(workspace, f"s3://{bucket}").new_photos == 4


def test_blobs_round_trip_on_s3_and_folder(bucket: str, tmp_path: Path) -> None:
    for url in (f"s3://{bucket}/blobs", str(tmp_path / "blobs")):
        blobs = Blobs(url)
        blobs.put("abcdef", b"one")
        assert blobs.get("abcdef") == b"one"
        assert blobs.has("abcdef") and not blobs.has("abcdee")
