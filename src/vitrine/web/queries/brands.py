"""The brands of the catalog, to choose from."""

import sqlalchemy as sa

from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import fold

_MOST = 400


def brands(catalog: Catalog) -> list[str]:
    """At most 400 brands in the order of the alphabet, those with the most products; spellings of one brand count as one."""
    column = schema.products.c.brand
    query = sa.select(column, sa.func.count().label("n")).where(column.is_not(None)).group_by(column)
    rows = catalog.rows(query.order_by(sa.desc("n"), column))
    found: dict[str, str] = {}
    for row in rows:
        found.setdefault(fold(row["brand"]), row["brand"])
    return sorted(list(found.values())[:_MOST], key=fold)
