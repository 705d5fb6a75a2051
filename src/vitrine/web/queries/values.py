"""Which values the champion gives, and how many products of each are still to be looked at in the grid."""

from dataclasses import dataclass

import sqlalchemy as sa

from vitrine.desk.journal import answered
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.web.queries.answers import of_champion, rows_of


@dataclass(frozen=True, slots=True)
class PredictedValue:
    """One value with its number of undecided predictions, and of those that wait for a person."""

    value: str
    predictions: int
    waiting: int


def predicted_values(catalog: Catalog, attribute: str) -> list[PredictedValue]:
    """The values of an attribute as predicted, those with the most waiting first; half a second where there are millions."""
    table, asked = schema.predictions, schema.queue
    every = sa.select(table.c.value, sa.func.count().label("n")).where(
        table.c.attribute == attribute, of_champion(catalog)
    )
    every = every.group_by(table.c.value)
    touched = sa.select(schema.decisions.c.sku).where(schema.decisions.c.attribute == attribute)
    settled = {
        row["value"]: row["n"] for row in rows_of(catalog, every.where(table.c.sku.in_(touched), answered(table)))
    }
    same = (table.c.sku == asked.c.sku) & (table.c.attribute == asked.c.attribute) & of_champion(catalog)
    opened = sa.select(table.c.value, sa.func.count().label("n")).join_from(asked, table, same)
    opened = opened.where(asked.c.attribute == attribute, asked.c.turn.is_not(None)).group_by(table.c.value)
    waiting = {row["value"]: row["n"] for row in rows_of(catalog, opened)}
    found = [
        PredictedValue(row["value"], row["n"] - settled.get(row["value"], 0), waiting.get(row["value"], 0))
        for row in rows_of(catalog, every)
        if row["n"] > settled.get(row["value"], 0)
    ]
    return sorted(found, key=lambda one: (-one.waiting, -one.predictions, one.value))
