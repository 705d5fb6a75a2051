"""`vitrine similar` and `vitrine lookalike` as a person or a script calls them: JSON on stdout, notes on stderr, exits."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command import vitrine
from vitrine.demo.catalog import Planted
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.workspace import Workspace, create


@pytest.fixture
def folder(trained: Workspace) -> Path:
    trained.catalog.close()
    return trained.folder


def test_a_product_and_a_photo_are_answered_as_json(folder: Path, drawn: tuple[Path, Planted]) -> None:
    found = json.loads(vitrine("similar", "F000007", "--k", "3", "--json", folder=folder).stdout)
    assert len(found) == 3
    assert {"sku", "similarity", "probability", "why", "name", "price"} <= set(found[0])
    photo = sorted((drawn[0] / "photos").glob("F000007*.jpg"))[0]
    steered = ("--keep", "heel", "--change", "color=red")
    said = vitrine("similar", photo, "--k", "3", *steered, "--json", folder=folder)
    assert len(json.loads(said.stdout)) == 3 and "F000007" in said.stderr, "the product itself is told and left out"


def test_what_cannot_be_done_is_told_with_its_exit_status(folder: Path, tmp_path: Path) -> None:
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
        said = vitrine("similar", *words, "--json", folder=folder, expect=2)
        assert seen in json.loads(said.stdout)["message"] and "error:" in said.stderr, words


def test_an_embedder_that_tells_nothing_apart_raises_the_alarm(tmp_path: Path, drawn: tuple[Path, Planted]) -> None:
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
    assert "any two products" in vitrine("lookalike", "build", folder=workspace.folder, expect=1).stderr


def test_the_shelf_is_built_ahead_and_measured(folder: Path) -> None:
    built = json.loads(vitrine("lookalike", "build", "--json", folder=folder).stdout)
    assert built["products"] == built["put"] > 400 and built["collapsed"] is None
    attributes = ("--attribute", "category", "--attribute", "color")
    measured = json.loads(vitrine("lookalike", "evaluate", *attributes, "--json", folder=folder).stdout)
    assert measured["everything"]["steered"]["change"] == "color"
