"""Counts over all answers, attribute by attribute."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.desk.journal import answered
from vitrine.desk.queue import UNCERTAIN
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.web.queries.answers import of_champion, rows_of


@dataclass(frozen=True, slots=True)
class Tallies:
    """The counts that take a scan of all answers, by attribute: answers, published, open questions, doubted ones."""

    every: dict[str, int]
    published: dict[str, int]
    opened: dict[str, int]
    doubted: dict[str, int]


def tallies(catalog: Catalog) -> Tallies:
    """Count everything; seconds where there are millions of answers."""
    table, asked = schema.predictions, schema.queue
    published = sa.func.sum(sa.case((table.c.decision == PUBLISHED, 1), else_=0)).label("published")
    # grouped by the attribute alone: in the order of an index that has it all, without sorting every answer
    counted = sa.select(table.c.attribute, sa.func.count().label("n"), published).where(of_champion(catalog))
    rows = rows_of(catalog, counted.group_by(table.c.attribute))
    doubted = _doubted(catalog)
    # what people answered is looked up for what they touched, not for every question
    touched = asked.c.sku.in_(sa.select(schema.decisions.c.sku))
    settled = _tally(catalog, doubted.where(touched, answered(asked)))
    return Tallies(
        every={row["attribute"]: row["n"] for row in rows},
        published={row["attribute"]: row["published"] for row in rows},
        opened=_tally(catalog, sa.select(asked.c.attribute).where(asked.c.turn.is_not(None))),
        doubted={name: n - settled.get(name, 0) for name, n in _tally(catalog, doubted).items()},
    )


def _tally(catalog: Catalog, rows: sa.Select[Any]) -> dict[str, int]:
    """How many rows each attribute has."""
    column = rows.selected_columns["attribute"]
    counted = rows.add_columns(sa.func.count().label("n")).group_by(column)
    return {row["attribute"]: row["n"] for row in rows_of(catalog, counted)}


def _doubted(catalog: Catalog) -> sa.Select[Any]:
    """Published answers about which people are asked all the same."""
    table, asked = schema.predictions, schema.queue
    same = (table.c.sku == asked.c.sku) & (table.c.attribute == asked.c.attribute)
    query = sa.select(asked.c.attribute).join_from(asked, table, same & of_champion(catalog))
    return query.where(asked.c.turn.is_not(None), asked.c.reason != UNCERTAIN, table.c.decision == PUBLISHED)
