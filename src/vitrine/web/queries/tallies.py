"""Counts over all answers, attribute by attribute."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.desk.journal import answered
from vitrine.desk.queue import UNCERTAIN
from vitrine.intake.discontinue import in_range
from vitrine.intake.labels import current_decisions
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.web.queries.answers import of_champion


@dataclass(frozen=True, slots=True)
class Touched:
    """How many entries hold of an attribute and outcome; `decision` is the champion's, `again` says that it is asked again."""

    attribute: str
    outcome: str
    decision: str | None
    again: bool
    n: int


@dataclass(frozen=True, slots=True)
class Tallies:
    """The counts that take a scan of everything: by attribute answers, published, open questions, doubted ones.

    `touched` is what people entered, and `without_photo` the number of products that have none.
    """

    every: dict[str, int]
    published: dict[str, int]
    opened: dict[str, int]
    doubted: dict[str, int]
    touched: list[Touched]
    without_photo: int

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def read(cls, plain: dict[str, Any]) -> "Tallies":
        """From JSON; TypeError or KeyError where it is of another shape."""
        return cls(**{**plain, "touched": [Touched(**row) for row in plain["touched"]]})


def tallies(catalog: Catalog, attributes: Iterable[str]) -> Tallies:
    """Count everything as of one moment; a second where there are millions of answers."""
    asked = schema.queue
    doubted = _doubted(catalog)
    # what people answered is looked up for what they touched, not for every question
    touched = asked.c.sku.in_(sa.select(schema.decisions.c.sku))
    with catalog.frozen():
        counted = sa.union_all(*(_counted(catalog, name) for name in attributes)).subquery()
        rows = catalog.rows(sa.select(counted))
        settled = _tally(catalog, doubted.where(touched, answered(asked)))
        return Tallies(
            every={row["attribute"]: row["n"] for row in rows},
            published={row["attribute"]: row["published"] for row in rows},
            opened=_tally(catalog, sa.select(asked.c.attribute).where(asked.c.turn.is_not(None))),
            doubted={name: n - settled.get(name, 0) for name, n in _tally(catalog, doubted).items()},
            touched=[Touched(**row) for row in catalog.rows(_touched(catalog))],
            without_photo=_without_photo(catalog),
        )


def _counted(catalog: Catalog, attribute: str) -> sa.Select[Any]:
    """All answers of an attribute and the published ones, from an index that has it all.

    One attribute at a time: grouped by the attribute, SQLite chose an index that has not, and looked 1.5 million rows up.
    """
    table = schema.predictions
    published = sa.func.count(sa.case((table.c.decision == PUBLISHED, 1))).label("published")
    columns: list[Any] = [sa.literal(attribute).label("attribute"), sa.func.count().label("n"), published]
    return sa.select(*columns).where(table.c.attribute == attribute, of_champion(catalog))


def _tally(catalog: Catalog, rows: sa.Select[Any]) -> dict[str, int]:
    """How many rows each attribute has."""
    column = rows.selected_columns["attribute"]
    counted = rows.add_columns(sa.func.count().label("n")).group_by(column)
    return {row["attribute"]: row["n"] for row in catalog.rows(counted)}


def _doubted(catalog: Catalog) -> sa.Select[Any]:
    """Published answers about which people are asked all the same."""
    table, asked = schema.predictions, schema.queue
    same = (table.c.sku == asked.c.sku) & (table.c.attribute == asked.c.attribute)
    published = sa.exists().where(same, of_champion(catalog), table.c.decision == PUBLISHED)
    # written as the index has it: a database compares the condition with its text
    stands_out = (asked.c.turn.is_not(None), asked.c.reason != sa.literal_column(f"'{UNCERTAIN}'"))
    return sa.select(asked.c.attribute).where(*stands_out, published)


def _touched(catalog: Catalog) -> sa.Select[Any]:
    """How many entries hold, by attribute, outcome, the champion's decision, and whether it is asked again."""
    held, table, asked = current_decisions().subquery("held"), schema.predictions, schema.queue.alias("asked")
    again = asked.c.turn.is_not(None).label("again")
    columns = (held.c.attribute, held.c.outcome, table.c.decision, again)
    same = (table.c.sku == held.c.sku) & (table.c.attribute == held.c.attribute) & of_champion(catalog)
    question = (asked.c.sku == held.c.sku) & (asked.c.attribute == held.c.attribute)
    joined = held.outerjoin(table, same).outerjoin(asked, question)
    counted = sa.select(*columns, sa.func.count().label("n")).select_from(joined).where(in_range(held))
    return counted.group_by(*columns)


def _without_photo(catalog: Catalog) -> int:
    products, links = schema.products, schema.product_photos
    shown = sa.exists().where(links.c.sku == products.c.sku)
    return catalog.count(sa.select(products.c.sku).where(~shown, in_range(products)))
