"""How an answer stands: decided by a person, waiting for one, published by the model, known from a table, or set aside."""

from typing import Any

import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.desk.journal import DECIDED
from vitrine.intake.labels import current_decisions
from vitrine.learn.promote import champion_of
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

WAITING = "waiting"
LABELLED = "labelled"  # the table says it, and the model does not contradict
ASIDE = "aside"  # people have answered, but with no value
STANDINGS = (DECIDED, PUBLISHED, LABELLED, WAITING, ASIDE)


def of_champion(catalog: Catalog) -> sa.ColumnElement[bool]:
    """The condition on `predictions` for the champion's own; its model id stands in it as a value."""
    return schema.predictions.c.model_id == champion_of(catalog)


class Standing:
    """The predictions with what people entered and what is still asked: a join, and the standing as one of its columns."""

    def __init__(self) -> None:
        self.held = current_decisions().subquery("held")
        self.asked = schema.queue.alias("asked")
        self.column = sa.case(
            (self.held.c.outcome == DECIDED, DECIDED),
            (self.asked.c.turn.is_not(None), WAITING),
            (self.held.c.outcome.is_not(None), ASIDE),
            (schema.predictions.c.decision == PUBLISHED, PUBLISHED),
            else_=LABELLED,
        )

    @property
    def joined(self) -> Any:
        """`predictions` with the entry that holds and the question, each where there is one."""
        table, held, asked = schema.predictions, self.held, self.asked
        entered = (held.c.sku == table.c.sku) & (held.c.attribute == table.c.attribute)
        question = (asked.c.sku == table.c.sku) & (asked.c.attribute == table.c.attribute)
        return table.outerjoin(held, entered).outerjoin(asked, question)

    @property
    def value(self) -> sa.ColumnElement[Any]:
        """The value that holds: a person's, else the model's."""
        return sa.case((self.held.c.outcome == DECIDED, self.held.c.value), else_=schema.predictions.c.value)


def rows_of(catalog: Catalog, query: sa.Select[Any]) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries."""
    rows: list[dict[str, Any]] = catalog.read(query).to_pylist()
    return rows
