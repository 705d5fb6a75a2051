"""Purchase order lines: read from a table or pushed by a program, kept in the catalog, found by barcode or words.

>>> from vitrine.intake.table import TableRow
>>> rows = [TableRow(2, {"Pedido": "A7", "Linha": "1", "Marca": "adidas", "Qtd": "12", "Unidade": "pares"}),
...         TableRow(3, {"Pedido": "A7", "Linha": "2", "Marca": "nike", "Qtd": "-3", "Unidade": "pares"})]
>>> orders = read_orders(rows, place="orders.csv")
>>> [(line.line_id, line.brand, line.quantity, line.unit) for line in orders.lines]
[('A7/1', 'adidas', 12.0, 'pair')]
>>> [(problem.row, problem.code) for problem in orders.problems]
[(3, 'bad-quantity')]
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

import sqlalchemy as sa

from vitrine.errors import InputError, NotFound, sentence
from vitrine.intake.items import Problem, is_empty, text
from vitrine.intake.table import TableRow
from vitrine.records import OrderLine, Quarantined, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Attribute, fold

# How orders call what is needed, in the four languages of the desk and in common exports.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "line": ("line", "line id", "order line", "line number", "line no", "id", "position", "pos", "item", "linha",
             "linea", "renglon", "baris"),
    "order_id": ("order", "order id", "order number", "order no", "purchase order", "po", "po number", "pedido",
                 "orden", "orden de compra", "pesanan"),
    "supplier": ("supplier", "supplier name", "vendor", "fornecedor", "proveedor", "pemasok"),
    "sku": ("sku", "product", "product id", "article", "article number", "artigo", "articulo", "produto", "producto",
            "produk"),
    "barcode": ("barcode", "ean", "ean13", "gtin", "upc", "codigo de barras", "cod barras", "kode batang"),
    "brand": ("brand", "expected brand", "expected", "marca", "merek"),
    "description": ("description", "name", "product name", "descricao", "descripcion", "nome", "nombre", "deskripsi",
                    "nama"),
    "quantity": ("quantity", "qty", "amount", "quantidade", "qtd", "qtde", "cantidad", "cant", "jumlah"),
    "unit": ("unit", "units", "uom", "unit of measure", "unidade", "unidad", "satuan"),
}  # fmt: skip
UNITS: Mapping[str, tuple[str, ...]] = {
    "pair": ("pair", "pairs", "pr", "prs", "par", "pares", "pasang"),
    "piece": ("piece", "pieces", "pc", "pcs", "ea", "each", "unit", "units", "un", "und", "unidade", "unidades",
              "unidad", "unidades", "peca", "pecas", "pieza", "piezas", "pza", "buah"),
    "box": ("box", "boxes", "bx", "caixa", "caixas", "cx", "caja", "cajas", "kotak"),
    "carton": ("carton", "cartons", "ctn", "case", "cases", "papelao", "karton", "dus"),
}  # fmt: skip
MOST_LINES = 10_000  # pushed at once
_LONGEST = 200
_UNIT_OF = {word: unit for unit, words in UNITS.items() for word in words}
_LINES = sa.select(*(schema.order_lines.c[name] for name in OrderLine.__dataclass_fields__))
_TEXTS = ("order_id", "line", "supplier", "sku", "barcode", "brand", "description")


@dataclass(frozen=True, slots=True)
class Orders:
    """The lines of one table that can be used, and the rows and cells that were put aside, each with its reason.

    A problem's `sku` is the line's id where it has one.
    """

    lines: Sequence[OrderLine]
    problems: Sequence[Problem]

    def line(self, wanted: str) -> OrderLine:
        """The line of this id, or of this number where only one order has it.

        Raises InputError with the reason where the line was put aside, NotFound where there is none.
        """
        found = [line for line in self.lines if line.line_id == wanted]
        found = found or [line for line in self.lines if line.line == wanted]
        if len(found) > 1:
            ids = ", ".join(line.line_id for line in found[:5])
            raise InputError(f"{len(found)} orders have a line {wanted!r}: {ids}", hint=f"--line {found[0].line_id}")
        if found:
            return found[0]
        for problem in self.problems:
            if problem.sku is not None and wanted in (problem.sku, problem.sku.rpartition("/")[2]):
                raise InputError(f"row {problem.row}: {problem.reason}", hint="correct the order, then receive again")
        some = ", ".join(line.line_id for line in self.lines[:5])
        raise NotFound(f"the order has no line {wanted!r}", hint=f"it has {some or 'no line that can be used'}")


def read_orders(rows: Iterable[TableRow], *, place: str, brands: Attribute | None = None) -> Orders:
    """Order lines from table rows; `place` names the table and `brands` is the attribute that says the brand.

    A line is known by its order and its own number. One that repeats another is used once; those that contradict each
    other or a row that cannot be used, and lines with an impossible quantity or unit, are put aside. A brand that the
    taxonomy lacks is kept as it is written and told. Raises InputError where no column tells the lines apart.
    """
    read: dict[str, list[tuple[int, OrderLine]]] = {}
    problems: list[Problem] = []
    columns: dict[str, str] | None = None
    for row in rows:
        if row.problem:
            problems.append(Problem(row.number, "bad-row", None, _shown(row.cells), row.problem))
            continue
        if columns is None:
            columns = _columns(row.cells, place, brands)
        line = _line(row, columns, place, problems)
        if line is not None:
            read.setdefault(line.line_id, []).append((row.number, line))
    unusable = {problem.sku: problem.row for problem in problems if problem.sku is not None}
    lines = [line for same in read.values() if (line := _one(same, unusable, problems))]
    if brands is not None:
        problems += [problem for same in read.values() for number, line in same[:1]
                     if (problem := _unknown_brand(number, line, brands))]  # fmt: skip
    return Orders(lines, sorted(problems, key=lambda problem: problem.row))


def keep_orders(catalog: Catalog, orders: Orders, *, place: str) -> int:
    """Write the lines, replacing those of the same id, and what was put aside; returns how many lines were new."""
    batch, moment = f"in-{uuid4().hex[:12]}", now()
    aside = [
        Quarantined(place, one.row, one.code, None, one.value[:500], one.reason, batch, moment)
        for one in orders.problems
    ]
    table, quarantine = schema.order_lines, schema.quarantine
    with catalog.transaction() as connection:
        before = connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        catalog.put(table, orders.lines, connection=connection)
        connection.execute(sa.delete(quarantine).where(quarantine.c.place == place))
        catalog.put(quarantine, aside, connection=connection)
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0) - before


def order_line(catalog: Catalog, line_id: str) -> OrderLine:
    """A line that was kept; NotFound when there is none."""
    found = catalog.rows(_LINES.where(schema.order_lines.c.line_id == line_id))
    if not found:
        raise NotFound(
            sentence("there is no order line {line!r}", line=line_id[:80]),
            hint=sentence("vitrine orders FILE brings orders in"),
        )
    return OrderLine(**found[0])


def find_lines(catalog: Catalog, words: str, *, most: int = 20) -> list[OrderLine]:
    """The lines whose barcode, id or sku is `words`; else those in which every word occurs, the newest first.

    Words are found whatever their case and accents.
    """
    table = schema.order_lines
    wanted = words.strip()
    digits = wanted.lstrip("0")
    same = (
        table.c.barcode.in_([wanted, *(digits.zfill(n) for n in (8, 12, 13, 14))]) if digits.isdigit() else sa.false()
    )
    exact = sa.or_(same, table.c.line_id == wanted, table.c.sku == wanted, table.c.barcode == wanted)
    newest = table.c.added_at.desc(), table.c.line_id
    rows = catalog.rows(_LINES.where(exact).order_by(*newest).limit(most)) if wanted else []
    if not rows:
        has = [table.c.words.contains(word, autoescape=True) for word in fold(wanted).split()[:8]]
        rows = catalog.rows(_LINES.where(*has).order_by(*newest).limit(most))
    return [OrderLine(**row) for row in rows]


def _columns(cells: Mapping[str, object], place: str, brands: Attribute | None) -> dict[str, str]:
    """What is needed → the column that has it."""
    header = {fold(name.replace("_", " ").replace("-", " ").replace(".", " ")): name for name in cells}
    found = {}
    for needed, names in COLUMNS.items():
        own = (fold(brands.name.replace("_", " ")),) if needed == "brand" and brands else ()
        known = next((header[name] for name in (*names, *own) if name in header), None)
        if known is not None:
            found[needed] = known
    if "line" not in found:
        raise InputError(
            f"{place}: no column tells the order lines apart (it has: {', '.join(cells)})",
            hint=f"call it one of {', '.join(COLUMNS['line'])}",
        )
    return found


def _line(row: TableRow, columns: Mapping[str, str], place: str, problems: list[Problem]) -> OrderLine | None:
    cells = {name: text(row.cells.get(column)) for name, column in columns.items()}
    said = {name: None if is_empty(cells.get(name, "")) else cells[name] for name in COLUMNS}
    line_id = "/".join(part for part in (said["order_id"], said["line"]) if part)
    quantity, unit = _quantity(said["quantity"]), _UNIT_OF.get(fold(said["unit"] or "").rstrip("."))
    reason = ""
    if said["line"] is None:
        code, value, reason = "bad-line", _shown(row.cells), f"'{columns['line']}' is empty"
    elif long := [name for name in _TEXTS if len(said[name] or "") > _LONGEST or "\x00" in (said[name] or "")]:
        code, value = "bad-line", said[long[0]] or ""
        reason = f"{long[0]} is longer than {_LONGEST} characters or holds a NUL"
    elif said["quantity"] is not None and quantity is None:
        code, value = "bad-quantity", said["quantity"]
        reason = f"line {line_id}: '{value}' is no quantity above zero"
    elif said["unit"] is not None and unit is None:
        code, value = "bad-unit", said["unit"]
        reason = f"line {line_id}: '{value}' is no unit that is known ({', '.join(UNITS)})"
    if reason:
        problems.append(Problem(row.number, code, line_id or None, value, reason))
        return None
    texts = {name: said[name] for name in _TEXTS if name != "line"}
    return OrderLine(
        line_id=line_id, line=said["line"] or "", quantity=quantity, unit=unit, place=place, added_at=now(), **texts
    )


def _quantity(written: str | None) -> float | None:
    """A quantity above zero; None for anything else."""
    try:
        quantity = float((written or "").replace(",", "."))
    except ValueError:
        return None
    return quantity if math.isfinite(quantity) and quantity > 0 else None


def _one(
    same: Sequence[tuple[int, OrderLine]], unusable: Mapping[str, int], problems: list[Problem]
) -> OrderLine | None:
    """The line that rows of one id agree on; what repeats it, or all of them where they disagree, is put aside.

    They disagree with an `unusable` row (line_id → row) too: which of them was meant is not known.
    """
    (first_row, first), *others = same
    if first.line_id in unusable:
        reason = f"line {first.line_id} stands in row {unusable[first.line_id]} too, which cannot be used"
        problems += [Problem(row, "contradicting-lines", first.line_id, first.line_id, reason) for row, _ in same]
        return None
    if all(replace(line, added_at=first.added_at) == first for _, line in others):
        reason = f"line {first.line_id} stands in row {first_row} already; it is used once"
        problems += [Problem(row, "duplicate-line", None, first.line_id, reason) for row, _ in others]
        return first
    rows = ", ".join(str(row) for row, _ in same)
    reason = f"line {first.line_id} stands in rows {rows}, which contradict each other"
    problems += [Problem(row, "contradicting-lines", first.line_id, first.line_id, reason) for row, _ in same]
    return None


def _unknown_brand(row: int, line: OrderLine, brands: Attribute) -> Problem | None:
    if line.brand is None or brands.read(line.brand) is not None:
        return None
    meant = brands.suggest(line.brand)
    hint = f"; did you mean '{meant}'?" if meant else ""
    reason = f"line {line.line_id}: the taxonomy has no {brands.name} '{line.brand}'{hint}"
    return Problem(row, "unknown-brand", None, line.brand, reason)


def _shown(cells: Mapping[str, object]) -> str:
    return "; ".join(f"{name}={text(cell)}" for name, cell in cells.items())
