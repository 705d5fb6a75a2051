"""The audit: what blind answers prove about published ones, and the stop when a promise breaks.

Everything here follows from the journal alone: an answer taken back or corrected by a review changes the meter, and
lifts a stop that hung on it. `vitrine.desk.draw` chooses what is audited.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from vitrine.classify import PUBLISHED, TO_REVIEW
from vitrine.desk import journal, meter, queue
from vitrine.desk.journal import DECIDED, NORMAL, REJECTED, VALUE_MISSING, Pair
from vitrine.intake.discontinue import discontinued_skus, in_range
from vitrine.intake.retell import Retelling
from vitrine.learn.promote import champion_of
from vitrine.records import Audit, AuditRound, Decision, Queued, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy

NOT_CONFIRMED = "not yet confirmed"
CONFIRMED = "confirmed"
STOPPED = "stopped"  # a state, and why people are asked about what a stopped head had published


@dataclass(frozen=True, slots=True)
class AuditDay:
    """The meter at the end of a day (UTC) with answers; `evidence` is against the certificate, the stop is at `stops_at`."""

    day: date
    audits: int
    errors: int
    estimate: float
    bound: float
    evidence: float


@dataclass(frozen=True, slots=True)
class AttributeAudit:
    """How the promise for one attribute stands.

    `estimate` is the share of wrong answers among all that the head publishes, `bound` the upper bound of the mean error
    of those audited, at `confidence`; 0..1, None and 1 before the first answer. `allowed` is what the certificate allows.
    `pending` audits are not answered yet, `unanswerable` ones cannot be. `recalled` counts what a stop recalls.
    """

    attribute: str
    model_id: str
    head_id: str
    certification: int
    state: str
    allowed: float
    confidence: float
    estimate: float | None
    bound: float
    audits: int
    errors: int
    pending: int
    unanswerable: int
    evidence: float
    stops_at: float
    stopped_at: datetime | None
    recalled: int
    days: Sequence[AuditDay]

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it, days as texts."""
        return {**asdict(self), "days": [{**asdict(one), "day": one.day.isoformat()} for one in self.days]}


@dataclass(frozen=True, slots=True)
class _Answered:
    """One audit that people have answered: was the published value wrong, and when was it first said."""

    moment: datetime
    decision_id: str
    wrong: bool
    probability: float


@dataclass(frozen=True, slots=True)
class _Tally:
    """A round's answered audits in order, and how many others there are."""

    answered: Sequence[_Answered]
    pending: int
    unanswerable: int

    @property
    def wrong(self) -> list[bool]:
        return [one.wrong for one in self.answered]


def status(catalog: Catalog, taxonomy: Taxonomy) -> list[AttributeAudit]:
    """How the promise stands for every attribute of which the champion publishes something, in taxonomy order."""
    with catalog.reading() as connection:
        rounds = {one.attribute: one for one in rounds_of(connection, champion_of(catalog))}
        return [_status(connection, rounds[name]) for name in taxonomy.attributes if name in rounds]


def recalls(catalog: Catalog, attribute: str) -> pa.Table:
    """What the champion's stopped head had published (schema `vitrine.records.Recall`), by sku; empty without a stop."""
    table = schema.recalls
    query = sa.select(table).where(table.c.attribute == attribute, table.c.model_id == champion_of(catalog))
    return catalog.read(query.order_by(table.c.sku))


def stopped(catalog: Catalog) -> list[str]:
    """The attributes whose champion's head has been stopped: nothing of them counts as published."""
    with catalog.reading() as connection:
        return [one.attribute for one in rounds_of(connection, champion_of(catalog)) if one.stopped_at]


def decision_now(stopped: Collection[str]) -> sa.ColumnElement[str]:
    """The column `decision` of predictions as it stands with these attributes stopped."""
    column = schema.predictions.c.decision
    return sa.case((schema.predictions.c.attribute.in_(stopped), TO_REVIEW), else_=column).label("decision")


def drawn(connection: sa.Connection, pairs: Iterable[Pair], model_id: str | None) -> set[Pair]:
    """Those of `pairs` that are drawn for an audit of this model."""
    table = schema.audits
    found: set[Pair] = set()
    for attribute, skus in journal.by_attribute(pairs).items():
        for some in journal.chunks(skus):
            of_model = (table.c.attribute == attribute) & (table.c.model_id == model_id)
            found |= {
                (sku, attribute)
                for sku in connection.scalars(sa.select(table.c.sku).where(of_model, table.c.sku.in_(some)))
            }
    return found


def waiting(connection: sa.Connection, model_id: str | None) -> list[Queued]:
    """The questions that audits of this model ask, those of a stopped attribute left out; shuffled by their coins."""
    table, rounds = schema.audits, schema.audit_rounds
    same = (table.c.attribute == rounds.c.attribute) & (table.c.model_id == rounds.c.model_id)
    query = sa.select(table.c.sku, table.c.attribute, rounds.c.head_id, rounds.c.salt).join(rounds, same)
    query = query.where(
        table.c.model_id == model_id, rounds.c.stopped_at.is_(None), ~journal.answered(table), in_range(table)
    )
    rows = sorted(connection.execute(query), key=lambda row: journal.number(row.salt, row.sku, row.attribute))
    return [Queued(row.sku, row.attribute, row.head_id, journal.AUDIT, NORMAL, 0, None, 0.0, 1, True) for row in rows]


def doubted(connection: sa.Connection, one: AuditRound) -> bool:
    """Whether the answers so far speak more against the head than for it."""
    logs = meter.evidence(_tally(connection, one).wrong, one.allowed)
    return bool(len(logs)) and float(logs[-1]) > 0


def follow(connection: sa.Connection, pairs: Iterable[Pair]) -> None:
    """Bring the rounds whose audits were just answered or taken back in line: stop, or lift a stop that no longer holds."""
    for one in _rounds_with(connection, pairs):
        at = _stopping(_tally(connection, one), one)
        if at == one.stopped_at:
            continue
        table = schema.audit_rounds
        row = (table.c.attribute == one.attribute) & (table.c.model_id == one.model_id)
        connection.execute(sa.update(table).where(row).values(stopped_at=at))
        if at is None:
            _lift(connection, one)
        elif one.stopped_at is None:
            _recall(connection, one)


def rounds_of(connection: sa.Connection, model_id: str | None) -> list[AuditRound]:
    """The rounds of one model."""
    table = schema.audit_rounds
    rows = connection.execute(sa.select(table).where(table.c.model_id == model_id).order_by(table.c.attribute))
    return [AuditRound(**row) for row in rows.mappings()]


def unanswered(table: sa.Table = schema.predictions) -> sa.ColumnElement[bool]:
    """Whether nobody has decided the (sku, attribute) of a row, nor a table says a value for it."""
    labels = schema.labels
    labelled = sa.exists().where(labels.c.sku == table.c.sku, labels.c.attribute == table.c.attribute)
    return ~journal.answered(table) & ~labelled


def _rounds_with(connection: sa.Connection, pairs: Iterable[Pair]) -> list[AuditRound]:
    rounds, table = schema.audit_rounds, schema.audits
    found: dict[tuple[str, str], AuditRound] = {}
    for attribute, skus in journal.by_attribute(pairs).items():
        for some in journal.chunks(skus):
            drawn = sa.exists().where(
                table.c.attribute == attribute, table.c.model_id == rounds.c.model_id, table.c.sku.in_(some)
            )
            query = sa.select(rounds).where(rounds.c.attribute == attribute, drawn).with_for_update(of=rounds)
            for row in connection.execute(query).mappings():
                found[attribute, row["model_id"]] = AuditRound(**row)
    return list(found.values())


def _tally(connection: sa.Connection, one: AuditRound) -> _Tally:
    audits, cohorts = schema.audits, schema.audit_cohorts
    of_round = (audits.c.attribute == one.attribute) & (audits.c.model_id == one.model_id)
    probabilities = {
        row.number: row.probability
        for row in connection.execute(
            sa.select(cohorts).where(cohorts.c.attribute == one.attribute, cohorts.c.model_id == one.model_id)
        )
    }
    drawn = [Audit(**row) for row in connection.execute(_told_audits().where(of_round)).mappings() if row["value"]]
    entries = journal.entries_of(connection, [(audit.sku, audit.attribute) for audit in drawn])
    gone = discontinued_skus(connection)
    answered, open_, never = [], 0, 0
    for audit in drawn:
        alive = journal.live(entries[audit.sku, audit.attribute])
        wrong = _wrong(alive, audit.value)
        if wrong is not None:
            probability = probabilities[audit.cohort]
            answered.append(_Answered(alive[0].decided_at, alive[0].decision_id, wrong, probability))
        elif audit.sku in gone or (alive and journal.turn_after(alive)[0] is None):
            never += 1
        else:
            open_ += 1
    answered.sort(key=lambda one: (one.moment, one.decision_id))
    return _Tally(answered, open_, never)


def _told_audits() -> sa.Select[Any]:
    """Audits with what was published told in today's taxonomy, None where that value is no more."""
    table = schema.audits
    said = Retelling(table, table.c.drawn_at, table.c.value)
    columns = [said.value if column is table.c.value else column for column in table.c]
    return sa.select(*columns).select_from(table.outerjoin(said.retold, said.on))


def _wrong(alive: Sequence[Decision], published: str) -> bool | None:
    """Whether people say that the published value is wrong; None where they have not said or cannot tell."""
    holding = journal.holds(alive)
    if holding is None:
        return None
    if holding.outcome == DECIDED:
        return holding.value != published
    if holding.outcome == REJECTED:
        return True if holding.value == published else None
    return True if holding.outcome == VALUE_MISSING else None


def _stopping(tally: _Tally, one: AuditRound) -> datetime | None:
    """When the evidence first reached the stop."""
    reached = np.flatnonzero(meter.evidence(tally.wrong, one.allowed) >= -np.log(one.risk))
    return tally.answered[reached[0]].moment if len(reached) else None


def _recall(connection: sa.Connection, one: AuditRound) -> None:
    """Note all that the head has published and nobody decided, and put it before people, the least sure first."""
    said, asked, gone = schema.predictions, schema.queue, schema.recalls
    published = sa.and_(
        said.c.attribute == one.attribute, said.c.model_id == one.model_id, said.c.decision == PUBLISHED
    )
    moment = sa.literal(now(), schema.recalls.c.recalled_at.type)
    columns = [said.c[name] for name in ("sku", "attribute", "model_id", "value")]
    listed = sa.select(*columns, moment).where(published, ~journal.answered(said))
    connection.execute(sa.insert(gone).from_select([c.name for c in gone.columns], listed))
    last = connection.scalar(sa.select(sa.func.max(asked.c.place)).where(asked.c.attribute == one.attribute)) or 0
    place = sa.literal(last) + sa.func.row_number().over(order_by=(said.c.confidence, said.c.sku))
    already = sa.exists().where(asked.c.sku == said.c.sku, asked.c.attribute == said.c.attribute)
    question: dict[str, sa.ColumnElement[Any]] = {
        "sku": said.c.sku,
        "attribute": said.c.attribute,
        "head_id": said.c.head_id,
        "reason": sa.literal(STOPPED),
        "turn": sa.literal(NORMAL),
        "place": place,
        "not_for": sa.null(),
        "worth": 1 - said.c.confidence,
        "family_size": sa.literal(1),
        "blind": sa.false(),
    }
    questions = sa.select(*question.values()).where(published, unanswered(said), ~already)
    connection.execute(sa.insert(asked).from_select(list(question), questions))


def _lift(connection: sa.Connection, one: AuditRound) -> None:
    asked, gone = schema.queue, schema.recalls
    of_round = (gone.c.attribute == one.attribute) & (gone.c.model_id == one.model_id)
    recalled = asked.c.sku.in_(sa.select(gone.c.sku).where(of_round)) & (asked.c.attribute == one.attribute)
    open_ = asked.c.turn.is_not(None) & asked.c.reason.in_((STOPPED, queue.UNCERTAIN))
    connection.execute(sa.delete(asked).where(recalled, open_))
    connection.execute(sa.delete(gone).where(of_round))


def _status(connection: sa.Connection, one: AuditRound) -> AttributeAudit:
    tally = _tally(connection, one)
    days = _days(tally, one)
    last = days[-1] if days else None
    bound = last.bound if last else 1.0
    gone = schema.recalls
    of_round = sa.select(sa.func.count()).where(gone.c.attribute == one.attribute, gone.c.model_id == one.model_id)
    state = STOPPED if one.stopped_at else CONFIRMED if bound <= one.allowed else NOT_CONFIRMED
    return AttributeAudit(
        attribute=one.attribute,
        model_id=one.model_id,
        head_id=one.head_id,
        certification=one.number,
        state=state,
        allowed=one.allowed,
        confidence=1 - one.risk,
        estimate=last.estimate if last else None,
        bound=bound,
        audits=len(tally.answered),
        errors=sum(tally.wrong),
        pending=tally.pending,
        unanswerable=tally.unanswerable,
        evidence=last.evidence if last else 1.0,
        stops_at=1 / one.risk,
        stopped_at=one.stopped_at,
        recalled=connection.scalar(of_round) or 0,
        days=days,
    )


def _days(tally: _Tally, one: AuditRound) -> list[AuditDay]:
    logs = meter.evidence(tally.wrong, one.allowed)
    found = []
    for day, of_day in groupby(range(len(logs)), key=lambda i: tally.answered[i].moment.date()):
        audits = max(of_day) + 1
        errors = sum(tally.wrong[:audits])
        share = meter.estimate(tally.wrong[:audits], [answer.probability for answer in tally.answered[:audits]])
        found.append(
            AuditDay(
                day=day,
                audits=audits,
                errors=errors,
                estimate=share if share is not None else 0.0,
                bound=meter.upper_bound(errors, audits, one.risk),
                evidence=float(np.exp(min(logs[audits - 1], 700.0))),
            )
        )
    return found
