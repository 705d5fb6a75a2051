"""`vitrine market simulate` and `ingest` as a person or a program calls them, also on a disk that fills up."""

import json
import subprocess
from pathlib import Path

import pytest

from command import COMMAND, vitrine

FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); "


def on_a_full_disk(*arguments: object) -> str:
    """What the command says; it must exit with 3."""
    python, option, program = COMMAND
    command = [python, option, FULL + program, "market", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 3 and "Traceback" not in done.stderr, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def olist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands") / "olist"
    done = vitrine("market", "simulate", folder, "--sellers", 200, "--orders", 4_000, "--seed", 2, "--faults", "--json")
    report = json.loads(done.stdout)
    assert set(report) == {"folder", "seed", "rows", "bounds", "faults"}
    assert report["rows"]["orders"] > 4_000  # faulty rows come on top
    return folder


def test_ingest_reports_json_on_stdout_and_nothing_else(olist: Path, tmp_path: Path) -> None:
    done = vitrine("market", "ingest", olist, "--workspace", tmp_path, "--json")
    report = json.loads(done.stdout)
    assert set(report) == {"source_id", "tables", "lacking", "changed"}
    assert report["tables"]["orders"]["rows"] == 4_000
    assert set(report["tables"]["orders"]) == {"file", "rows", "rejected", "repeated", "reasons", "notes", "content_id"}


def test_ingest_tells_a_person_what_was_rejected_and_why(olist: Path, tmp_path: Path) -> None:
    done = vitrine("market", "ingest", olist, "--workspace", tmp_path)
    said = " ".join(done.stdout.split())
    assert "Rejected" in said and "order_id is not in orders" in said and "price lies below 0" in said


@pytest.mark.parametrize(
    "arguments", [("ingest", "nowhere"), ("simulate", "here", "--sellers", "3"), ("ingest",)], ids=" ".join
)
def test_wrong_use_exits_with_two_and_a_hint(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    given = [str(tmp_path / one) if one in ("nowhere", "here") else one for one in arguments]
    done = vitrine("market", *given, expect=2)
    assert done.stdout == "" and done.stderr


def test_a_disk_that_fills_up_leaves_what_was_there(olist: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    header = (olist / "olist_sellers_dataset.csv").read_text(encoding="utf-8").splitlines()[:3]
    (small / "olist_sellers_dataset.csv").write_text("\n".join(header), encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    vitrine("market", "ingest", small, "--workspace", home)
    assert "untouched" in on_a_full_disk("ingest", olist, "--workspace", home)
    sources = home / ".vitrine" / "market" / "sources"
    assert list(json.loads((sources / "manifest.json").read_text())["tables"]) == ["sellers"]
    assert not list(sources.glob(".new-*"))


def test_a_simulation_that_cannot_be_written_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "olist"
    on_a_full_disk("simulate", folder, "--sellers", 200, "--orders", 4_000)
    assert list(tmp_path.iterdir()) == []
