"""Products that left the range: no longer classified, asked about, found as look-alikes or counted.

What people decided about them, their labels and photos stay: heads go on learning from them, and the trail is whole.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from vitrine.errors import InputError, sentence
from vitrine.records import Discontinued, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

_AT_ONCE = 500


def discontinue(catalog: Catalog, skus: Sequence[str], *, author: str) -> int:
    """Take products out of the range, in one transaction with their predictions and open questions.

    Returns how many were in it until now. Raises InputError, and takes out none, where one is not in the catalog.
    """
    moment = now()
    with catalog.transaction() as connection:
        _check_known(connection, skus)
        rows = [Discontinued(sku, author, moment) for sku in dict.fromkeys(skus)]
        taken = catalog.add(schema.discontinued, rows, connection=connection)
        for table in (schema.predictions, schema.answered, schema.queue, schema.leases):
            for some in _parts(skus):
                connection.execute(sa.delete(table).where(table.c.sku.in_(some)))
    return taken


def bring_back(catalog: Catalog, skus: Sequence[str]) -> int:
    """Put products back into the range; the next classify answers them. Returns how many were out of it.

    Raises InputError where one is not in the catalog.
    """
    table = schema.discontinued
    with catalog.transaction() as connection:
        _check_known(connection, skus)
        return sum(connection.execute(sa.delete(table).where(table.c.sku.in_(some))).rowcount for some in _parts(skus))


def in_range(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether the product of a row of `table` is in the range."""
    return ~sa.exists().where(schema.discontinued.c.sku == table.c.sku)


def photos_in_range() -> sa.Select[Any]:
    """The links between photos and products of the range."""
    return sa.select(schema.product_photos).where(in_range(schema.product_photos))


def discontinued_skus(connection: sa.Connection) -> set[str]:
    """The products that left the range."""
    return set(connection.scalars(sa.select(schema.discontinued.c.sku)))


def _check_known(connection: sa.Connection, skus: Sequence[str]) -> None:
    table = schema.products
    known: set[str] = set()
    for some in _parts(skus):
        known.update(connection.scalars(sa.select(table.c.sku).where(table.c.sku.in_(some))))
    unknown = [sku for sku in skus if sku not in known]
    if unknown:
        raise InputError(
            sentence("there is no product {sku!r}", sku=unknown[0][:80]),
            hint=f"{len(unknown):,} of {len(set(skus)):,} are not in the catalog; nothing was changed",
        )


def _parts(skus: Sequence[str]) -> Iterator[Sequence[str]]:
    return (skus[start : start + _AT_ONCE] for start in range(0, len(skus), _AT_ONCE))
