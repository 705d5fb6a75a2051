"""The overview: how much is settled and by whom, what was promised, how much is left, what happened last."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.desk.audit import AttributeAudit, status
from vitrine.desk.journal import DECIDED, SINGLE
from vitrine.learn.promote import champion_of
from vitrine.receive.log import count_open
from vitrine.records import now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy
from vitrine.web.queries.scorecards import Promise, Scorecards
from vitrine.web.queries.tallies import Tallies

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
    """The first page, of the products in the range.

    `deliveries` did not look like what was ordered, and nobody accepted or refused them yet.
    """

    products: int
    without_photo: int
    published: int
    decided: int
    labelled: int
    waiting: int
    aside: int
    deliveries: int
    decided_today: int
    champion: str | None
    coverage: list[Coverage]
    audits: list[AttributeAudit]
    saved: Saved
    recent: list[Recent]


def overview(
    catalog: Catalog, taxonomy: Taxonomy, scorecards: Scorecards, counted: Tallies, *, today: datetime
) -> Overview:
    """Everything the first page says; all zeros where nothing was classified yet. `counted` may be seconds old."""
    champion = champion_of(catalog)
    promises = scorecards.promises(champion) if champion else {}
    coverage = _coverage(taxonomy, promises, counted)
    published = sum(one.published for one in coverage)
    return Overview(
        products=catalog.count(schema.products) - catalog.count(schema.discontinued),
        without_photo=counted.without_photo,
        published=published,
        decided=sum(one.decided for one in coverage),
        labelled=sum(one.labelled for one in coverage),
        waiting=sum(one.waiting for one in coverage),
        aside=sum(one.aside for one in coverage),
        deliveries=count_open(catalog),
        decided_today=_decided_since(catalog, today),
        champion=champion,
        coverage=coverage,
        audits=status(catalog, taxonomy),
        saved=_saved(catalog, published),
        recent=_recent(catalog),
    )


def _coverage(taxonomy: Taxonomy, promises: dict[str, Promise], counted: Tallies) -> list[Coverage]:
    """Counts by attribute: what people have touched, and arithmetic for the rest."""
    found = []
    for name in taxonomy.attributes:
        own = [row for row in counted.touched if row.attribute == name]
        taken = sum(row.n for row in own if row.decision == PUBLISHED) + counted.doubted.get(name, 0)
        again = sum(row.n for row in own if row.outcome == DECIDED and row.again)
        coverage = Coverage(
            attribute=name,
            published=max(0, counted.published.get(name, 0) - taken),
            decided=sum(row.n for row in own if row.outcome == DECIDED),
            waiting=max(0, counted.opened.get(name, 0) - again),
            aside=sum(row.n for row in own if row.outcome != DECIDED and not row.again),
            labelled=0,
            promise=promises.get(name),
        )
        found.append(replace(coverage, labelled=max(0, counted.every.get(name, 0) - coverage.all)))
    return found


def _decided_since(catalog: Catalog, moment: datetime) -> int:
    table, undo = schema.decisions, schema.decisions.alias("undo")
    undone = sa.exists().where(undo.c.undoes == table.c.decision_id)
    return catalog.count(
        sa.select(table.c.sku).where(table.c.decided_at >= moment, table.c.outcome == DECIDED, ~undone)
    )


def _saved(catalog: Catalog, published: int) -> Saved:
    gaps = seconds_between(catalog)
    seconds = median(gaps) if len(gaps) >= _LEAST_MEASURED else _SECONDS_AN_ANSWER
    return Saved(published * seconds / 3600, seconds, len(gaps) if len(gaps) >= _LEAST_MEASURED else 0)


def seconds_between(catalog: Catalog) -> list[float]:
    """Seconds from one single decision of a person to their next, pauses left out, over the last 30 days."""
    table = schema.decisions
    query = sa.select(table.c.author, table.c.decided_at)
    query = query.where(table.c.mode == SINGLE, table.c.decided_at > now() - timedelta(days=30))
    rows = catalog.rows(query.order_by(table.c.author, table.c.decided_at))
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
    return [Recent(**row) for row in catalog.rows(query)]
