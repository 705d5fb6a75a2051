"""What a worker is sent, and what it refuses; no cluster needed."""

from dataclasses import replace
from pathlib import Path

import pytest

from vitrine.classify import Piece, Run
from vitrine.cluster.kit import pack, unpack
from vitrine.cluster.worker import Worker
from vitrine.errors import Refused
from vitrine.learn.fuse import photos_to_fuse
from vitrine.records import now
from vitrine.stores import schema
from vitrine.stores.objects import Objects
from vitrine.workspace import Workspace


def test_a_worker_of_another_version_or_precision_refuses(trained: Workspace, tmp_path: Path) -> None:
    kit = pack(trained, trained.model())
    with pytest.raises(Refused, match=r"numpy is .* where the batch was started it is 0\.1"):
        Worker(replace(kit, versions={**kit.versions, "numpy": "0.1"}), 1)
    with pytest.raises(Refused, match="makes vectors of"):
        unpack(replace(kit, embedding_id="color-shape-000000000000+clean"), tmp_path)


def test_a_worker_that_does_not_see_a_folder_names_the_setting(trained: Workspace, tmp_path: Path) -> None:
    kit = pack(trained, trained.model())
    kit.settings["storage"]["photos"] = "/only/there"
    with pytest.raises(Refused, match="there is no folder /only/there") as refused:
        unpack(kit, tmp_path)
    assert "set photos under [storage]" in refused.value.hint and "s3://" in refused.value.hint


def test_the_kit_holds_no_address_of_the_catalog(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_STORAGE__TRACKING", "postgresql://ana:secret@db/mlflow")
    kit = pack(Workspace(trained.folder), trained.model())
    assert "secret" not in repr(kit.settings) and set(kit.settings["storage"]) == {"photos", "embeddings", "runs"}


def test_this_machines_settings_do_not_reach_a_worker(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = pack(trained, trained.model())
    monkeypatch.setenv("VITRINE_CLEANING__MAX_SIDE", "33")
    Worker(kit, 1)


def test_the_same_part_written_twice_is_one_file_with_the_same_bytes(trained: Workspace, tmp_path: Path) -> None:
    photos_of = photos_to_fuse(trained.catalog.read(schema.product_photos))
    piece = Piece(0, dict(list(photos_of.items())[:9]))
    run = Run("run-1", str(tmp_path / "runs" / "run-1"), (), now())
    written = []
    for _ in range(2):
        Worker(pack(trained, trained.model()), 1).write_piece(piece, run, [])
        (name,) = Objects(run.place).names()
        written.append(Objects(run.place).get(name))
    assert written[0] == written[1]
