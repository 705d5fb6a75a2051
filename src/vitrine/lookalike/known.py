"""What people and tables say of products today: what a search believes before any prediction."""

from collections.abc import Sequence

import sqlalchemy as sa

from vitrine.intake.labels import current_decisions
from vitrine.intake.retell import Retelling
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

_DECIDED = "decided"
_TABLE_STANDS = (_DECIDED, "unsure")  # who is unsure takes no table's word away


def known_values(
    catalog: Catalog, *, skus: Sequence[str] | None = None, attribute: str | None = None
) -> dict[tuple[str, str], str]:
    """(sku, attribute) → value, people before tables, told in today's taxonomy; of these products or this attribute.

    A table that contradicts itself says nothing.
    """
    said, decided = _labels(catalog, skus, attribute), _decisions(catalog, skus, attribute)
    found = {pair: values.pop() for pair, values in said.items() if len(values) == 1}
    for pair, (outcome, value) in decided.items():
        if outcome == _DECIDED and value is not None:
            found[pair] = value
        elif outcome not in _TABLE_STANDS and value in (None, found.get(pair)):
            found.pop(pair, None)
    return found


def _labels(catalog: Catalog, skus: Sequence[str] | None, attribute: str | None) -> dict[tuple[str, str], set[str]]:
    """What the newest batch of tables says."""
    table = schema.labels
    said = Retelling(table, table.c.recorded_at, table.c.value)
    query = sa.select(table.c.sku, table.c.attribute, said.value.label("value"), table.c.recorded_at)
    query = query.select_from(table.outerjoin(said.retold, said.on)).where(said.value.is_not(None))
    newest: dict[tuple[str, str], object] = {}
    found: dict[tuple[str, str], set[str]] = {}
    for row in catalog.rows(_only(query, table, skus, attribute).order_by(table.c.recorded_at.desc())):
        pair = row["sku"], row["attribute"]
        if newest.setdefault(pair, row["recorded_at"]) == row["recorded_at"]:
            found.setdefault(pair, set()).add(row["value"])
    return found


def _decisions(
    catalog: Catalog, skus: Sequence[str] | None, attribute: str | None
) -> dict[tuple[str, str], tuple[str, str | None]]:
    rows = catalog.rows(_only(current_decisions(), schema.decisions, skus, attribute))
    return {(row["sku"], row["attribute"]): (row["outcome"], row["value"]) for row in rows}


def _only(query: sa.Select, table: sa.Table, skus: Sequence[str] | None, attribute: str | None) -> sa.Select:  # type: ignore[type-arg]
    if skus is not None:
        query = query.where(table.c.sku.in_(skus))
    return query if attribute is None else query.where(table.c.attribute == attribute)
