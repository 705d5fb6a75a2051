"""The grid: all products predicted to have one value, most doubtful first; mark the wrong ones and accept the rest.

What a curator accepts is exactly what the page showed. Questions that a sweep would get wrong unnoticed (a rare value, a
confident answer that its look-alikes contradict) are never accepted here: they come one by one, from the queue.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.desk import audit, decisions, journal, queue
from vitrine.desk.decisions import Answer
from vitrine.desk.journal import DECIDED, GRID, REJECTED
from vitrine.errors import InputError, sentence
from vitrine.intake.retell import Retelling
from vitrine.learn.promote import champion_of
from vitrine.records import Decision
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy

MOST_ON_A_PAGE = 300


@dataclass(frozen=True, slots=True)
class Cell:
    """One product of a page; `alone` says why it must be looked at by itself (`rare`, `outlier`), None for most."""

    sku: str
    name: str | None
    photos: tuple[str, ...]
    confidence: float
    published: bool
    version: int
    alone: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the grid; `after` is where the next one starts, None on the last."""

    attribute: str
    value: str
    cells: Sequence[Cell]
    after: tuple[float, str] | None


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did: entries, products left for the queue with the reason, and what others had decided before."""

    batch_id: str
    decisions: Sequence[Decision]
    held_back: Mapping[str, str]
    conflicts: Mapping[str, str]


def page(
    catalog: Catalog,
    taxonomy: Taxonomy,
    attribute: str,
    value: str,
    *,
    after: tuple[float, str] | None = None,
    size: int = 60,
) -> Page:
    """The next undecided products that the champion says have this value, the least sure first.

    Raises InputError for an attribute or value that does not exist.
    """
    check_value(taxonomy, attribute, value)
    rows = catalog.rows(_cells(catalog, attribute, value, after, min(size, MOST_ON_A_PAGE)))
    skus = [row["sku"] for row in rows]
    with catalog.reading() as connection:
        photos = queue.photos_of(connection, skus)
        entries = journal.entries_of(connection, [(sku, attribute) for sku in skus])
    cells = [
        Cell(
            sku=row["sku"],
            name=row["name"],
            photos=tuple(photos.get(row["sku"], ())),
            confidence=row["confidence"],
            published=row["decision"] == PUBLISHED,
            version=len(entries[row["sku"], attribute]),
            alone=row["reason"] if row["reason"] in queue.ALONE else None,
        )
        for row in rows
    ]
    more = len(rows) == min(size, MOST_ON_A_PAGE)
    return Page(attribute, value, cells, (rows[-1]["confidence"], rows[-1]["sku"]) if more else None)


def accept(
    catalog: Catalog,
    taxonomy: Taxonomy,
    attribute: str,
    value: str,
    *,
    shown: Mapping[str, int],
    wrong: Collection[str],
    author: str,
    batch_id: str,
) -> Swept:
    """Accept `value` for what the page showed (sku → version) but for the `wrong` ones, in one transaction.

    Wrong ones are rejected and come up in the queue before everything else. Undone as a whole by `decisions.undo`.
    Raises InputError for a wrong one that was not shown.
    """
    check_value(taxonomy, attribute, value)
    if unknown := sorted(set(wrong) - set(shown)):
        raise InputError(f"{len(unknown)} products marked wrong were not shown, the first is {unknown[0][:80]!r}")
    held_back = _held_back(catalog, attribute, set(shown) - set(wrong))
    answers = [
        Answer(sku, attribute, REJECTED if sku in wrong else DECIDED, value, version=version)
        for sku, version in shown.items()
        if sku not in held_back
    ]
    if not answers:
        return Swept(batch_id, (), held_back, {})
    entered = decisions.decide_timely(catalog, taxonomy, answers, author=author, batch_id=batch_id, mode=GRID)
    conflicts = {sku: why for (sku, _), why in entered.conflicts.items()}
    return Swept(batch_id, entered.decisions, held_back, conflicts)


def check_value(taxonomy: Taxonomy, attribute: str, value: str) -> None:
    """Raise InputError, with a suggestion, unless the taxonomy has this value."""
    known = taxonomy.attribute(attribute)
    if value not in known.values:
        suggestion = known.suggest(value)
        hint = sentence("did you mean '{value}'?", value=suggestion, attribute=attribute) if suggestion else ""
        raise InputError(
            sentence("{given!r} is not a value of {attribute}", given=value[:80], attribute=attribute), hint=hint
        )


def _cells(catalog: Catalog, attribute: str, value: str, after: tuple[float, str] | None, size: int) -> sa.Select[Any]:
    said, products, asked = schema.predictions, schema.products, schema.queue
    decision = audit.decision_now(audit.stopped(catalog))
    # in the order of an index: without one PostgreSQL reads the table until a row of the attribute comes
    of_head = (
        sa.select(said.c.head_id)
        .where(said.c.model_id == champion_of(catalog), said.c.attribute == attribute)
        .order_by(said.c.confidence)
    )
    query = (
        sa.select(said.c.sku, products.c.name, said.c.confidence, decision, asked.c.reason)
        .join(products, products.c.sku == said.c.sku)
        .outerjoin(asked, (asked.c.sku == said.c.sku) & (asked.c.attribute == said.c.attribute))
        .where(said.c.attribute == attribute, said.c.value == value)
        .where(said.c.head_id == of_head.limit(1).scalar_subquery(), ~journal.answered(said), ~_labelled(said))
    )
    if after is not None:
        query = query.where(sa.tuple_(said.c.confidence, said.c.sku) > sa.tuple_(*map(sa.literal, after)))
    return query.order_by(said.c.confidence, said.c.sku).limit(size)


def _labelled(said: sa.Table) -> sa.ColumnElement[bool]:
    """Whether a table says the same as the prediction, told in today's taxonomy."""
    labels = schema.labels
    told = Retelling(labels, labels.c.recorded_at, labels.c.value)
    of_row = (labels.c.sku == said.c.sku) & (labels.c.attribute == said.c.attribute)
    table = labels.outerjoin(told.retold, told.on)
    return sa.exists(
        sa.select(labels.c.sku).select_from(table).where(of_row, told.value == said.c.value).correlate(said)
    )


def _held_back(catalog: Catalog, attribute: str, skus: Collection[str]) -> dict[str, str]:
    with catalog.reading() as connection:
        rows = list(queue.rows_of(connection, schema.queue, [(sku, attribute) for sku in skus]))
    return {row.sku: row.reason for row in rows if row.reason in queue.ALONE and row.turn is not None}
