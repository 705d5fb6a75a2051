"""Each task's champion, the one before it, and how the champions changed; from the catalog, as it stands now."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vitrine.learn.promote import champion_history, earlier_champion
from vitrine.market.tasks import TASKS, line
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Change:
    """One promotion or rollback."""

    task: str
    model: str
    action: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Champion:
    """A task's champion, the model that a rollback gives, and the newest one if it is not the champion; or None."""

    task: str
    model: str | None
    before: str | None
    challenger: str | None
    models: int


@dataclass(frozen=True, slots=True)
class Champions:
    """How every task that has a model stands, and every promotion and rollback, the newest first."""

    tasks: list[Champion]
    history: list[Change]


def champions(catalog: Catalog) -> Champions:
    """The champions of all tasks."""
    table = schema.models
    query = sa.select(table.c.model_id, table.c.line).where(table.c.line.in_([line(name) for name in TASKS]))
    rows = catalog.rows(query.order_by(table.c.created_at, table.c.model_id.desc()))
    standing, history = [], []
    for name in TASKS:
        models = [row["model_id"] for row in rows if row["line"] == line(name)]
        if not models:
            continue
        promotions = champion_history(catalog, line=line(name))
        champion = promotions[-1].model_id if promotions else None
        newest = models[-1] if models[-1] != champion else None
        standing.append(Champion(name, champion, earlier_champion(promotions), newest, len(models)))
        history += [
            Change(name, one.model_id, one.action, _why(json.loads(one.evidence)), one.promoted_at)
            for one in promotions
        ]
    return Champions(standing, sorted(history, key=lambda one: one.at, reverse=True))


def _why(evidence: Mapping[str, Any]) -> str:
    if "gain" in evidence:
        low, high = evidence["interval"]
        return f"AUC {evidence['gain']:+.3f} ({low:+.3f} to {high:+.3f}, n = {evidence['n']:,})"
    if "auc" in evidence:
        low, high = evidence["interval"]
        return f"the first one, AUC {evidence['auc']:.3f} ({low:.3f} to {high:.3f}, n = {evidence['n']:,})"
    if "stability" in evidence:
        return f"stability {evidence['stability']:.2f}, before {evidence['stability_before']:.2f}"
    return str(evidence.get("reason", ""))
