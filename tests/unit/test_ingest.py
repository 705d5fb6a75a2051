"""Bringing things in: nothing is lost, nothing crashes, running again adds only what is new."""

import io
import json
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from vitrine import taxonomy
from vitrine.config import Columns
from vitrine.errors import InputError
from vitrine.intake.items import Items, items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.records import schema as schema_of
from vitrine.stores import schema
from vitrine.workspace import Workspace, create

TAXONOMY = """
version = 1
[attributes.color]
[attributes.color.values]
red = {en = "Red", pt = "Vermelho"}
blue = {en = "Blue", pt = "Azul", synonyms = ["marinho"]}
"""


def photo(path: Path, color: str = "red", size: int = 120) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (size, size), "white")
    image.paste(color, (size // 4, size // 3, 3 * size // 4, 2 * size // 3))
    image.save(path)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "photos").mkdir()
    return create(tmp_path / "work", TAXONOMY, {})


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def read(workspace: Workspace, table: Path) -> Items:
    return items_of_rows(read_table(table), workspace.settings.columns, workspace.taxonomy)


def ingest(workspace: Workspace, folder: Path, *rows: str):
    table = write(folder / "labels.csv", *rows)
    source = PhotoSource(str(folder / "photos"))
    return workspace.ingest(read(workspace, table), source, place=str(table))


def quarantine(workspace: Workspace) -> dict[str, dict]:
    return {row["code"]: row for row in workspace.catalog.rows(schema.quarantine)}


def labels(workspace: Workspace) -> dict[str, str]:
    return {row["sku"]: row["value"] for row in workspace.labels().to_pylist()}


def test_display_names_and_synonyms_mean_the_value(workspace: Workspace, tmp_path: Path) -> None:
    for name in "abc":
        photo(tmp_path / "photos" / f"{name}.jpg")
    ingest(workspace, tmp_path, "sku,photo,color", "1,a.jpg,VERMELHO", "2,b.jpg,Marinho", "3,c.jpg,")
    assert labels(workspace) == {"1": "red", "2": "blue"}


def test_several_rows_and_several_photos_make_one_product(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        photo(tmp_path / "photos" / f"{name}.png", size=100 + ord(name))
    ingest(workspace, tmp_path, "sku,photo,view,color,price", "1,a.png|b.png,side,red,89.9", "1,c.png,back,red,")
    links = workspace.catalog.rows(schema.product_photos)
    assert sorted((link["view"], link["sku"]) for link in links) == [("back", "1"), ("side", "1"), ("side", "1")]
    assert workspace.products().to_pylist()[0]["price"] == 89.9


@pytest.mark.parametrize(
    ("row", "code", "in_reason"),
    [
        ("1,missing.jpg,red", "missing", "missing.jpg"),
        ("1,../../etc/passwd,red", "bad-path", "leads out"),
        ("1,/etc/passwd,red", "bad-path", "leads out"),
        ("1,text.jpg,red", "unreadable", "text.jpg"),
        ("1,folder,red", "unreadable", "folder"),
        ("1,loop.jpg,red", "unreadable", "loop.jpg"),
        ("1,a.jpg,redd", "off-taxonomy", "did you mean 'red'?"),
        (",a.jpg,red", "bad-key", "empty"),
        ("1,a.jpg", "bad-row", "2 cells where the header has 3"),
    ],
)
def test_what_cannot_be_used_is_put_aside_with_its_reason(
    workspace: Workspace, tmp_path: Path, row: str, code: str, in_reason: str
) -> None:
    photos = tmp_path / "photos"
    photo(photos / "a.jpg")
    (photos / "text.jpg").write_text("not a photo", encoding="utf-8")
    (photos / "folder").mkdir()
    (photos / "loop.jpg").symlink_to(photos / "loop.jpg")
    ingest(workspace, tmp_path, "sku,photo,color", "ok,a.jpg,blue", row)
    found = quarantine(workspace)
    assert code in found, found
    assert in_reason in found[code]["reason"]
    assert found[code]["row"] == 3
    assert labels(workspace)["ok"] == "blue"


def test_a_mended_row_leaves_quarantine(workspace: Workspace, tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "a.jpg")
    assert ingest(workspace, tmp_path, "sku,photo,color", "1,a.jpg,redd").quarantined == 1
    assert ingest(workspace, tmp_path, "sku,photo,color", "1,a.jpg,red").quarantined == 0
    assert labels(workspace) == {"1": "red"}


def test_a_changed_label_is_the_one_that_holds_and_the_old_one_stays_recorded(
    workspace: Workspace, tmp_path: Path
) -> None:
    photo(tmp_path / "photos" / "a.jpg")
    ingest(workspace, tmp_path, "sku,photo,color", "1,a.jpg,red")
    report = ingest(workspace, tmp_path, "sku,photo,color", "1,a.jpg,blue")
    assert report.new_labels == 1
    assert labels(workspace) == {"1": "blue"}
    assert workspace.catalog.count(schema.labels) == 2


def test_a_contradiction_in_one_table_keeps_both_values(workspace: Workspace, tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "a.jpg")
    ingest(workspace, tmp_path, "sku,photo,color", "1,a.jpg,red", "1,a.jpg,blue")
    found = workspace.labels().to_pylist()
    assert [(row["value"], row["conflict"]) for row in found] == [("blue", True), ("red", True)]


def test_a_replaced_file_is_read_again(workspace: Workspace, tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "a.jpg", "red")
    ingest(workspace, tmp_path, "sku,photo,color", "1,a.jpg,red")
    photo(tmp_path / "photos" / "a.jpg", "blue", size=140)
    assert ingest(workspace, tmp_path, "sku,photo,color", "1,a.jpg,red").new_photos == 1


@pytest.mark.parametrize("name", ["ação 👠.jpg", "with space.jpg", "quote'\".jpg", "sub/açaí.jpg"])
def test_names_survive(workspace: Workspace, tmp_path: Path, name: str) -> None:
    photo(tmp_path / "photos" / name)
    (tmp_path / "labels.jsonl").write_text(json.dumps({"sku": "é-1/👠", "photo": name, "color": "Vermelho"}), "utf-8")
    items = read(workspace, tmp_path / "labels.jsonl")
    workspace.ingest(items, PhotoSource(str(tmp_path / "photos")), place="t")
    assert workspace.products().column("sku").to_pylist() == ["é-1/👠"]
    assert workspace.catalog.count(schema.photos) == 1


def test_photos_are_found_by_their_names_where_the_table_has_no_photo_column(
    workspace: Workspace, tmp_path: Path
) -> None:
    for name in ("A-1.jpg", "A-1-2.jpg", "A-2_back.jpg", "Z.jpg"):
        photo(tmp_path / "photos" / name, size=100 + len(name))
    table = write(tmp_path / "labels.csv", "sku,color", "A-1,red", "A-2,blue")
    source = PhotoSource(str(tmp_path / "photos"))
    items = items_of_rows(read_table(table), Columns(), workspace.taxonomy, source.list())
    assert {sku: len(item.photos) for sku, item in items.by_sku.items()} == {"A-1": 2, "A-2": 1}
    assert [problem.code for problem in items.problems] == ["no-product"]


def test_every_kind_of_table_reads_the_same(tmp_path: Path) -> None:
    rows = [{"sku": "é1", "color": "red"}, {"sku": "2", "color": ""}]
    write(tmp_path / "t.csv", "sku,color", "é1,red", "2,")
    write(tmp_path / "t.tsv", "sku\tcolor", "é1\tred", "2\t")
    (tmp_path / "semicolon.csv").write_bytes("\ufeffsku;color\r\né1;red\r\n2;\r\n".encode())
    write(tmp_path / "t.jsonl", *(json.dumps(row) for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    book = openpyxl.Workbook()
    for row in (["sku", "color"], ["é1", "red"], [2, None]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    for name in ("t.csv", "t.tsv", "semicolon.csv", "t.jsonl", "t.parquet", "t.xlsx"):
        read_rows = [
            (str(row.cells["sku"]), str(row.cells["color"] or ""))
            for row in read_table(tmp_path / name)
            if not row.problem
        ]
        assert read_rows == [("é1", "red"), ("2", "")], name


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("latin.csv", "sku,color\n1,vermelhão\n".encode("latin-1"), "not utf-8"),
        ("empty.csv", b"", "is empty"),
        ("table.doc", b"x", "'.doc' is not known"),
        ("fake.xlsx", b"no zip", "no readable Excel"),
        ("fake.parquet", b"no parquet", "no readable Parquet"),
        ("twice.csv", b"sku,sku\n1,2\n", "two columns are called 'sku'"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_as_a_whole(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_table(tmp_path / name))


@pytest.mark.long
def test_a_million_rows_are_read(tmp_path: Path) -> None:
    with (tmp_path / "big.csv").open("w", encoding="utf-8") as file:
        file.write("sku,photo,color\n")
        file.writelines(f"{n},p{n}.jpg,{'red' if n % 2 else 'azul'}\n" for n in range(1_000_000))
    items = items_of_rows(read_table(tmp_path / "big.csv"), Columns(), taxonomy.parse(TAXONOMY))
    assert len(items.by_sku) == 1_000_000 and not items.problems
    assert items.by_sku["2"].labels == {"color": {"blue"}}


def test_originals_are_not_touched_and_cleaned_copies_carry_no_metadata(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "photos" / "a.jpg"
    image = Image.new("RGB", (300, 200), "white")
    image.paste("red", (90, 60, 200, 150))
    exif = Image.Exif()
    exif[0x010E] = "secret"
    image.save(path, exif=exif, comment=b"secret")
    before = path.read_bytes()
    ingest(workspace, tmp_path, "sku,photo,color", "1,a.jpg,red")
    assert path.read_bytes() == before
    blobs = [p for p in (workspace.data / "photos").rglob("*.jpg")]
    assert len(blobs) == 1 and b"secret" not in blobs[0].read_bytes()
    assert Image.open(io.BytesIO(blobs[0].read_bytes())).size[0] <= 512


def test_the_catalogs_tables_have_the_columns_of_their_records() -> None:
    from vitrine import records

    pairs = {
        records.Product: schema.products, records.Photo: schema.photos, records.ProductPhoto: schema.product_photos,
        records.Label: schema.labels, records.Quarantined: schema.quarantine, records.Twin: schema.twins,
        records.Member: schema.members, records.Move: schema.moves, records.ModelRecord: schema.models,
        records.Promotion: schema.promotions, records.LookAtTest: schema.test_uses, records.Prediction: schema.predictions,
        records.Score: schema.scores,
    }  # fmt: skip
    for record, table in pairs.items():
        entered = {column.name for column in table.columns if column.default is None}  # others are derived from these
        assert set(schema_of(record).names) == entered, table.name
