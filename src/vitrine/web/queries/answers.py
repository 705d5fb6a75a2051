"""How an answer stands: published by the model, decided by a person, or waiting for one."""

from typing import Any

import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.desk.journal import DECIDED
from vitrine.intake.labels import current_decisions
from vitrine.learn.promote import champion_of
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

WAITING = "waiting"
STANDINGS = (DECIDED, PUBLISHED, WAITING)


def of_champion(catalog: Catalog) -> Any:
    """The condition on `predictions` for the champion's own; its model id stands in it as a value."""
    return schema.predictions.c.model_id == champion_of(catalog)


def standing(prediction: str | None, outcome: str | None) -> str:
    """One of `STANDINGS`, from a prediction's decision and the outcome of the journal entry that holds.

    >>> standing("published", None), standing("to_review", "unsure"), standing("published", "decided")
    ('published', 'waiting', 'decided')
    """
    if outcome == DECIDED:
        return DECIDED
    return PUBLISHED if prediction == PUBLISHED and outcome is None else WAITING


def decided_now() -> Any:
    """The journal's entries that hold, as a subquery."""
    return current_decisions().subquery("held")


def pairs_of(catalog: Catalog, query: sa.Select[Any]) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries."""
    rows: list[dict[str, Any]] = catalog.read(query).to_pylist()
    return rows
