"""What nothing reads any more goes; nothing that somebody still writes or reads does."""

import json
import os
import time
from pathlib import Path

import pytest

from command import vitrine
from small_desk import TAXONOMY_TEXT
from vitrine.automation.plan import read_plan
from vitrine.automation.run import run_plan
from vitrine.errors import StorageError
from vitrine.stores.objects import Objects, folders
from vitrine.tidy import TidyReport, tidy
from vitrine.workspace import Workspace, create

DAY = 86_400


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Six runs, the first the oldest and the last of this minute; three files that were never finished."""
    workspace = create(tmp_path / "shop", TAXONOMY_TEXT, {})
    for number in range(6):
        folder = workspace.data / "runs" / f"run-{number}"
        folder.mkdir(parents=True)
        for name in ("part-00000.parquet", "_SUCCESS"):
            (folder / name).write_bytes(b"x" * 50)
            age(folder / name, days=0 if number == 5 else 10 - number)
    for name, days in ((f".a.html.{'0f' * 16}", 3), (f".b.html.{'1e' * 16}", 0), (".keep", 3)):
        path = workspace.data / "models" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
        age(path, days=days)
    return workspace


def age(path: Path, *, days: float) -> None:
    moment = time.time() - days * DAY - 60
    os.utime(path, (moment, moment))


def runs(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in (workspace.data / "runs").iterdir() if any(path.iterdir()))


def test_the_newest_stay_and_what_was_never_finished_goes(workspace: Workspace) -> None:
    assert tidy(workspace) == TidyReport(("run-2", "run-1", "run-0"), 1, 304)
    assert runs(workspace) == ["run-3", "run-4", "run-5"]
    assert sorted(path.name for path in (workspace.data / "models").iterdir()) == [f".b.html.{'1e' * 16}", ".keep"]
    assert tidy(workspace) == TidyReport((), 0, 0)


def test_what_was_written_today_stays_whatever_is_asked(workspace: Workspace) -> None:
    tidy(workspace, keep_runs=0)
    assert runs(workspace) == ["run-5"]


def test_a_dry_run_says_the_same_and_removes_nothing(workspace: Workspace) -> None:
    before = sorted(workspace.data.rglob("*"))
    said = vitrine("tidy", "--dry-run", "--workspace", workspace.folder).stderr
    assert said.strip() == "3 data sets of runs and 1 unfinished files would go: 304 bytes"
    assert sorted(workspace.data.rglob("*")) == before
    told = json.loads(vitrine("tidy", "--runs", "5", "--workspace", workspace.folder, "--json").stdout)
    assert told == {"runs": ["run-0"], "unfinished": 1, "bytes": 104}


def test_what_a_stop_leaves_of_a_data_set_does_not_pass_for_a_whole_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_objects: Objects) -> None:
        raise StorageError("the store is lost")

    monkeypatch.setattr(Objects, "clear", stop)
    with pytest.raises(StorageError):
        tidy(workspace)
    assert [path.name for path in (workspace.data / "runs" / "run-2").iterdir()] == ["part-00000.parquet"]


def test_a_plan_tidies_up(workspace: Workspace, tmp_path: Path) -> None:
    plan = tmp_path / "nightly.toml"
    plan.write_text('[[step]]\ndo = "tidy"\nruns = 1\n', encoding="utf-8")
    run_plan(workspace, read_plan(plan), watch=lambda _step: lambda done, total: None)
    assert runs(workspace) == ["run-5"]


def test_an_object_stores_folders_are_told_too(bucket: str) -> None:
    place = f"s3://{bucket}/runs"
    for name in ("run-a/part-0", "run-a/_SUCCESS", "run-b/part-0"):
        Objects(f"{place}/{name.split('/')[0]}").put(name.split("/")[1], b"x" * 10)
    found = folders(place)
    assert {name: held.bytes for name, held in found.items()} == {"run-a": 20, "run-b": 10}
    assert abs(found["run-a"].changed_at.timestamp() - time.time()) < 300
    assert folders(f"s3://{bucket}/nothing") == {}
