"""The lake on S3, over HTTP: the same versions, and a lost connection leaves the one before."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from small_delivery import make, rename_product
from small_store import reach_store
from vitrine.deliver import deliver
from vitrine.errors import StorageError

pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'vitrine[s3]'")


def test_versions_follow_each_other_on_s3(bucket: str, tmp_path: Path) -> None:
    import s3fs

    workspace = make(tmp_path / "w", {"export": {"lake": f"s3://{bucket}/lake", "keep": 1}})
    deliver(workspace, "lake")
    assert deliver(workspace, "lake").details["new"] is False
    rename_product(workspace, "p00", "other")
    deliver(workspace, "lake")
    s3fs.S3FileSystem.clear_instance_cache()
    store = s3fs.S3FileSystem()
    assert len(store.ls(f"{bucket}/lake/versions")) == 1
    pointer = json.loads(store.cat_file(f"{bucket}/lake/current.json"))
    with store.open(f"{bucket}/lake/{pointer['path']}/dim_product/part-0.parquet", "rb") as file:
        assert pq.read_table(file).column("name").to_pylist()[0] == "other"


def test_a_lost_connection_leaves_the_version_before(
    bucket: str, tmp_path: Path, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make(tmp_path / "w", {"export": {"lake": f"s3://{bucket}/lake"}})
    deliver(workspace, "lake")
    rename_product(workspace, "p00", "other")
    reach_store(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StorageError, match="lake") as caught:
        deliver(workspace, "lake")
    assert "readers keep the version before" in caught.value.hint
    reach_store(monkeypatch, s3_endpoint)
    assert deliver(workspace, "lake").details["version"].startswith("000002")
