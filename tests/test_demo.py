"""`vitrine demo` in small: the whole job runs, and finds what was planted."""

import json
import subprocess
from pathlib import Path

import pytest

from command import COMMAND, vitrine


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, str]:
    folder = tmp_path_factory.mktemp("demo")
    command = [*COMMAND, "demo", "--products", "480", "--seed", "3"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stderr
    return folder, json.loads((folder / "vitrine-demo" / "demo.json").read_text(encoding="utf-8")), result.stdout


def test_the_planted_faults_that_rules_can_find_are_all_found(report) -> None:
    found = {row["kind"]: row for row in report[1]["found"]}
    for kind in ("unreadable files", "too-small files", "blank files", "values off the taxonomy"):
        assert found[kind]["found"] == found[kind]["planted"], kind
    twins = found["twins"]
    assert twins["found"] >= 0.6 * twins["planted"] and twins["others"] <= 0.2 * twins["planted"] + 2


def test_what_is_pointed_at_is_looked_at_and_corrected_before_anything_is_learnt(report) -> None:
    folder, demo, _ = report
    found = {row["kind"]: row for row in demo["found"]}
    pointed = [found[kind] for kind in ("wrong labels", "values off the taxonomy")]
    assert demo["corrected"] == sum(row["found"] for row in pointed)
    assert demo["looked_at"] == sum(row["found"] + row["others"] for row in pointed)
    # said again, the mended table changes nothing: it is what the catalog holds
    drawn = folder / "vitrine-demo" / "drawn"
    again = vitrine(
        "ingest",
        drawn / "photos",
        "--table",
        drawn / "labels-mended.csv",
        "--json",
        "--workspace",
        folder / "vitrine-demo",
    )
    assert json.loads(again.stdout)["new_labels"] == 0


def test_every_attribute_is_learnt_and_no_answer_contradicts_another(report) -> None:
    scorecard = report[1]["scorecard"]
    assert len(scorecard["attributes"]) == 13
    grammar = scorecard["grammar"]
    assert grammar["contradictions_per_1000"] == 0 < grammar["contradictions_per_1000_without"]
    not_applicable = scorecard["attributes"]["heel_covering"]["values"]["not applicable"]
    assert not_applicable["n"] > 0


def test_every_product_is_decided_in_every_attribute(report) -> None:
    classified = report[1]["classified"]
    assert classified["predictions"] == 13 * classified["products"]


def test_it_ends_with_reports_that_open_and_says_what_to_do_next(report) -> None:
    folder, demo, output = report
    reports = sorted(path.name for path in (folder / "vitrine-demo" / "reports").iterdir())
    assert reports == ["check.html", f"scorecard-{demo['scorecard']['model']}.html"]
    assert "planted and found" in output


def test_one_photo_is_answered_in_well_under_a_second(report) -> None:
    assert report[1]["one_photo_ms"] < 1_000
