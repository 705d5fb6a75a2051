"""The table in the user's own columns and words; what has no word stays, and nothing is guessed."""

from pathlib import Path

import openpyxl
import pytest

from small_delivery import make, rename_product, say
from vitrine.deliver import deliver
from vitrine.errors import InputError
from vitrine.intake.table import read_table
from vitrine.workspace import Workspace

MAPPING = """
[[column]]
name = "Artigo"
field = "sku"
[[column]]
name = "Nome"
field = "name"
[[column]]
name = "Cor"
attribute = "color"
values = {red = "VERMELHO", pink = "ROSA"}
[[column]]
name = "Cor: de quem"
attribute = "color"
said = "origin"
[[column]]
name = "Salto"
attribute = "heel"
"""


def made(folder: Path, name: str, mapping: str = MAPPING) -> Workspace:
    workspace = make(folder, {"export": {"table": name}})
    (folder / "columns.toml").write_text(mapping, encoding="utf-8")
    return workspace


@pytest.mark.parametrize("name", ["products.csv", "products.xlsx"])
def test_the_table_has_the_users_columns_and_words(tmp_path: Path, name: str) -> None:
    workspace = made(tmp_path / "w", name)
    say(workspace, "p01", "color", "pink")
    report = deliver(workspace, "table")
    rows = {row.cells["Artigo"]: dict(row.cells) for row in read_table(workspace.folder / name)}
    assert rows["p00"]["Cor"] == "VERMELHO" and rows["p00"]["Cor: de quem"] == "published"
    assert rows["p01"]["Cor"] == "ROSA" and not rows["p01"]["Salto"]
    assert (report.sent, report.unchanged, report.recalled, report.problems) == (12, 0, 0, [])


@pytest.mark.parametrize("name", ["products.csv", "products.xlsx"])
def test_only_a_change_writes_the_table_again(tmp_path: Path, name: str) -> None:
    workspace = made(tmp_path / "w", name)
    rename_product(workspace, "p00", "=HYPERLINK('x')")
    deliver(workspace, "table")
    path = workspace.folder / name
    written = path.stat().st_mtime_ns
    report = deliver(workspace, "table")
    assert (report.sent, report.unchanged) == (0, 12) and path.stat().st_mtime_ns == written
    say(workspace, "p02", "color", "pink")
    say(workspace, "p03", "color", "red", "rejected")
    dry = deliver(workspace, "table", dry_run=True)
    assert [(one.sku, one.old, one.new) for one in dry.changes] == [
        ("p02", "VERMELHO", "ROSA"),
        ("p03", "VERMELHO", None),
    ]
    assert path.stat().st_mtime_ns == written
    report = deliver(workspace, "table")
    assert (report.sent, report.unchanged, report.recalled) == (1, 10, 1)
    assert path.stat().st_mtime_ns != written


def test_a_value_without_a_word_stays_and_is_named(tmp_path: Path) -> None:
    workspace = made(tmp_path / "w", "products.csv")
    say(workspace, "p04", "color", "blue")
    say(workspace, "p05", "color", "blue")
    report = deliver(workspace, "table")
    (problem,) = report.problems
    assert (problem.attribute, problem.value, problem.sku, problem.count) == ("color", "blue", "p04", 2)
    assert "values of 'Cor'" in problem.hint and report.failed == 2
    rows = {row.cells["Artigo"]: row.cells["Cor"] for row in read_table(workspace.folder / "products.csv")}
    assert rows["p04"] == "" and rows["p06"] == "VERMELHO"


def test_a_language_without_a_name_is_no_english_in_disguise(tmp_path: Path) -> None:
    mapping = '[[column]]\nname = "s"\nfield = "sku"\n[[column]]\nname = "c"\nattribute = "color"\nlanguage = "pt"\n'
    workspace = made(tmp_path / "w", "products.csv", mapping)
    assert deliver(workspace, "table").failed == 12


@pytest.mark.parametrize("name", ["products.csv", "products.xlsx"])
def test_no_cell_is_a_formula(tmp_path: Path, name: str) -> None:
    workspace = made(tmp_path / "w", name)
    for sku, text in (("p00", "=1+1"), ("p01", "+1"), ("p02", "@SUM(1)"), ("p03", "bell\x07and\x0bmore")):
        rename_product(workspace, sku, text)
    deliver(workspace, "table")
    assert deliver(workspace, "table").sent == 0
    path = workspace.folder / name
    if name.endswith("xlsx"):
        cells = [cell for row in openpyxl.load_workbook(path).active.iter_rows() for cell in row]
        assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    else:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        assert not any(cell[:1] in "=+@" for line in lines for cell in line.split(",") if cell)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ('[[column]]\nname = "a"\nattribute = "color"', 'field = "sku"'),
        ('[[column]]\nname = "a"\nfield = "size"', "column.0.field"),
        ('[[column]]\nname = "a"\nfield = "sku"\nattribute = "color"', "either"),
        ('[[column]]\nname = "a"\nfield = "sku"\n[[column]]\nname = "a"\nfield = "name"', "twice"),
        ('[[column]]\nname = "a"\nfield = "sku"\n[[column]]\nname = "b"\nattribute = "colour"', "'colour'"),
        (
            '[[column]]\nname = "a"\nfield = "sku"\n[[column]]\nname = "b"\nattribute = "color"\nvalues = {rred = "x"}',
            "'rred' is not a value",
        ),
        ("[[column", "columns.toml"),
    ],
)
def test_a_mistake_in_the_mapping_is_named(tmp_path: Path, mapping: str, said: str) -> None:
    workspace = made(tmp_path / "w", "products.csv", mapping)
    with pytest.raises(InputError) as caught:
        deliver(workspace, "table")
    assert said in caught.value.message and caught.value.hint


def test_another_table_is_not_overwritten(tmp_path: Path) -> None:
    workspace = made(tmp_path / "w", "products.csv")
    path = workspace.folder / "products.csv"
    path.write_text("id,what\n1,mine\n", encoding="utf-8")
    with pytest.raises(InputError, match="not the table"):
        deliver(workspace, "table")
    assert path.read_text(encoding="utf-8") == "id,what\n1,mine\n"
