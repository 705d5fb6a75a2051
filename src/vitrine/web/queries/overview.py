"""The overview: how much is settled and by whom, what was promised, how much is left, what happened last."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.desk.audit import AttributeAudit, status
from vitrine.desk.journal import DECIDED, SINGLE, answered
from vitrine.desk.queue import UNCERTAIN
from vitrine.intake.labels import current_decisions
from vitrine.learn.promote import champion_of
from vitrine.records import now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy
from vitrine.web.queries.answers import Standing, of_champion, rows_of
from vitrine.web.queries.scorecards import Promise, Scorecards

_SECONDS_AN_ANSWER = 6.0  # assumed until measured
_LEAST_MEASURED = 20
_SCRIPTED = 0.3  # seconds; no person reads, decides and presses a key faster
_PAUSE = 60.0  # seconds between two decisions of one person after which they were doing something else


@dataclass(frozen=True, slots=True)
class Coverage:
    """How the answers for one attribute stand; the counts add up to all of them."""

    attribute: str
    published: int
    decided: int
    labelled: int
    waiting: int
    aside: int
    promise: Promise | None

    @property
    def all(self) -> int:
        """All answers of the attribute."""
        return self.published + self.decided + self.labelled + self.waiting + self.aside


@dataclass(frozen=True, slots=True)
class Saved:
    """What the published answers would have cost people; `measured` of their decisions give the seconds an answer."""

    hours: float
    seconds_an_answer: float
    measured: int


@dataclass(frozen=True, slots=True)
class Recent:
    """One line of what happened last."""

    sku: str
    attribute: str
    outcome: str
    value: str | None
    author: str
    mode: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """The first page."""

    products: int
    without_photo: int
    published: int
    decided: int
    labelled: int
    waiting: int
    aside: int
    decided_today: int
    champion: str | None
    coverage: list[Coverage]
    audits: list[AttributeAudit]
    saved: Saved
    recent: list[Recent]


def overview(catalog: Catalog, taxonomy: Taxonomy, scorecards: Scorecards) -> Overview:
    """Everything the first page says; all zeros where nothing was classified yet."""
    champion = champion_of(catalog)
    promises = scorecards.promises(champion) if champion else {}
    coverage = _coverage(catalog, taxonomy, promises)
    published = sum(one.published for one in coverage)
    return Overview(
        products=catalog.count(schema.products),
        without_photo=_without_photo(catalog),
        published=published,
        decided=sum(one.decided for one in coverage),
        labelled=sum(one.labelled for one in coverage),
        waiting=sum(one.waiting for one in coverage),
        aside=sum(one.aside for one in coverage),
        decided_today=_decided_since(catalog, now().replace(hour=0, minute=0, second=0, microsecond=0)),
        champion=champion,
        coverage=coverage,
        audits=status(catalog, taxonomy),
        saved=_saved(catalog, published),
        recent=_recent(catalog),
    )


def _coverage(catalog: Catalog, taxonomy: Taxonomy, promises: dict[str, Promise]) -> list[Coverage]:
    """Counts by attribute. Only the few answers that people or doubts have touched are joined, the rest is arithmetic."""
    table, asked = schema.predictions, schema.queue
    every = _tally(catalog, sa.select(table.c.attribute).where(of_champion(catalog)))
    published = _tally(catalog, sa.select(table.c.attribute).where(of_champion(catalog), table.c.decision == PUBLISHED))
    opened = _tally(catalog, sa.select(asked.c.attribute).where(asked.c.turn.is_not(None)))
    doubted = _tally(catalog, _doubted(catalog))
    entered = rows_of(catalog, _entered(catalog))
    found = []
    for name in taxonomy.attributes:
        own = [row for row in entered if row["attribute"] == name]
        decided = [row for row in own if row["outcome"] == DECIDED]
        taken = sum(1 for row in own if row["decision"] == PUBLISHED) + doubted.get(name, 0)
        coverage = Coverage(
            attribute=name,
            published=published.get(name, 0) - taken,
            decided=len(decided),
            waiting=opened.get(name, 0) - sum(1 for row in decided if row["turn"] is not None),
            aside=sum(1 for row in own if row["outcome"] != DECIDED and row["turn"] is None),
            labelled=0,
            promise=promises.get(name),
        )
        found.append(replace(coverage, labelled=max(0, every.get(name, 0) - coverage.all)))
    return found


def _tally(catalog: Catalog, rows: sa.Select[Any]) -> dict[str, int]:
    """How many rows each attribute has."""
    column = rows.selected_columns["attribute"]
    counted = rows.add_columns(sa.func.count().label("n")).group_by(column)
    return {row["attribute"]: row["n"] for row in rows_of(catalog, counted)}


def _doubted(catalog: Catalog) -> sa.Select[Any]:
    """Published answers about which people are asked all the same and have not answered."""
    table, asked = schema.predictions, schema.queue
    same = (table.c.sku == asked.c.sku) & (table.c.attribute == asked.c.attribute)
    query = sa.select(asked.c.attribute).join_from(asked, table, same & of_champion(catalog))
    query = query.where(asked.c.turn.is_not(None), asked.c.reason != UNCERTAIN, table.c.decision == PUBLISHED)
    return query.where(~answered(asked))


def _entered(catalog: Catalog) -> sa.Select[Any]:
    """What people entered, with the champion's decision and whether it is asked again."""
    standing, table = Standing(), schema.predictions
    held = standing.held
    columns = (held.c.attribute, held.c.outcome, table.c.decision, standing.asked.c.turn)
    same = (table.c.sku == held.c.sku) & (table.c.attribute == held.c.attribute) & of_champion(catalog)
    asked = (standing.asked.c.sku == held.c.sku) & (standing.asked.c.attribute == held.c.attribute)
    joined = held.outerjoin(table, same).outerjoin(standing.asked, asked)
    return sa.select(*columns).select_from(joined)


def _without_photo(catalog: Catalog) -> int:
    products, links = schema.products, schema.product_photos
    shown = sa.exists().where(links.c.sku == products.c.sku)
    return catalog.count(sa.select(products.c.sku).where(~shown))


def _decided_since(catalog: Catalog, moment: datetime) -> int:
    held = current_decisions().subquery()
    return catalog.count(sa.select(held.c.sku).where(held.c.outcome == DECIDED, held.c.decided_at >= moment))


def _saved(catalog: Catalog, published: int) -> Saved:
    gaps = seconds_between(catalog)
    seconds = median(gaps) if len(gaps) >= _LEAST_MEASURED else _SECONDS_AN_ANSWER
    return Saved(published * seconds / 3600, seconds, len(gaps) if len(gaps) >= _LEAST_MEASURED else 0)


def seconds_between(catalog: Catalog) -> list[float]:
    """Seconds from one single decision of a person to their next, pauses left out, over the last 30 days."""
    table = schema.decisions
    query = sa.select(table.c.author, table.c.decided_at)
    query = query.where(table.c.mode == SINGLE, table.c.decided_at > now() - timedelta(days=30))
    rows = rows_of(catalog, query.order_by(table.c.author, table.c.decided_at))
    steps = (
        (later["decided_at"] - earlier["decided_at"]).total_seconds()
        for earlier, later in pairwise(rows)
        if earlier["author"] == later["author"]
    )
    return [step for step in steps if _SCRIPTED <= step <= _PAUSE]


def _recent(catalog: Catalog) -> list[Recent]:
    table = schema.decisions
    columns = [table.c[name] for name in ("sku", "attribute", "outcome", "value", "author", "mode", "decided_at")]
    query = sa.select(*columns).order_by(table.c.decided_at.desc(), table.c.decision_id.desc()).limit(8)
    return [Recent(**row) for row in rows_of(catalog, query)]
