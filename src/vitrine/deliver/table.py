"""A table in the user's own columns: a mapping file says which column holds what, and in which words."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import sqlalchemy as sa
from pydantic import model_validator

from vitrine.deliver.leaving import leaving
from vitrine.deliver.problems import Problems
from vitrine.deliver.report import Change, DeliveryReport
from vitrine.deliver.wording import Section, Wording, read_mapping
from vitrine.desk.tables import write_rows
from vitrine.errors import InputError
from vitrine.intake.items import text
from vitrine.intake.table import read_table
from vitrine.stores import schema

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

GUIDE = "docs/guides/lake.md"
SHOWN = 100

Field = Literal["sku", "style_id", "name", "description", "brand", "price", "stock"]
Said = Literal["value", "origin", "confidence", "said_by", "said_at", "certificate"]


class TableColumn(Section):
    """One column: a `field` of the product, or what is `said` of an attribute, by default its value in your words."""

    name: str
    field: Field | None = None
    attribute: str | None = None
    said: Said = "value"
    language: str | None = None
    values: Mapping[str, str] = {}
    not_applicable: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "TableColumn":
        if (self.field is None) == (self.attribute is None):
            raise ValueError("a column has either a field or an attribute")
        return self

    @property
    def wording(self) -> Wording:
        """How the attribute's values are written."""
        return Wording(
            attribute=self.attribute or "", language=self.language, values=self.values,
            not_applicable=self.not_applicable,
        )  # fmt: skip


class Columns(Section):
    """The mapping file: the columns in their order."""

    column: tuple[TableColumn, ...]

    @model_validator(mode="after")
    def _has_key(self) -> "Columns":
        names = [one.name for one in self.column]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"the column {sorted(twice)[0]!r} is there twice")
        if all(one.field != "sku" for one in self.column):
            raise ValueError('one column must have field = "sku"')
        return self

    @property
    def key(self) -> str:
        """The name of the column with the product's key."""
        return next(one.name for one in self.column if one.field == "sku")


def deliver_table(workspace: "Workspace", *, dry_run: bool = False) -> DeliveryReport:
    """Write the table `[export] table` (see `vitrine.deliver.deliver`), where anything in it changed.

    A value without a word leaves its cell empty and is a problem of the report.
    """
    settings = workspace.settings.export
    if not settings.table:
        raise InputError(
            "it is not said which table to write", hint='in vitrine.toml, section [export]: table = "products.xlsx"'
        )
    path, mapping = workspace.folder / settings.table, workspace.folder / settings.columns
    columns = read_mapping(mapping, Columns, guide=GUIDE)
    problems = Problems()
    rows = list(_rows(workspace, columns, problems, str(mapping)))
    before = _written(path, columns.key)
    attributes = {one.name: one.attribute for one in columns.column if one.attribute and one.said == "value"}
    changes = list(_changes(before, rows, columns, attributes))
    recalled = sum(one.new is None for one in changes)
    filled = sum(
        row[place] != "" for row in rows[1:] for place, one in enumerate(columns.column) if one.name in attributes
    )
    if not dry_run and not _same(before, rows):
        write_rows(rows, path)
    return DeliveryReport(
        "table", len(changes) - recalled, filled - len(changes) + recalled, recalled, problems.count, str(path), dry_run,
        changes[:SHOWN], problems.found, {"rows": len(rows) - 1},
    )  # fmt: skip


def _rows(workspace: "Workspace", columns: Columns, problems: Problems, where: str) -> Iterator[list[Any]]:
    products = schema.products
    listed = workspace.catalog.rows(sa.select(products).order_by(products.c.sku))
    filled = _filled(workspace, columns, problems, where)
    yield [one.name for one in columns.column]
    for product in listed:
        yield [
            _plain(product[one.field]) if one.field else filled[one.name].get(product["sku"], "")
            for one in columns.column
        ]


def _filled(workspace: "Workspace", columns: Columns, problems: Problems, where: str) -> dict[str, dict[str, Any]]:
    """For each column of an attribute, what stands there by sku."""
    of_attribute: dict[str, list[TableColumn]] = {}
    for one in columns.column:
        if one.attribute:
            one.wording.check(workspace.taxonomy, where)
            of_attribute.setdefault(one.attribute, []).append(one)
    filled: dict[str, dict[str, Any]] = {}
    for name, table in zip(workspace.taxonomy.attributes, leaving(workspace), strict=True):
        for one in of_attribute.get(name, []):
            filled[one.name] = _cells(one, table, workspace, problems, where)
    return filled


def _cells(
    column: TableColumn, table: pa.Table, workspace: "Workspace", problems: Problems, where: str
) -> dict[str, Any]:
    skus = table["sku"].to_pylist()
    if column.said != "value":
        return dict(zip(skus, map(_plain, table[column.said].to_pylist()), strict=True))
    attribute = workspace.taxonomy.attributes[column.attribute or ""]
    words = {value: column.wording.word(attribute, value) for value in attribute.values}
    cells = {}
    for sku, value in zip(skus, table["value"].to_pylist(), strict=True):
        word = words[value]
        if word is None:
            problems.add(attribute.name, value, sku, f"column '{column.name}' has no word for it",
                         f"add it under values of '{column.name}' in {where}, or a name in taxonomy.toml")  # fmt: skip
        cells[sku] = word or ""
    return cells


def _plain(cell: Any) -> Any:
    if cell is None:
        return ""
    return cell.isoformat() if hasattr(cell, "isoformat") else cell


def _written(path: Path, key: str) -> dict[str, dict[str, str]] | None:
    """What the table says now: key → cells; None where there is none yet. Raises InputError where it is another table."""
    if not path.exists():
        return None
    found = {}
    for row in read_table(path):
        if row.problem or key not in row.cells:
            raise InputError(
                f"{path}: row {row.number}: this is not the table that was written here ({row.problem or 'no ' + key})",
                hint="move it away, or name another file under table in section [export] of vitrine.toml",
            )
        found[_cell(row.cells[key])] = {name: _cell(cell) for name, cell in row.cells.items()}
    return found


def _cell(cell: Any) -> str:
    return text(cell).removeprefix("'")


def _same(before: dict[str, dict[str, str]] | None, rows: Sequence[Sequence[Any]]) -> bool:
    header = rows[0]
    now = [{name: _cell(cell) for name, cell in zip(header, row, strict=True)} for row in rows[1:]]
    return before is not None and list(before.values()) == now


def _changes(
    before: dict[str, dict[str, str]] | None,
    rows: Sequence[Sequence[Any]],
    columns: Columns,
    attributes: Mapping[str, str | None],
) -> Iterator[Change]:
    """The cells of attributes that are filled, changed or emptied."""
    key = rows[0].index(columns.key)
    for row in rows[1:]:
        old = (before or {}).get(_cell(row[key]), {})
        for name, cell in zip(rows[0], row, strict=True):
            was, now = old.get(name, ""), _cell(cell)
            if name in attributes and was != now:
                yield Change(str(row[key]), str(attributes[name]), was or None, now or None)
