"""`vitrine export` as people and programs call it: exit status, JSON on stdout, the rest on stderr."""

import json
from pathlib import Path

import pytest

from command import Said, vitrine
from small_delivery import make, say
from vitrine.workspace import Workspace

MAPPING = '[[column]]\nname = "s"\nfield = "sku"\n[[column]]\nname = "c"\nattribute = "color"\nvalues = {red = "R"}\n'


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make(tmp_path / "w", {"export": {"table": "out.csv"}})
    (made.folder / "columns.toml").write_text(MAPPING, encoding="utf-8")
    return made


def export(workspace: Workspace, *arguments: str, expect: int = 0) -> Said:
    return vitrine("export", *arguments, folder=workspace.folder, expect=expect)


def test_a_dry_run_shows_what_would_change_and_the_export_does_it(workspace: Workspace) -> None:
    shown = export(workspace, "lake", "--dry-run")
    assert "12 answers would be sent" in " ".join(shown.stderr.split()) and "p00" in shown.stdout
    assert not (workspace.folder / "lake").exists()
    done = export(workspace, "lake", "--json")
    report = json.loads(done.stdout)
    assert (report["target"], report["sent"], report["details"]["new"]) == ("lake", 12, True)


def test_exit_1_names_what_stays_and_exit_2_what_to_mend(workspace: Workspace) -> None:
    say(workspace, "p03", "color", "blue")
    done = export(workspace, "table", expect=1)
    assert "blue" in done.stdout and "hint:" in done.stderr
    assert (workspace.folder / "out.csv").exists()
    wrong = export(workspace, "sap", "--json", expect=2)
    assert "sap.toml does not exist" in json.loads(wrong.stdout)["message"]
