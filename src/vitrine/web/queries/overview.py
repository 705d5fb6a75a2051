"""The overview: how much is settled and by whom, what was promised, how much is left, what happened last."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.desk.journal import DECIDED, SINGLE
from vitrine.learn.promote import champion_of
from vitrine.records import now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy
from vitrine.web.queries.answers import decided_now, of_champion, pairs_of
from vitrine.web.queries.scorecards import Promise, Scorecards

_SECONDS_AN_ANSWER = 6.0  # assumed until measured
_LEAST_MEASURED = 20
_PAUSE = 60.0  # seconds between two decisions of one person after which they were doing something else


@dataclass(frozen=True, slots=True)
class Coverage:
    """How the answers for one attribute stand; the counts add up to all of them."""

    attribute: str
    published: int
    decided: int
    waiting: int
    promise: Promise | None

    @property
    def all(self) -> int:
        """All answers of the attribute."""
        return self.published + self.decided + self.waiting


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
    waiting: int
    decided_today: int
    champion: str | None
    coverage: list[Coverage]
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
        waiting=sum(one.waiting for one in coverage),
        decided_today=_decided_since(catalog, now().replace(hour=0, minute=0, second=0, microsecond=0)),
        champion=champion,
        coverage=coverage,
        saved=_saved(catalog, published),
        recent=_recent(catalog),
    )


def _coverage(catalog: Catalog, taxonomy: Taxonomy, promises: dict[str, Promise]) -> list[Coverage]:
    table, held = schema.predictions, decided_now()
    counts = sa.select(table.c.attribute, table.c.decision, sa.func.count().label("n"))
    counts = counts.where(of_champion(catalog)).group_by(table.c.attribute, table.c.decision)
    predicted = {(row["attribute"], row["decision"]): row["n"] for row in pairs_of(catalog, counts)}
    same = (table.c.sku == held.c.sku) & (table.c.attribute == held.c.attribute) & of_champion(catalog)
    entered = sa.select(held.c.attribute, held.c.outcome, table.c.decision, sa.func.count().label("n"))
    entered = entered.join_from(held, table, same, isouter=True)
    entered = entered.group_by(held.c.attribute, held.c.outcome, table.c.decision)
    rows = pairs_of(catalog, entered)
    found = []
    for name in taxonomy.attributes:
        of_attribute = [row for row in rows if row["attribute"] == name]
        decided = sum(row["n"] for row in of_attribute if row["outcome"] == DECIDED)
        settled = _sum(of_attribute, decision=PUBLISHED)
        review = sum(n for (attribute, decision), n in predicted.items() if attribute == name and decision != PUBLISHED)
        open_again = sum(row["n"] for row in of_attribute if row["outcome"] != DECIDED and row["decision"] == PUBLISHED)
        done = sum(
            row["n"] for row in of_attribute if row["outcome"] == DECIDED and row["decision"] not in (PUBLISHED, None)
        )
        found.append(
            Coverage(
                attribute=name,
                published=predicted.get((name, PUBLISHED), 0) - settled,
                decided=decided,
                waiting=review - done + open_again,
                promise=promises.get(name),
            )
        )
    return found


def _sum(rows: list[dict[str, Any]], *, decision: str) -> int:
    return sum(row["n"] for row in rows if row["decision"] == decision)


def _without_photo(catalog: Catalog) -> int:
    products, links = schema.products, schema.product_photos
    shown = sa.exists().where(links.c.sku == products.c.sku)
    return catalog.count(sa.select(products.c.sku).where(~shown))


def _decided_since(catalog: Catalog, moment: datetime) -> int:
    held = decided_now()
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
    rows = pairs_of(catalog, query.order_by(table.c.author, table.c.decided_at))
    steps = (
        (later["decided_at"] - earlier["decided_at"]).total_seconds()
        for earlier, later in pairwise(rows)
        if earlier["author"] == later["author"]
    )
    return [step for step in steps if 0 < step <= _PAUSE]


def _recent(catalog: Catalog) -> list[Recent]:
    table = schema.decisions
    columns = [table.c[name] for name in ("sku", "attribute", "outcome", "value", "author", "mode", "decided_at")]
    query = sa.select(*columns).order_by(table.c.decided_at.desc(), table.c.decision_id.desc()).limit(8)
    return [Recent(**row) for row in pairs_of(catalog, query)]
