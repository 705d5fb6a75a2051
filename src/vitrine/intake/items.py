"""Turn table rows or a folder per value into products with their photos and labels; what is wrong is kept aside.

One product may stand in several rows (one a photo); its rows are brought together here.
"""

import math
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitrine.config import Columns
from vitrine.errors import InputError
from vitrine.intake.table import TableRow
from vitrine.taxonomy import Attribute, Taxonomy, fold

_EMPTY = {"", "na", "n/a", "nan", "null", "-", "?"}
_PHOTO_SEPARATORS = ("|", ";")
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif")
_MAX_SKU = 200


@dataclass(frozen=True, slots=True)
class PhotoPath:
    """Where a photo of a product lies, relative to the photos' folder, and the table row that says so."""

    path: str
    view: str | None
    row: int


@dataclass(slots=True)
class Item:
    """One product as the table describes it: fields, photos, and for each attribute the values said."""

    sku: str
    row: int
    fields: dict[str, Any] = field(default_factory=dict)
    photos: list[PhotoPath] = field(default_factory=list)
    labels: dict[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """A row, cell or file that cannot be used: row number, code, product, the value seen, and why."""

    row: int
    code: str
    sku: str | None
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Items:
    """All products of one source by sku, and everything that was put aside while reading it."""

    by_sku: Mapping[str, Item]
    problems: Sequence[Problem]


def items_of_rows(
    rows: Iterable[TableRow], columns: Columns, taxonomy: Taxonomy, photo_names: Iterable[str] | None = None
) -> Items:
    """Products from table rows.

    `photo_names` (paths in the photos' folder) is used when the table has no photo column: a photo belongs to the
    sku that its name starts with. Raises InputError for a missing key column or a multi-valued attribute column.
    """
    items: dict[str, Item] = {}
    problems: list[Problem] = []
    attributes: list[Attribute] | None = None
    for row in rows:
        if row.problem:
            problems.append(Problem(row.number, "bad-row", None, _shown(row.cells), row.problem))
            continue
        if attributes is None:
            attributes = _attributes_in(row, columns, taxonomy, photo_names is None)
        sku = text(row.cells.get(columns.key))
        refusal = refuse_sku(sku)
        if refusal:
            problems.append(Problem(row.number, "bad-key", sku or None, _shown(row.cells), f"{columns.key}: {refusal}"))
            continue
        item = items.setdefault(sku, Item(sku, row.number))
        problems += _read_fields(item, row, columns)
        problems += _read_labels(item, row, attributes)
        problems += _read_photos(item, row, columns)
    if photo_names is not None:
        problems += _match_by_name(items, photo_names)
    return Items(items, problems)


def items_of_folders(paths: Iterable[str], attribute: Attribute) -> Items:
    """Products from a folder per value: every photo is a product of its own, labelled with its folder's name."""
    items: dict[str, Item] = {}
    problems: list[Problem] = []
    for number, path in enumerate(sorted(paths), 1):
        folder = path.rpartition("/")[0].rpartition("/")[2]
        if not folder or not path.lower().endswith(PHOTO_ENDINGS):
            problems.append(
                Problem(number, "not-a-photo", None, path, "not a photo inside a folder named after a value")
            )
            continue
        item = Item(path, number, photos=[PhotoPath(path, None, number)])
        value = attribute.read(folder)
        if value is None:
            problems.append(_off_taxonomy(number, path, attribute, folder))
        else:
            item.labels[attribute.name] = {value}
        items[path] = item
    return Items(items, problems)


def text(cell: object) -> str:
    """A cell as text: None is empty, 12.0 from a spreadsheet is 12."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def is_empty(cell: str) -> bool:
    """Whether a cell says nothing: blank, NA, null and the like."""
    return fold(cell) in _EMPTY


def split_values(cell: object) -> list[str]:
    """The several values of a multi-valued cell; one or none for an ordinary cell."""
    if isinstance(cell, list | tuple | set):
        return [text(part) for part in cell]
    for separator in _PHOTO_SEPARATORS:
        if isinstance(cell, str) and separator in cell:
            return [part.strip() for part in cell.split(separator) if part.strip()]
    return [text(cell)] if text(cell) else []


def _attributes_in(row: TableRow, columns: Columns, taxonomy: Taxonomy, needs_photo: bool) -> list[Attribute]:
    present = ", ".join(row.cells)
    if columns.key not in row.cells:
        raise InputError(
            f"the table has no column '{columns.key}' (it has: {present})", hint="name it with --key COLUMN"
        )
    if needs_photo and columns.photo not in row.cells:
        raise InputError(
            f"the table has no column '{columns.photo}' (it has: {present})", hint="name it with --photo COLUMN"
        )
    return [attribute for attribute in taxonomy.attributes.values() if attribute.name in row.cells]


def refuse_sku(sku: str) -> str:
    """Why a product's key cannot be used; empty when it can."""
    if is_empty(sku):
        return "empty"
    if len(sku) > _MAX_SKU:
        return f"longer than {_MAX_SKU} characters"
    if not sku.isprintable():
        return "has control characters"
    return ""


def _read_fields(item: Item, row: TableRow, columns: Columns) -> list[Problem]:
    problems = []
    for name in ("style", "name", "description", "brand"):
        cell = text(row.cells.get(getattr(columns, name)))
        if not is_empty(cell):
            item.fields.setdefault(name, cell)
    price = text(row.cells.get(columns.price))
    if not is_empty(price):
        try:
            item.fields.setdefault("price", read_price(price))
        except ValueError:
            problems.append(Problem(row.number, "bad-price", item.sku, price, f"'{price}' is no price"))
    stock = text(row.cells.get(columns.stock))
    if not is_empty(stock):
        if stock.isascii() and stock.isdigit():
            item.fields.setdefault("stock", int(stock))
        else:
            problems.append(Problem(row.number, "bad-stock", item.sku, stock, f"'{stock}' is no number of pieces"))
    weight = text(row.cells.get(columns.weight))
    if not is_empty(weight):
        try:
            item.fields.setdefault("weight", read_weight(weight))
        except ValueError:
            problems.append(
                Problem(row.number, "bad-weight", item.sku, weight, f"'{weight}' is no weight of 0 or more")
            )
    return problems


def read_weight(cell: str) -> float:
    """A business weight: a finite number of 0 or more, with a decimal point or comma; ValueError for anything else.

    >>> read_weight("12,5"), read_weight("300")
    (12.5, 300.0)
    """
    weight = float(cell.replace(",", "."))
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError(cell)
    return weight


def read_price(cell: str) -> float:
    """A price in any common notation.

    >>> read_price("R$ 1.299,90"), read_price("1,299.90"), read_price("89,9"), read_price("120")
    (1299.9, 1299.9, 89.9, 120.0)
    """
    digits = "".join(c for c in cell if c.isdigit() or c in ".,-")
    decimal_comma = digits.rfind(",") > digits.rfind(".")
    price = float(digits.replace(".", "").replace(",", ".") if decimal_comma else digits.replace(",", ""))
    if price < 0:
        raise ValueError(cell)
    return price


def _read_labels(item: Item, row: TableRow, attributes: list[Attribute]) -> list[Problem]:
    problems = []
    for attribute in attributes:
        cell = row.cells[attribute.name]
        written = text(cell)
        value = attribute.read(written) if not isinstance(cell, list | tuple | set) else None
        if value is not None:
            item.labels.setdefault(attribute.name, set()).add(value)
            continue
        if not isinstance(cell, list) and is_empty(written):
            continue
        several = split_values(cell)
        if len(several) > 1 and all(attribute.read(part) for part in several):
            raise InputError(
                f"row {row.number}: {attribute.name} = {written!r} has several values; attributes are single-valued",
                hint="keep the main value in this column, or make one column (attribute) of each",
            )
        problems.append(_off_taxonomy(row.number, item.sku, attribute, written))
    return problems


def _off_taxonomy(row: int, sku: str, attribute: Attribute, written: str) -> Problem:
    suggestion = attribute.suggest(written)
    meant = f"; did you mean '{suggestion}'?" if suggestion else ""
    return Problem(row, "off-taxonomy", sku, written, f"{attribute.name}: '{written}' is not in the taxonomy{meant}")


def _read_photos(item: Item, row: TableRow, columns: Columns) -> list[Problem]:
    view = text(row.cells.get(columns.view)) or None
    problems = []
    for path in split_values(row.cells.get(columns.photo)):
        refusal = refuse_path(path)
        if refusal:
            problems.append(Problem(row.number, "bad-path", item.sku, path, f"photo '{path}' {refusal}"))
        elif all(known.path != path for known in item.photos):
            item.photos.append(PhotoPath(path, view, row.number))
    return problems


def refuse_path(path: str) -> str:
    """Why a photo path from a table is not followed; empty when it stays inside the photos' folder.

    >>> refuse_path("sub/10000.jpg"), refuse_path("../../etc/passwd")
    ('', 'leads out of the photos folder')
    """
    if not path.isprintable():
        return "has control characters"
    normal = posixpath.normpath(path.replace("\\", "/"))
    if normal.startswith(("/", "../")) or normal == ".." or (len(normal) > 1 and normal[1] == ":"):
        return "leads out of the photos folder"
    return ""


def _match_by_name(items: Mapping[str, Item], photo_names: Iterable[str]) -> list[Problem]:
    """`1234.jpg`, `1234-2.jpg`, `1234_back.jpg` belong to 1234; the longest sku that fits wins."""
    problems = []
    for number, path in enumerate(sorted(photo_names), 1):
        stem = path.rpartition("/")[2].rpartition(".")[0]
        sku = stem
        while sku and sku not in items:
            cut = max(sku.rfind("-"), sku.rfind("_"))
            sku = sku[:cut] if cut > 0 else ""
        if sku:
            items[sku].photos.append(PhotoPath(path, None, items[sku].row))
        else:
            problems.append(Problem(number, "no-product", None, path, f"photo '{path}' fits no sku of the table"))
    return problems


def _shown(cells: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={text(cell)}" for name, cell in cells.items())[:500]
