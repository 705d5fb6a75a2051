"""The queue: which question a curator gets next, lent to one person at a time.

`vitrine.desk.fill` puts questions in and orders them once; here they are only taken from the front of an index, so the
next one comes as fast from a million as from a hundred.
"""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import sqlalchemy as sa

from vitrine.desk import journal
from vitrine.desk.journal import NORMAL, URGENT, Pair
from vitrine.learn.fuse import SIDE
from vitrine.records import Decision, Lease, Queued, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy

LEASE = timedelta(minutes=10)
MOST_AT_ONCE = 20
UNCERTAIN = "uncertain"
OUTLIER = "outlier"
RARE = "rare"
AGAINST_LABEL = "against label"
DELIVERY = "delivery"
ALONE = (OUTLIER, RARE, AGAINST_LABEL, DELIVERY, journal.AUDIT, journal.SAMPLE)
_ASKED_BY_PEOPLE = (journal.REJECTED, journal.UNSURE, journal.REVIEW)


@dataclass(frozen=True, slots=True)
class Item:
    """One question, lent until `expires_at`: which value has this attribute of this product?

    `reason` says why it is asked, `weight` is the product's business weight as it was given. A `blind` item is shown
    without `predicted`, `confidence` (0..1) and `alternatives` (value → probability): they are empty then. `photos` are
    photo_ids, side views first.
    """

    sku: str
    attribute: str
    name: str | None
    photos: tuple[str, ...]
    reason: str
    predicted: str | None
    confidence: float | None
    alternatives: Mapping[str, float]
    family_size: int
    weight: float | None
    worth: float
    blind: bool
    version: int
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left of an attribute: open questions, of them lent out now, and how many were decided since `since`."""

    attribute: str
    open: int
    lent: int
    decided: int


def next_items(
    catalog: Catalog, taxonomy: Taxonomy, holder: str, *, attribute: str | None = None, count: int = 2
) -> list[Item]:
    """Lend the next questions to `holder`; fewer or none when there are no more.

    What this person skipped, or let run out, comes again only where nothing else is left. Raises InputError for an
    attribute that the taxonomy does not have.
    """
    attributes = [taxonomy.attribute(attribute).name] if attribute else list(taxonomy.attributes)
    with catalog.transaction() as connection:
        leases: list[Lease] = []
        for again, turn in product((False, True), (URGENT, NORMAL)):
            if not again or not leases:
                most = min(count, MOST_AT_ONCE) - len(leases)
                leases += _lend(catalog, connection, holder, attributes, turn, most, again=again)
        return _items(connection, leases)


def release(catalog: Catalog, holder: str, tokens: Sequence[str], *, skipped: bool = False) -> int:
    """Give leases back unanswered; returns how many were still the holder's.

    What was `skipped` is free for others at once.
    """
    table = schema.leases
    held = (table.c.holder == holder) & table.c.token.in_(tokens)
    with catalog.transaction() as connection:
        if skipped:  # a lease that has run out says who had it
            return connection.execute(sa.update(table).where(held).values(expires_at=now())).rowcount
        return connection.execute(sa.delete(table).where(held)).rowcount


def remaining(catalog: Catalog, taxonomy: Taxonomy, *, since: datetime) -> list[Remaining]:
    """What is left per attribute of the taxonomy; `since` is when the curator's day began."""
    table, leases, decisions = schema.queue, schema.leases, schema.decisions
    opened = _counts(catalog, sa.select(table.c.attribute).where(table.c.turn.is_not(None)))
    lent = _counts(catalog, sa.select(leases.c.attribute).where(leases.c.expires_at > now()))
    undone = sa.exists().where(decisions.c.decision_id == schema.decisions.alias("undo").c.undoes)
    kept = (decisions.c.decided_at >= since) & (decisions.c.mode != journal.UNDO) & ~undone
    decided = _counts(catalog, sa.select(decisions.c.attribute).where(kept))
    return [
        Remaining(name, opened.get(name, 0), lent.get(name, 0), decided.get(name, 0)) for name in taxonomy.attributes
    ]


def follow(connection: sa.Connection, alive_after: Mapping[Pair, Sequence[Decision]]) -> None:
    """Bring the queue in line with the live entries of what was just decided, and take the leases back.

    Questions before leases, as who lends them: in PostgreSQL two that lock in different orders wait for each other.
    """
    queue, leases = schema.queue, schema.leases
    known = {(row.sku, row.attribute): row.reason for row in rows_of(connection, queue, alive_after)}
    changes, new = [], []
    for pair, alive in alive_after.items():
        turn, not_for = journal.turn_after(alive)
        if not alive and known.get(pair) in _ASKED_BY_PEOPLE:
            turn = None  # the machine had not asked
        if pair in known:
            changes.append({**_key(pair), "new_turn": turn, "new_not_for": not_for})
        elif asked := asked_by_people(alive):
            new.append(asked)
    if changes:
        update = sa.update(queue).values(turn=sa.bindparam("new_turn"), not_for=sa.bindparam("new_not_for"))
        connection.execute(_of_pair(update, queue), changes)
    if new:
        connection.execute(sa.insert(queue), [asdict(one) for one in new])
    connection.execute(_of_pair(sa.delete(leases), leases), [_key(pair) for pair in alive_after])


def asked_by_people(alive: Sequence[Decision]) -> Queued | None:
    """The question that these live entries ask where the machine had none; it goes to the front."""
    reason, (turn, not_for) = why(alive), journal.turn_after(alive)
    if reason is None or turn is None:
        return None
    last = alive[-1]
    return Queued(last.sku, last.attribute, last.head_id, reason, turn, 0, not_for, 0.0, 1, False)


def why(alive: Sequence[Decision]) -> str | None:
    """Why people ask again: a review, somebody unsure, a value rejected; None where they do not."""
    if not alive:
        return None
    outcome = journal.reviewed(alive)[0].outcome
    return journal.REVIEW if outcome == journal.DECIDED else outcome


def _lend(
    catalog: Catalog,
    connection: sa.Connection,
    holder: str,
    attributes: Sequence[str],
    turn: int,
    count: int,
    *,
    again: bool,
) -> list[Lease]:
    """Up to `count` new leases from one turn; another try where somebody else took a question at the same moment."""
    lent: list[Lease] = []
    while len(lent) < count:
        moment = now()
        rows = connection.execute(_free(holder, attributes, turn, moment, count - len(lent), again=again)).all()
        if not rows:
            break
        leases = schema.leases
        old = _of_pair(sa.delete(leases), leases).where(leases.c.expires_at <= moment)
        connection.execute(old, [_key((row.sku, row.attribute)) for row in rows])
        entries = journal.entries_of(connection, [(row.sku, row.attribute) for row in rows])
        wanted = [_lease(row, holder, entries[row.sku, row.attribute], moment + LEASE) for row in rows]
        catalog.add(leases, wanted, connection=connection)
        tokens = sa.select(leases.c.token).where(leases.c.token.in_([one.token for one in wanted]))
        taken = set(connection.scalars(tokens))
        lent += [one for one in wanted if one.token in taken]
    return lent


def _free(
    holder: str, attributes: Sequence[str], turn: int, moment: datetime, count: int, *, again: bool
) -> sa.Select[Any]:
    """The first questions of a turn that nobody has and that this person may answer, locked where the database can.

    `again`: also those that this person had and did not answer.
    """
    queue, leases, entered = schema.queue, schema.leases, schema.decisions
    by_now = leases.c.expires_at > moment
    taken = by_now if again else by_now | (leases.c.holder == holder)
    lent = sa.exists().where(_same_pair(leases, queue), taken)
    answered = sa.exists().where(_same_pair(entered, queue), entered.c.author == holder)
    second = (queue.c.not_for != holder) & ~answered
    one = queue.c.attribute == attributes[0] if len(attributes) == 1 else queue.c.attribute.in_(attributes)
    query = sa.select(queue).where(one, queue.c.turn == turn, ~lent, queue.c.not_for.is_(None) | second)
    return query.order_by(queue.c.place).limit(count).with_for_update(of=queue, skip_locked=True)


def _lease(row: Any, holder: str, entries: Sequence[Decision], expires_at: datetime) -> Lease:
    blind = row.blind or why(journal.live(entries)) == journal.REVIEW
    token = secrets.token_urlsafe(18)
    return Lease(row.sku, row.attribute, holder, token, len(entries), row.head_id, blind, expires_at)


def _items(connection: sa.Connection, leases: Sequence[Lease]) -> list[Item]:
    """What a curator needs to see of lent questions."""
    pairs = [(one.sku, one.attribute) for one in leases]
    skus = [one.sku for one in leases]
    queued = {(row.sku, row.attribute): row for row in rows_of(connection, schema.queue, pairs)}
    said = {(row.sku, row.attribute, row.head_id): row for row in rows_of(connection, schema.predictions, pairs)}
    entries = journal.entries_of(connection, pairs)
    products, weights = schema.products, schema.weights
    names = dict(connection.execute(sa.select(products.c.sku, products.c.name).where(products.c.sku.in_(skus))).all())
    weighed = sa.select(weights.c.sku, weights.c.weight).where(weights.c.sku.in_(skus))
    weight_of = dict(connection.execute(weighed).all())
    photos = photos_of(connection, skus)
    items = []
    for lease, pair in zip(leases, pairs, strict=True):
        row = queued[pair]
        shown = None if lease.blind else said.get((*pair, lease.head_id))
        items.append(
            Item(
                sku=lease.sku,
                attribute=lease.attribute,
                name=names.get(lease.sku),
                photos=tuple(photos.get(lease.sku, ())),
                reason=why(journal.live(entries[pair])) or row.reason,
                predicted=shown and shown.value,
                confidence=shown and shown.confidence,
                alternatives=json.loads(shown.alternatives) if shown else {},
                family_size=row.family_size,
                weight=weight_of.get(lease.sku),
                worth=row.worth,
                blind=lease.blind,
                version=lease.version,
                token=lease.token,
                expires_at=lease.expires_at,
            )
        )
    return items


def photos_of(connection: sa.Connection, skus: Sequence[str]) -> dict[str, list[str]]:
    """sku → its photo_ids, side views first."""
    table = schema.product_photos
    rows = connection.execute(sa.select(table).where(table.c.sku.in_(skus))).all()
    photos: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: ((row.view or SIDE).casefold() != SIDE, row.photo_id)):
        photos.setdefault(row.sku, []).append(row.photo_id)
    return photos


def rows_of(connection: sa.Connection, table: sa.Table, pairs: Iterable[Pair]) -> Iterator[Any]:
    """The rows of a table with these keys."""
    for attribute, skus in journal.by_attribute(pairs).items():
        for some in journal.chunks(skus):
            yield from connection.execute(sa.select(table).where(table.c.attribute == attribute, table.c.sku.in_(some)))


def _same_pair(one: sa.Table, other: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(one.c.sku == other.c.sku, one.c.attribute == other.c.attribute)


def _of_pair(statement: Any, table: sa.Table) -> Any:
    """A statement on the row whose key comes as `_key`."""
    return statement.where(table.c.sku == sa.bindparam("of_sku"), table.c.attribute == sa.bindparam("of_attribute"))


def _key(pair: Pair) -> dict[str, str]:
    return {"of_sku": pair[0], "of_attribute": pair[1]}


def _counts(catalog: Catalog, rows: sa.Select[Any]) -> dict[str, int]:
    """attribute → number of rows."""
    some = rows.subquery()
    query = sa.select(some.c.attribute, sa.func.count().label("n")).group_by(some.c.attribute)
    return {row["attribute"]: row["n"] for row in catalog.rows(query)}
