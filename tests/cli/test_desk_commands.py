"""Audit, taxonomy, retrain, backup as a person or a script calls them."""

import json

import pytest
from test_commands import vitrine

from vitrine.workspace import Workspace


@pytest.fixture
def folder(trained: Workspace):
    trained.catalog.close()
    return trained.folder


def test_a_change_of_the_taxonomy_is_shown_made_listed_and_taken_back(folder) -> None:
    before = (folder / "taxonomy.toml").read_text(encoding="utf-8")
    tried = vitrine("taxonomy", "split", "color", "black", "jet", "anthracite", "--dry-run", folder=folder)
    assert "+jet = {}" in tried.stdout and "would change" in tried.stderr
    assert (folder / "taxonomy.toml").read_text(encoding="utf-8") == before
    made = json.loads(vitrine("taxonomy", "rename", "color", "black", "jet", "--json", folder=folder).stdout)
    assert made["applied"] and made["labels"] > 0 and made["asked"] == 0 and made["learn_again"] == ["color"]
    listed = json.loads(vitrine("taxonomy", "history", "--json", folder=folder).stdout)
    assert [(one["kind"], one["values"], one["into"]) for one in listed] == [("rename", ["black"], ["jet"])]
    vitrine("taxonomy", "undo", folder=folder)
    assert (folder / "taxonomy.toml").read_text(encoding="utf-8") == before
    assert "undo" in vitrine("taxonomy", "history", folder=folder).stdout
    wrong = vitrine("taxonomy", "rename", "color", "blak", "jet", "--json", folder=folder, expect=2)
    assert "color has no value 'blak'" in json.loads(wrong.stdout)["message"]


def test_a_model_that_publishes_nothing_has_nothing_to_audit(folder) -> None:
    assert json.loads(vitrine("audit", "--json", folder=folder).stdout) == []
    assert "nothing to audit" in vitrine("audit", folder=folder).stderr
    assert json.loads(vitrine("audit", "--recall", "color", "--json", folder=folder).stdout) == []


def test_a_nightly_job_learns_only_when_there_is_something_new(folder) -> None:
    report = json.loads(vitrine("retrain", "--if-new", "10", "--json", folder=folder).stdout)
    assert (report["new_labels"], report["trained"], report["promoted"]) == (0, None, False)
    assert "fewer than 10" in vitrine("retrain", "--if-new", "10", folder=folder).stderr


def test_a_backup_is_restored_into_a_new_folder_only(folder) -> None:
    saved = json.loads(vitrine("backup", "b.zip", "--json", folder=folder).stdout)
    assert saved["tables"]["products"] > 0 and saved["photos"] == 0
    restored = json.loads(vitrine("restore", "b.zip", "-w", "new", "--json", folder=folder).stdout)
    assert restored["tables"] == saved["tables"]
    assert "is not empty" in vitrine("restore", "b.zip", "-w", "new", folder=folder, expect=1).stderr
    assert "champion" in json.loads(vitrine("models", "--json", folder=folder / "new").stdout)
