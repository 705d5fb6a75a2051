"""How an answer stands: decided by a person, waiting for one, published by the model, known from a table, or set aside."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.desk.journal import DECIDED
from vitrine.intake.labels import told_decisions
from vitrine.intake.retell import Retelling
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
    """The predictions with what people entered and what is still asked: a join, and the standing as one of its columns.

    What holds is looked up row by row, so that a page costs as much as its rows, however many decisions there are.
    """

    def __init__(self) -> None:
        self.held = schema.decisions.alias("held")
        self.asked = schema.queue.alias("asked")
        self._said = Retelling(self.held, self.held.c.decided_at, self.held.c.value)
        outcome = sa.func.coalesce(self._said.reason, self.held.c.outcome)
        self._decided = outcome == DECIDED
        self.column = sa.case(
            (self._decided, DECIDED),
            (self.asked.c.turn.is_not(None), WAITING),
            (outcome.is_not(None), ASIDE),
            (schema.predictions.c.decision == PUBLISHED, PUBLISHED),
            else_=LABELLED,
        )

    @property
    def joined(self) -> Any:
        """`predictions` with the entry that holds and the question, each where there is one."""
        table, held, asked, newest = schema.predictions, self.held, self.asked, schema.decisions.alias("newest")
        last = sa.select(newest.c.holds).where(newest.c.sku == table.c.sku, newest.c.attribute == table.c.attribute)
        last = last.order_by(newest.c.version.desc()).limit(1).correlate(table)
        question = (asked.c.sku == table.c.sku) & (asked.c.attribute == table.c.attribute)
        entered = table.outerjoin(held, held.c.decision_id == last.scalar_subquery())
        return entered.outerjoin(self._said.retold, self._said.on).outerjoin(asked, question)

    @property
    def value(self) -> sa.ColumnElement[Any]:
        """The value that holds: a person's, told in today's taxonomy, else the model's."""
        return sa.case((self._decided, self._said.value), else_=schema.predictions.c.value)


def held_entries(catalog: Catalog, skus: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """The entries that hold for these products, by (sku, attribute), told in today's taxonomy."""
    table = schema.decisions
    entries = catalog.rows(told_decisions().where(table.c.sku.in_(skus)).order_by(table.c.version))
    by_id = {entry["decision_id"]: entry for entry in entries}
    last = {(entry["sku"], entry["attribute"]): entry["holds"] for entry in entries}
    return {pair: by_id[holds] for pair, holds in last.items() if holds in by_id}


def said_labels() -> sa.Select[Any]:
    """A query for what tables say (sku, attribute, value, source, recorded_at) in today's taxonomy, the latest word last."""
    table = schema.labels
    said = Retelling(table, table.c.recorded_at, table.c.value)
    query = sa.select(table.c.sku, table.c.attribute, said.value.label("value"), table.c.source, table.c.recorded_at)
    query = query.select_from(table.outerjoin(said.retold, said.on)).where(said.value.is_not(None))
    return query.order_by(table.c.recorded_at)
