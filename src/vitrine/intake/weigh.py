"""Weigh products: what an answer about each is worth to the business, such as the pieces it sells.

The queue asks about families by the weight of their products. Only the relation to the mean counts, so any unit will do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from vitrine.errors import InputError
from vitrine.intake.items import Problem, is_empty, read_weight, text
from vitrine.intake.table import TableRow
from vitrine.records import Weight, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Weighed:
    """How many products have a weight now, and the rows that could not be used, each with its reason."""

    products: int
    problems: Sequence[Problem]


def weigh(catalog: Catalog, rows: Iterable[TableRow], *, key: str, column: str) -> Weighed:
    """Replace all weights by those of a table; a product that it does not name counts as an average one.

    Raises InputError where the table lacks the `key` or the weight's `column`, or has no weight that can be used; the weights
    stay as they were then.
    """
    given: dict[str, float] = {}
    problems: list[Problem] = []
    known = set(catalog.read(sa.select(schema.products.c.sku)).column("sku").to_pylist())
    for row in rows:
        _read(row, key, column, known, given, problems)
    if not given:
        first = f"; the first problem: {problems[0].reason}" if problems else ""
        raise InputError(f"the table has no weight that can be used{first}", hint="the weights stay as they were")
    moment = now()
    with catalog.transaction() as connection:
        connection.execute(sa.delete(schema.weights))
        catalog.add(schema.weights, [Weight(sku, one, moment) for sku, one in given.items()], connection=connection)
    return Weighed(len(given), problems)


def _read(
    row: TableRow, key: str, column: str, known: set[str], given: dict[str, float], problems: list[Problem]
) -> None:
    if row.problem:
        problems.append(Problem(row.number, "bad-row", None, str(dict(row.cells))[:200], row.problem))
        return
    for needed in (key, column):
        if needed not in row.cells:
            raise InputError(
                f"the table has no column '{needed}' (it has: {', '.join(row.cells)})",
                hint="name them with --key COLUMN and --column COLUMN",
            )
    sku, written = text(row.cells[key]), text(row.cells[column])
    if is_empty(written):
        return
    try:
        weight = read_weight(written)
    except ValueError:
        problems.append(Problem(row.number, "bad-weight", sku, written, f"'{written}' is no weight of 0 or more"))
        return
    if sku not in known:
        problems.append(Problem(row.number, "no-product", sku, written, f"the catalog has no product '{sku}'"))
    elif given.setdefault(sku, weight) != weight:
        reason = f"'{sku}' stands here with {weight:g} and further up with {given[sku]:g}, which is kept"
        problems.append(Problem(row.number, "twice", sku, written, reason))
