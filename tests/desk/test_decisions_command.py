"""`vitrine decisions` as a person or a script calls it."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from command import vitrine
from small_desk import TAXONOMY_TEXT, add_products
from vitrine.desk.fill import fill
from vitrine.workspace import Workspace, create

Run = Callable[..., dict]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a workspace with 12 products; its JSON, after checking its exit status."""
    workspace = create(tmp_path / "workspace", TAXONOMY_TEXT, {})
    add_products(workspace.catalog, [f"p{i:02d}" for i in range(12)])
    fill(workspace.catalog, workspace.taxonomy)
    workspace.catalog.close()
    monkeypatch.chdir(workspace.folder)

    def call(*arguments: str, expect: int = 0) -> dict:
        return json.loads(vitrine("decisions", *arguments, "--json", expect=expect).stdout)

    return call


def test_a_table_goes_out_is_edited_comes_in_and_is_undone(run: Run) -> None:
    assert run("table", "out.csv")["written"] == 12
    with Path("out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[2]["color"], rows[3]["heel"] = "blue", "mauve"
    with Path("out.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    done = run("import", "out.csv", "--author", "ana", expect=1)
    assert done["entered"] == 1 and list(done["problems"]) == ["row 5, heel"]
    assert run("trail", "trail.jsonl")["written"] == 1
    assert run("undo", done["batch_ids"][0], "--author", "budi")["undone"] == 1
    assert run("trail", "trail.jsonl")["written"] == 2


def test_tasks_go_out_with_the_interface_that_fits_them(run: Run) -> None:
    assert run("tasks", "tasks.json", "--photo-url", "http://127.0.0.1/{photo_id}", "--most", "5")["written"] == 5
    assert '<Choices name="color"' in Path("tasks.xml").read_text(encoding="utf-8")
    assert run("import", "tasks.json", "--author", "ls")["entered"] == 0, "nobody annotated anything"


def test_tasks_say_where_label_studio_finds_their_photos(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    trained.classify()
    assert trained.ask() >= 3
    monkeypatch.chdir(trained.folder)
    assert "--photos" in vitrine("decisions", "tasks", "tasks.json", expect=2).stderr
    vitrine("decisions", "tasks", "tasks.json", "--photos", "to label", "--most", "3")
    for task in json.loads(Path("tasks.json").read_text(encoding="utf-8")):
        root, folder, name = task["data"]["image"].partition("?d=to%20label/")
        assert root == "/data/local-files/" and folder
        assert Image.open(Path("to label") / name).size[0] > 32
    assert len(list(Path("to label").iterdir())) == 3


def test_agreement_is_empty_before_anybody_answers_twice(run: Run) -> None:
    assert run("agreement") == {"attributes": [], "disputes": []}
