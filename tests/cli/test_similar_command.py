"""`vitrine similar` and `vitrine lookalike` as a person or a script calls them: JSON on stdout, notes on stderr, exits."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitrine.cli.main import run
from vitrine.demo.catalog import Planted
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.workspace import Workspace, create


@pytest.fixture
def call(trained: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command in the trained workspace; gives its exit status, stdout and stderr."""
    trained.catalog.close()

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["vitrine", *words, "--workspace", str(trained.folder)])
        try:
            run()
            status = 0
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


def test_a_product_and_a_photo_are_answered_as_json(call: Any, drawn: tuple[Path, Planted]) -> None:
    status, out, _ = call("similar", "F000007", "--k", "3", "--json")
    found = json.loads(out)
    assert status == 0 and len(found) == 3
    assert {"sku", "similarity", "probability", "why", "name", "price"} <= set(found[0])
    photo = sorted((drawn[0] / "photos").glob("F000007*.jpg"))[0]
    status, out, err = call("similar", str(photo), "--k", "3", "--keep", "heel", "--change", "color=red", "--json")
    assert status == 0 and len(json.loads(out)) == 3 and "F000007" in err, "the product itself is told and left out"


def test_what_cannot_be_done_is_told_with_its_exit_status(call: Any, tmp_path: Path) -> None:
    text = tmp_path / "a.jpg"
    text.write_text("no photo")
    blank = tmp_path / "b.png"
    Image.new("RGB", (200, 200), "white").save(blank)
    for words, seen in [
        (["nope"], "'nope'"),
        (["missing.jpg"], "no file and no product missing.jpg"),
        ([str(text)], "no image"),
        ([str(blank)], "shows nothing"),
        (["F000007", "--keep", "heal"], "'heal'"),
        (["F000007", "--only", "heel"], "no filter"),
        (["F000007", "--k", "0"], "0 look-alikes"),
    ]:
        status, out, err = call("similar", *words, "--json")
        assert status == 2 and seen in json.loads(out)["message"] and "error:" in err, words


def test_an_embedder_that_tells_nothing_apart_raises_the_alarm(
    tmp_path: Path, drawn: tuple[Path, Planted], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty products whose photos differ by a gray level: any two are the same to it."""
    workspace = create(tmp_path / "same", (drawn[0] / "taxonomy.toml").read_text(encoding="utf-8"), {})
    (tmp_path / "photos").mkdir()
    shoe = np.asarray(Image.open(sorted((drawn[0] / "photos").glob("F000007*.jpg"))[0]).convert("RGB"))
    rows = ["sku,photo"]
    for number in range(20):
        Image.fromarray(np.minimum(shoe, 255 - number)).save(tmp_path / "photos" / f"{number}.png")
        rows.append(f"s{number},{number}.png")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    items = items_of_rows(read_table(tmp_path / "labels.csv"), workspace.settings.columns, workspace.taxonomy)
    workspace.ingest(items, PhotoSource(str(tmp_path / "photos")), place="labels.csv")
    assert "any two products" in workspace.similar("s3").notes[0].message
    monkeypatch.setattr("sys.argv", ["vitrine", "lookalike", "build", "--workspace", str(workspace.folder)])
    with pytest.raises(SystemExit, match="1"):
        run()
    assert "any two products" in capsys.readouterr().err


def test_the_shelf_is_built_ahead_and_measured(call: Any) -> None:
    status, out, _ = call("lookalike", "build", "--json")
    built = json.loads(out)
    assert status == 0 and built["products"] == built["put"] > 400 and built["collapsed"] is None
    status, out, _ = call("lookalike", "evaluate", "--attribute", "category", "--attribute", "color", "--json")
    assert status == 0 and json.loads(out)["everything"]["steered"]["change"] == "color"
