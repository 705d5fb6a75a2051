"""Which values the champion gives, and how many products of each are still to be looked at in the grid."""

from dataclasses import dataclass

import sqlalchemy as sa

from vitrine.desk.journal import answered
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy
from vitrine.web.queries.answers import of_champion, rows_of


@dataclass(frozen=True, slots=True)
class PredictedValue:
    """One value with its number of undecided predictions, and of those that wait for a person."""

    value: str
    predictions: int
    waiting: int


def predicted_values(catalog: Catalog, taxonomy: Taxonomy, attribute: str | None) -> list[PredictedValue]:
    """The values of an attribute as predicted, those with the most waiting first; empty without an attribute."""
    if not attribute:
        return []
    name = taxonomy.attribute(attribute).name
    table, asked = schema.predictions, schema.queue
    every = sa.select(table.c.value, sa.func.count().label("n")).where(table.c.attribute == name, of_champion(catalog))
    every = every.where(~answered(table)).group_by(table.c.value)
    same = (table.c.sku == asked.c.sku) & (table.c.attribute == asked.c.attribute) & of_champion(catalog)
    opened = sa.select(table.c.value, sa.func.count().label("n")).join_from(asked, table, same)
    opened = opened.where(asked.c.attribute == name, asked.c.turn.is_not(None)).group_by(table.c.value)
    waiting = {row["value"]: row["n"] for row in rows_of(catalog, opened)}
    found = [PredictedValue(row["value"], row["n"], waiting.get(row["value"], 0)) for row in rows_of(catalog, every)]
    return sorted(found, key=lambda one: (-one.waiting, -one.predictions, one.value))
