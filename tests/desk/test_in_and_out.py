"""What goes out as a file comes in again: edits become decisions, nothing twice, nothing over somebody else's."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from small_desk import TAXONOMY, Desk
from vitrine.config import Columns
from vitrine.desk import label_studio
from vitrine.desk.decisions import Answer, decide, undo
from vitrine.desk.tables import AS_OF, import_table, write_table
from vitrine.desk.trail import write_trail
from vitrine.errors import InputError
from vitrine.intake.labels import current_decisions
from vitrine.stores import schema

COLUMNS = Columns()
PHOTO_URL = "http://127.0.0.1:8000/photos/{photo_id}"


def decided(desk: Desk, sku: str = "p03", value: str = "blue", *, author: str = "ana", version: int = 0) -> None:
    answer = Answer(sku, "color", value=value, version=version)
    decide(desk.catalog, TAXONOMY, [answer], author=author, batch_id=f"action-{author}-{version}")


def held(desk: Desk) -> dict[tuple[str, str], tuple[str, str]]:
    rows = desk.catalog.rows(current_decisions())
    return {(row["sku"], row["attribute"]): (row["author"], row["value"]) for row in rows}


def edit(path: Path, changes: dict[tuple[str, str], str]) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row |= {name: value for (sku, name), value in changes.items() if sku == row["sku"]}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_only_edited_cells_become_decisions_and_the_same_file_again_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    decided(desk)
    path = tmp_path / "out.csv"
    assert write_table(desk.catalog, TAXONOMY, COLUMNS, path) == 12
    edit(path, {("p03", "color"): "PINK", ("p04", "heel"): "block"})
    done = import_table(desk.catalog, TAXONOMY, COLUMNS, path, author="budi")
    assert (done.entered, dict(done.conflicts), dict(done.problems)) == (2, {}, {})
    assert held(desk) == {("p03", "color"): ("budi", "pink"), ("p04", "heel"): ("budi", "block")}
    assert import_table(desk.catalog, TAXONOMY, COLUMNS, path, author="budi").entered == 0
    undo(desk.catalog, done.batch_ids[0], author="budi")
    assert held(desk) == {("p03", "color"): ("ana", "blue")}


def test_what_was_decided_after_the_table_was_written_is_named_and_left_alone(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_table(desk.catalog, TAXONOMY, COLUMNS, path)
    decided(desk)
    edit(path, {("p03", "color"): "pink"})
    done = import_table(desk.catalog, TAXONOMY, COLUMNS, path, author="budi")
    assert done.entered == 0 and "ana decided 'blue'" in done.conflicts["p03, color"]
    assert held(desk) == {("p03", "color"): ("ana", "blue")}


def test_cells_that_cannot_be_used_are_named_by_row(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "edited.csv"
    path.write_text("sku,color\np01,purple\nnope,red\np02,blue\n", encoding="utf-8")
    done = import_table(desk.catalog, TAXONOMY, COLUMNS, path, author="budi")
    assert done.entered == 1
    assert done.problems == {
        "row 2, color": "'purple' is not in the taxonomy",
        "row 3": "product 'nope' is not in the catalog",
    }
    path.write_text("article,color\np01,red\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column 'sku'"):
        import_table(desk.catalog, TAXONOMY, COLUMNS, path, author="budi")


def test_the_table_goes_back_under_the_columns_and_spellings_it_came_with(desk: Desk, tmp_path: Path) -> None:
    decided(desk)
    came = tmp_path / "came.csv"
    came.write_text("season;sku;color;note\nSS26;p03;RED;=1+1\nSS26;p99;Blue;\n", encoding="utf-8")
    path = tmp_path / "out.csv"
    write_table(desk.catalog, TAXONOMY, COLUMNS, path, like=came)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["season", "sku", "color", "note", AS_OF]
    assert [row[:4] for row in rows[1:]] == [["SS26", "p03", "blue", "'=1+1"], ["SS26", "p99", "Blue", ""]]


def test_excel_takes_no_text_for_a_formula(desk: Desk, tmp_path: Path) -> None:
    came = tmp_path / "came.csv"
    came.write_text("sku,color,note\np03,red,=HYPERLINK(1)\n", encoding="utf-8")
    path = tmp_path / "out.xlsx"
    write_table(desk.catalog, TAXONOMY, COLUMNS, path, like=came)
    sheet = load_workbook(path).active
    assert [cell.value for cell in sheet[2]][:3] == ["p03", "red", "=HYPERLINK(1)"]
    assert sheet["C2"].data_type == "s"
    assert import_table(desk.catalog, TAXONOMY, COLUMNS, path, author="budi").entered == 1  # nobody had said red


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_the_audit_trail_has_every_entry_also_the_undone(desk: Desk, tmp_path: Path, ending: str) -> None:
    decided(desk)
    undo(desk.catalog, "action-ana-0", author="ana")
    path = tmp_path / f"trail{ending}"
    assert write_trail(desk.catalog, path) == 2
    rows: list[dict[str, Any]]
    if ending == ".csv":
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    elif ending == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    else:
        rows = pq.read_table(path).to_pylist()
    assert [(row["author"], row["outcome"], row["undoes"] or None) for row in rows] == [
        ("ana", "decided", None),
        ("ana", "undone", "action-ana-0.00000"),
    ]
    with pytest.raises(InputError, match=r"use|known"):
        write_trail(desk.catalog, tmp_path / "trail.doc")


def annotate(path: Path, values: dict[str, str], *, by: object = 7, cancelled: bool = False) -> None:
    """What Label Studio gives back: the tasks with an annotation each."""
    tasks = json.loads(path.read_text(encoding="utf-8"))
    for number, task in enumerate(tasks):
        results = [
            {"from_name": name, "to_name": "image", "type": "choices", "value": {"choices": [value]}}
            for name, value in values.items()
        ]
        task |= {
            "id": number,
            "annotations": [
                {"result": [], "created_at": "2026-11-21T10:00:00Z", "completed_by": 3},
                {
                    "result": results,
                    "created_at": "2026-11-21T11:00:00Z",
                    "completed_by": by,
                    "was_cancelled": cancelled,
                },
            ],
        }
    path.write_text(json.dumps(tasks), encoding="utf-8")


def test_questions_go_to_label_studio_and_come_back_as_decisions(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    assert len(label_studio.write_tasks(desk.catalog, TAXONOMY, path, photo_url=PHOTO_URL, most=3)) == 3
    task = json.loads(path.read_text(encoding="utf-8"))[0]
    assert task["data"]["sku"] == "p00" and set(task["data"]["asked"]) == {"color", "heel"}
    shown = task["predictions"][0]["result"][0]
    assert (shown["from_name"], shown["type"], shown["value"]) == ("color", "choices", {"choices": ["red"]})
    annotate(path, {"color": "Pink", "heel": "nothing", "toe": "round"}, by={"id": 7, "email": "ana@example.com"})
    done = label_studio.import_annotations(desk.catalog, TAXONOMY, path, author="label-studio")
    assert done.entered == 3 and len(done.problems) == 6
    assert done.problems["task 0, heel"] == "'nothing' is not in the taxonomy"
    assert done.problems["task 0, toe"] == "is not an attribute of the taxonomy"
    assert held(desk)["p00", "color"] == ("label-studio/ana@example.com", "pink")
    label_studio.import_annotations(desk.catalog, TAXONOMY, path, author="label-studio")
    assert desk.catalog.count(schema.decisions) == 3


def test_an_annotation_of_what_was_decided_meanwhile_is_a_conflict(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    label_studio.write_tasks(desk.catalog, TAXONOMY, path, photo_url=PHOTO_URL, most=1)
    decided(desk, "p00")
    annotate(path, {"color": "pink"})
    done = label_studio.import_annotations(desk.catalog, TAXONOMY, path, author="label-studio")
    assert done.entered == 0 and "ana decided 'blue'" in done.conflicts["p00, color"]


def test_a_cancelled_annotation_says_nothing(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    label_studio.write_tasks(desk.catalog, TAXONOMY, path, photo_url=PHOTO_URL, most=1)
    annotate(path, {"color": "pink"}, cancelled=True)
    assert label_studio.import_annotations(desk.catalog, TAXONOMY, path, author="ls").entered == 0


def test_the_interface_names_every_value_and_nothing_breaks_out_of_it(desk: Desk) -> None:
    xml = label_studio.config(TAXONOMY)
    assert '<Choices name="color" toName="image"' in xml and '<Choice value="pink"/>' in xml


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["p00", "color", "red", "choices"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "data",
                    "sku",
                    "versions",
                    "color",
                    "annotations",
                    "result",
                    "type",
                    "value",
                    "choices",
                    "from_name",
                ]
            ),
            children,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=json_values)
def test_whatever_json_comes_in_is_used_or_refused(desk: Desk, tmp_path: Path, tasks: object) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    try:
        label_studio.import_annotations(desk.catalog, TAXONOMY, path, author="ls")
    except InputError as error:
        assert "no list of tasks" in error.message
