"""Who a task's champion scored highest, and why in words: from the catalog's scores, filtered, page by page or as CSV."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TextIO

import sqlalchemy as sa

from vitrine.desk.trail import harmless
from vitrine.learn.promote import champion_of
from vitrine.market.tasks import line, task
from vitrine.market.words import said, subject_of
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

SHOWN_REASONS = 3
_TABLE = schema.scores


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a score, in words, with its value, and whether it pushes the probability up."""

    words: str
    value: str
    up: bool


@dataclass(frozen=True, slots=True)
class Scored:
    """One scored entity (a seller, a deal, an order) with the probability that the model gives, and its strongest reasons."""

    entity: str
    seller_id: str
    score: float
    reasons: list[Reason]


@dataclass(frozen=True, slots=True)
class AtRisk:
    """Those that `model` scored `at` its last reference date and that fit the filters, the highest first.

    `found` of `scored` fit; `model` is None before the first champion, `at` before it scored anybody.
    """

    task: str
    model: str | None
    at: date | None
    scored: int
    found: int
    rows: list[Scored]


def at_risk(
    catalog: Catalog,
    name: str,
    *,
    seller: str | None = None,
    at_least: float | None = None,
    after: tuple[float, str] | None = None,
    limit: int = 50,
) -> AtRisk:
    """One page of those scored; `seller` is a part of the id, `after` the (score, entity) that ended the page before."""
    model, at = last_scored(catalog, name)
    if model is None or at is None:
        return AtRisk(name, model, at, 0, 0, [])
    of_date = _of(name, model, at)
    chosen = sa.and_(of_date, *_filters(seller, at_least))
    query = _ordered(chosen)
    if after is not None:
        score, entity = after
        query = query.where((_TABLE.c.score < score) | ((_TABLE.c.score == score) & (_TABLE.c.entity > entity)))
    rows = catalog.rows(query.limit(limit))
    with catalog.reading() as connection:
        scored, found = (
            int(connection.execute(sa.select(sa.func.count()).select_from(_TABLE).where(where)).scalar_one())
            for where in (of_date, chosen)
        )
    return AtRisk(name, model, at, scored, found, [_scored(row) for row in rows])


def write_csv(
    catalog: Catalog, name: str, file: TextIO, *, seller: str | None = None, at_least: float | None = None
) -> int:
    """Write all that fit the filters, the highest first, into an open file; no cell is a formula to a spreadsheet."""
    writer = csv.writer(file)
    reasons = [f"{part}_{n}" for n in range(1, SHOWN_REASONS + 1) for part in ("reason", "value", "pushes")]
    writer.writerow([task(name).thing, "seller_id", "probability", "reference_date", "model_id", *reasons])
    model, at = last_scored(catalog, name)
    if model is None or at is None:
        return 0
    written = 0
    for one in _all(catalog, sa.and_(_of(name, model, at), *_filters(seller, at_least))):
        why = [cell for reason in one.reasons for cell in (reason.words, reason.value, "up" if reason.up else "down")]
        cells = [one.entity, one.seller_id, f"{one.score:.6f}", at.isoformat(), model, *why]
        writer.writerow([harmless(cell) for cell in cells])
        written += 1
    return written


def last_scored(catalog: Catalog, name: str) -> tuple[str | None, date | None]:
    """A task's champion and the last reference date that it scored."""
    model = champion_of(catalog, line=line(task(name).name))
    query = sa.select(sa.func.max(_TABLE.c.reference_date)).where(_TABLE.c.task == name, _TABLE.c.model_id == model)
    with catalog.reading() as connection:
        return model, connection.execute(query).scalar_one()


def in_words(reasons: Sequence[Mapping[str, Any]]) -> list[Reason]:
    """Reasons that differ only in their window are one: parts of log-odds add up, the strongest window speaks."""
    pushes: dict[str, float] = defaultdict(float)
    speaker: dict[str, Mapping[str, Any]] = {}
    for one in reasons:
        subject = subject_of(one["feature"], one["value"])
        pushes[subject] += one["part"]
        speaker.setdefault(subject, one)
    strongest = sorted(pushes, key=lambda subject: -abs(pushes[subject]))[:SHOWN_REASONS]
    return [Reason(*said(speaker[s]["feature"], speaker[s]["value"]), pushes[s] > 0) for s in strongest]


def _of(name: str, model: str, at: date) -> sa.ColumnElement[bool]:
    return (_TABLE.c.task == name) & (_TABLE.c.model_id == model) & (_TABLE.c.reference_date == at)


def _filters(seller: str | None, at_least: float | None) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if seller:
        found.append(_TABLE.c.seller_id.contains(seller.strip(), autoescape=True))
    if at_least is not None:
        found.append(_TABLE.c.score >= at_least)
    return found


def _ordered(where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(_TABLE).where(where).order_by(_TABLE.c.score.desc(), _TABLE.c.entity)


def _all(catalog: Catalog, where: sa.ColumnElement[bool]) -> Iterator[Scored]:
    with catalog.reading() as connection:
        for batch in catalog.batches(_ordered(where), connection):
            for row in batch.to_pylist():
                yield _scored(row)


def _scored(row: Mapping[str, Any]) -> Scored:
    return Scored(row["entity"], row["seller_id"], row["score"], in_words(json.loads(row["reasons"])))
