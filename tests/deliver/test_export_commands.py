"""`vitrine export` as people and programs call it: exit status, JSON on stdout, the rest on stderr."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from small_delivery import make, say
from vitrine.workspace import Workspace

COMMAND = [sys.executable, "-c", "from vitrine.cli.main import run; run()"]
MAPPING = '[[column]]\nname = "s"\nfield = "sku"\n[[column]]\nname = "c"\nattribute = "color"\nvalues = {red = "R"}\n'


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make(tmp_path / "w", {"export": {"table": "out.csv"}})
    (made.folder / "columns.toml").write_text(MAPPING, encoding="utf-8")
    return made


def export(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, "export", *arguments], cwd=workspace.folder, capture_output=True, text=True)


def test_a_dry_run_shows_what_would_change_and_the_export_does_it(workspace: Workspace) -> None:
    shown = export(workspace, "lake", "--dry-run")
    assert (
        shown.returncode == 0 and "12 answers would be sent" in " ".join(shown.stderr.split()) and "p00" in shown.stdout
    )
    assert not (workspace.folder / "lake").exists()
    done = export(workspace, "lake", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["target"], report["sent"], report["details"]["new"]) == (0, "lake", 12, True)


def test_exit_1_names_what_stays_and_exit_2_what_to_mend(workspace: Workspace) -> None:
    say(workspace, "p03", "color", "blue")
    done = export(workspace, "table")
    assert done.returncode == 1 and "blue" in done.stdout and "hint:" in done.stderr
    assert (workspace.folder / "out.csv").exists()
    wrong = export(workspace, "sap", "--json")
    assert wrong.returncode == 2 and "sap.toml does not exist" in json.loads(wrong.stdout)["message"]
