"""Enter decisions: in one transaction, never over somebody else's, never twice, and undone as they were entered.

An action has a `batch_id` that the client makes up before it sends it. The same action sent again changes nothing and
gets the same answer, so a client that heard nothing may simply repeat itself.
"""

import dataclasses
import hmac
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from vitrine.desk import audit, journal, queue
from vitrine.desk.journal import AUDIT, DECIDED, REJECTED, REVIEW, SINGLE, UNDO, UNDONE, Pair
from vitrine.errors import Conflict, InputError, NotFound, Refused, sentence
from vitrine.learn.promote import champion_of
from vitrine.records import Decision, Lease, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy

OUTCOMES = (DECIDED, journal.UNSURE, journal.UNUSABLE_PHOTO, journal.VALUE_MISSING, REJECTED)
MOST_AT_ONCE = 10_000
_LONGEST_COMMENT = 2_000
_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_ATTEMPTS = 5

T = TypeVar("T")
Entries = Mapping[Pair, Sequence[Decision]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a curator says about one attribute of one product.

    A question from the queue comes with its lease's `token`; anything else with the `version` that the curator saw
    (0 where nothing was entered yet).
    """

    sku: str
    attribute: str
    outcome: str = DECIDED
    value: str | None = None
    comment: str | None = None
    token: str | None = None
    version: int | None = None

    @property
    def pair(self) -> Pair:
        """The key of what is decided."""
        return self.sku, self.attribute


@dataclass(frozen=True, slots=True)
class Action:
    """Who does what at once, in which mode (single, grid, family …), when, and which model's answers they look at."""

    author: str
    batch_id: str
    mode: str
    moment: datetime
    model_id: str | None


@dataclass(frozen=True, slots=True)
class Entered:
    """What one action entered, and the answers that came too late, each with what to tell its author."""

    batch_id: str
    decisions: Sequence[Decision]
    conflicts: Mapping[Pair, str]


def decide(
    catalog: Catalog, taxonomy: Taxonomy, answers: Sequence[Answer], *, author: str, batch_id: str, mode: str = SINGLE
) -> list[Decision]:
    """Enter all answers or, when one of them comes too late, none.

    Raises Conflict that says who decided what, InputError for a value that does not exist, NotFound for an unknown sku.
    """
    action = _action(catalog, author, batch_id, mode)
    checked = _checked(taxonomy, answers)
    return list(_attempt(catalog, lambda connection: _enter(connection, checked, action, whole=True)).decisions)


def decide_timely(
    catalog: Catalog, taxonomy: Taxonomy, answers: Sequence[Answer], *, author: str, batch_id: str, mode: str
) -> Entered:
    """Enter in one transaction the answers that do not come too late, and name the others."""
    action = _action(catalog, author, batch_id, mode)
    checked = _checked(taxonomy, answers)
    return _attempt(catalog, lambda connection: _enter(connection, checked, action, whole=False))


def undo(catalog: Catalog, batch_id: str, *, author: str, others: bool = False) -> list[Decision]:
    """Take an action back as a whole: what held before holds again, and its questions come up again.

    Entries that others made later stay as they are. Undoing twice changes nothing. Raises NotFound for an unknown
    action, Refused for somebody else's unless `others`, or for an undo.
    """
    action = Action(author, f"undo.{batch_id}", UNDO, now(), None)
    return _attempt(catalog, lambda connection: _undo(connection, batch_id, action, others))


def _action(catalog: Catalog, author: str, batch_id: str, mode: str) -> Action:
    if not _BATCH_ID.fullmatch(batch_id):
        raise InputError(f"batch_id {batch_id[:80]!r} is not 8 to 64 letters, digits, '-' or '_'", hint="send a UUID")
    return Action(author, batch_id, mode, now(), champion_of(catalog))


def _checked(taxonomy: Taxonomy, answers: Sequence[Answer]) -> dict[Pair, Answer]:
    """The answers by key, in the order in which everyone locks, or an error naming the first that cannot be used."""
    if not 0 < len(answers) <= MOST_AT_ONCE:
        raise InputError(f"{len(answers)} answers at once; 1 to {MOST_AT_ONCE:,} are possible")
    by_pair = {one.pair: one for one in sorted(answers, key=lambda one: (one.attribute, one.sku))}
    if len(by_pair) < len(answers):
        raise InputError(f"{len(answers) - len(by_pair)} answers repeat a product and attribute")
    for answer in by_pair.values():
        _check(taxonomy, answer)
    return by_pair


def _check(taxonomy: Taxonomy, answer: Answer) -> None:
    place = f"{answer.sku}, {answer.attribute}"
    attribute = taxonomy.attribute(answer.attribute)
    if answer.outcome not in OUTCOMES:
        raise InputError(f"{place}: outcome {answer.outcome!r} is not one of {', '.join(OUTCOMES)}")
    if answer.outcome in (DECIDED, REJECTED):
        if answer.value not in attribute.values:
            suggestion = attribute.suggest(answer.value or "")
            hint = (
                sentence("did you mean '{value}'?", value=suggestion, attribute=answer.attribute)
                if suggestion
                else sentence("say value_missing where the right one is not there")
            )
            raise InputError(
                sentence(
                    "{sku}, {attribute}: {given!r} is not a value of {attribute}",
                    sku=answer.sku,
                    attribute=answer.attribute,
                    given=answer.value,
                ),
                hint=hint,
            )
    elif answer.value is not None:
        raise InputError(f"{place}: {answer.outcome} has no value, not {answer.value!r}")
    comment = answer.comment or ""
    if len(comment) > _LONGEST_COMMENT or "\x00" in comment:
        raise InputError(
            sentence(
                "{place}: a comment has at most {most:,} characters and no NUL", place=place, most=_LONGEST_COMMENT
            )
        )
    if answer.token is None and answer.version is None:
        raise InputError(f"{place}: neither the token of a lease nor the version seen", hint="send one of them")


def _attempt(catalog: Catalog, act: Callable[[sa.Connection], T]) -> T:
    """Act in a transaction, again where another one has taken the same version or batch_id at the same moment."""
    for _ in range(_ATTEMPTS):
        try:
            with catalog.transaction() as connection:
                return act(connection)
        except sa.exc.IntegrityError:
            continue
    raise Conflict(sentence("others keep deciding the same items"), hint=sentence("load them again"))


def _enter(connection: sa.Connection, answers: Mapping[Pair, Answer], action: Action, *, whole: bool) -> Entered:
    before = journal.entries_of_batch(connection, action.batch_id)
    if before:
        return _repeated(before, answers, action)
    entries = journal.entries_of(connection, answers)
    leases = _leases(connection, answers.values(), action.author)
    late = {pair: why for pair, one in answers.items() if (why := _too_late(one, entries[pair], leases.get(pair)))}
    if late and whole:
        raise Conflict(next(iter(late.values())), hint=sentence("nothing was overwritten; load the next question"))
    timely = [one for pair, one in answers.items() if pair not in late]
    _check_products(connection, timely)
    made = [_entry(one, entries[one.pair], leases.get(one.pair), action, n) for n, one in enumerate(timely)]
    made = _with_mode(made, audit.drawn(connection, (one.pair for one in timely), action.model_id))
    made = _append(connection, _with_predictions(connection, made, action.model_id), entries)
    return Entered(action.batch_id, made, late)


def _repeated(before: Sequence[Decision], answers: Mapping[Pair, Answer], action: Action) -> Entered:
    said = {pair: (one.outcome, one.value, one.comment) for pair, one in answers.items()}
    stored = {(one.sku, one.attribute): (one.outcome, one.value, one.comment) for one in before}
    if before[0].author != action.author or any(said.get(pair) != what for pair, what in stored.items()):
        raise Conflict(f"batch_id {action.batch_id} stands for another action already", hint="make up a new one")
    return Entered(
        action.batch_id, before, {pair: sentence("it came too late then") for pair in said if pair not in stored}
    )


def _leases(connection: sa.Connection, answers: Iterable[Answer], author: str) -> dict[Pair, Lease]:
    """The author's leases on what is answered with a token that fits, by key."""
    tokens = {one.token: one for one in answers if one.token is not None}
    table = schema.leases
    found = {}
    for row in connection.execute(
        sa.select(table).where(table.c.token.in_(tokens), table.c.holder == author)
    ).mappings():
        answer = tokens[row["token"]]
        if answer.pair == (row["sku"], row["attribute"]) and hmac.compare_digest(row["token"], answer.token or ""):
            found[answer.pair] = Lease(**row)
    return found


def _too_late(answer: Answer, entries: Sequence[Decision], lease: Lease | None) -> str:
    """Why this answer may not be entered, or nothing."""
    seen = answer.version if answer.token is None else lease and lease.version
    if seen == len(entries):
        return ""
    place = {"sku": answer.sku, "attribute": answer.attribute}
    if not entries or (seen is None and not journal.live(entries)):
        return sentence("{sku}, {attribute}: your time with it ran out and it went to somebody else", **place)
    last = entries[-1]
    who = {**place, "author": last.author, "moment": last.decided_at}
    if last.outcome == DECIDED:
        return sentence(
            "{sku}, {attribute}: {author} decided '{value}' at {moment:%Y-%m-%d %H:%M} UTC", **who, value=last.value
        )
    said = last.outcome.replace("_", " ")
    return sentence("{sku}, {attribute}: {author} said {outcome} at {moment:%Y-%m-%d %H:%M} UTC", **who, outcome=said)


def _check_products(connection: sa.Connection, answers: Sequence[Answer]) -> None:
    skus = sorted({one.sku for one in answers})
    table = schema.products
    known: set[str] = set()
    for some in journal.chunks(skus):
        known |= set(connection.scalars(sa.select(table.c.sku).where(table.c.sku.in_(some))))
    if unknown := [sku for sku in skus if sku not in known]:
        raise NotFound(
            sentence("{n} products are not in the catalog, the first is {sku!r}", n=len(unknown), sku=unknown[0][:80])
        )


def _entry(answer: Answer, entries: Sequence[Decision], lease: Lease | None, action: Action, number: int) -> Decision:
    alive = journal.live(entries)
    second = lease is not None and bool(alive) and journal.reviewed(alive)[0].outcome == DECIDED
    return Decision(
        decision_id=f"{action.batch_id}.{number:05d}",
        sku=answer.sku,
        attribute=answer.attribute,
        version=len(entries) + 1,
        outcome=answer.outcome,
        value=answer.value,
        comment=answer.comment or None,
        author=action.author,
        mode=REVIEW if second else action.mode,
        batch_id=action.batch_id,
        predicted_value=None,
        predicted_confidence=None,
        head_id=lease.head_id if lease else None,
        blind=bool(lease and lease.blind),
        undoes=None,
        holds=None,
        decided_at=action.moment,
    )


def _with_mode(made: Sequence[Decision], audited: Collection[Pair]) -> list[Decision]:
    """Blind first answers to what was drawn for an audit are audits."""
    return [
        dataclasses.replace(one, mode=AUDIT)
        if one.blind and one.mode != REVIEW and (one.sku, one.attribute) in audited
        else one
        for one in made
    ]


def _with_predictions(connection: sa.Connection, made: Sequence[Decision], model_id: str | None) -> list[Decision]:
    """With what the model had said: the head that was shown with the lease, else the champion's."""
    table = schema.predictions
    columns = (table.c.sku, table.c.attribute, table.c.head_id, table.c.model_id, table.c.value, table.c.confidence)
    said: dict[tuple[str, str, str | None], Any] = {}
    for attribute, skus in journal.by_attribute((one.sku, one.attribute) for one in made).items():
        for some in journal.chunks(skus):
            query = sa.select(*columns).where(table.c.attribute == attribute, table.c.sku.in_(some))
            for row in connection.execute(query):
                said[row.sku, row.attribute, row.head_id] = row
                if row.model_id == model_id:
                    said[row.sku, row.attribute, None] = row
    completed = []
    for one in made:
        shown = said.get((one.sku, one.attribute, one.head_id))
        completed.append(
            dataclasses.replace(
                one,
                predicted_value=shown and shown.value,
                predicted_confidence=shown and shown.confidence,
                head_id=shown and shown.head_id,
            )
        )
    return completed


def _undo(connection: sa.Connection, batch_id: str, action: Action, others: bool) -> list[Decision]:
    batch = journal.entries_of_batch(connection, batch_id)
    if not batch:
        raise NotFound(sentence("there is no action {action!r}", action=batch_id[:80]))
    if batch[0].mode == UNDO:
        raise Refused(sentence("{action} is an undo itself", action=batch_id), hint=sentence("decide again instead"))
    if batch[0].author != action.author and not others:
        raise Refused(
            sentence("{action} is an action of {author}", action=batch_id, author=batch[0].author),
            hint=sentence("an admin can undo it"),
        )
    if done := journal.entries_of_batch(connection, action.batch_id):
        return done
    entries = journal.entries_of(connection, [(one.sku, one.attribute) for one in batch])
    made = [
        dataclasses.replace(
            one,
            decision_id=f"{action.batch_id}.{number:05d}",
            version=len(entries[one.sku, one.attribute]) + 1,
            outcome=UNDONE,
            value=None,
            comment=None,
            author=action.author,
            mode=UNDO,
            batch_id=action.batch_id,
            undoes=one.decision_id,
            holds=None,
            decided_at=action.moment,
        )
        for number, one in enumerate(batch)
    ]
    return _append(connection, made, entries)


def _append(connection: sa.Connection, made: Sequence[Decision], entries: Entries) -> list[Decision]:
    """Write entries with what holds after each, give their leases back and bring the queue in line."""
    alive_after = {(one.sku, one.attribute): journal.live([*entries[one.sku, one.attribute], one]) for one in made}
    completed = []
    for one in made:
        holding = journal.holds(alive_after[one.sku, one.attribute])
        completed.append(dataclasses.replace(one, holds=holding.decision_id if holding else None))
    if completed:
        connection.execute(sa.insert(schema.decisions), [dataclasses.asdict(one) for one in completed])
        queue.follow(connection, alive_after)
        audit.follow(connection, alive_after)
    return completed
