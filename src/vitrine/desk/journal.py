"""The journal of decisions: what was entered, what of it holds, and whom to ask next.

What holds is a function of the entries alone, so that an undo leads exactly to where things stood before.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from vitrine.intake import retell
from vitrine.intake.labels import told_decisions
from vitrine.records import Decision
from vitrine.stores import schema

DECIDED = "decided"
UNSURE = "unsure"
UNUSABLE_PHOTO = "unusable_photo"
VALUE_MISSING = "value_missing"
REJECTED = "rejected"  # "it is not this value": said in the grid, where the right one is not asked for
UNDONE = "undone"
OUTDATED = (retell.SPLIT, retell.RETIRED)  # it was decided, but the taxonomy has no such value any more

SINGLE = "single"
GRID = "grid"
FAMILY = "family"
AUDIT = "audit"
SAMPLE = "sample"
REVIEW = "review"
IMPORT = "import"
UNDO = "undo"

URGENT = 0
NORMAL = 1
REVIEW_SHARE = 0.05

Pair = tuple[str, str]
_AT_ONCE = 400


def answered(table: sa.Table) -> sa.ColumnElement[bool]:
    """Whether people have answered the (sku, attribute) of a row of `table` and did not take it back."""
    newest, later = schema.decisions.alias("newest"), schema.decisions.alias("later")
    superseded = sa.exists().where(
        later.c.sku == newest.c.sku, later.c.attribute == newest.c.attribute, later.c.version > newest.c.version
    )
    stands = newest.c.holds.is_not(None) | (newest.c.mode == REVIEW)
    of_row = (newest.c.sku == table.c.sku) & (newest.c.attribute == table.c.attribute)
    return sa.exists().where(of_row, stands, ~superseded)


def entries_of(connection: sa.Connection, pairs: Iterable[Pair]) -> dict[Pair, list[Decision]]:
    """All entries of these (sku, attribute), oldest first; a pair without any has an empty list."""
    found: dict[Pair, list[Decision]] = {pair: [] for pair in pairs}
    for attribute, skus in by_attribute(found).items():
        for some in chunks(skus):
            table = schema.decisions
            these = (table.c.attribute == attribute) & table.c.sku.in_(some)
            for entry in _read(connection, told_decisions().where(these).order_by(table.c.sku, table.c.version)):
                found[entry.sku, entry.attribute].append(entry)
    return found


def every_entry(connection: sa.Connection) -> dict[Pair, list[Decision]]:
    """All entries by (sku, attribute), oldest first."""
    found: dict[Pair, list[Decision]] = {}
    for entry in _read(connection, told_decisions().order_by(schema.decisions.c.version)):
        found.setdefault((entry.sku, entry.attribute), []).append(entry)
    return found


def entries_of_batch(connection: sa.Connection, batch_id: str) -> list[Decision]:
    """What was entered in one action, in its order."""
    table = schema.decisions
    return _read(connection, sa.select(table).where(table.c.batch_id == batch_id).order_by(table.c.decision_id))


def live(entries: Sequence[Decision]) -> list[Decision]:
    """The entries that are neither undone nor an undo, oldest first."""
    undone = {entry.undoes for entry in entries if entry.undoes}
    return [entry for entry in entries if entry.outcome != UNDONE and entry.decision_id not in undone]


def holds(alive: Sequence[Decision]) -> Decision | None:
    """The entry that holds among live ones: the newest; where it was reviewed, the value that most people gave.

    None when nobody answered, or when reviewers disagree and nobody has settled it yet.
    """
    if not alive:
        return None
    first, reviews = reviewed(alive)
    votes = [one for one in (first, *reviews) if one.outcome == DECIDED]
    if first.outcome != DECIDED or len(votes) == 1:
        return first
    ranked = Counter(vote.value for vote in votes).most_common(2)
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        return None
    return next(vote for vote in votes if vote.value == ranked[0][0])


def reviewed(alive: Sequence[Decision]) -> tuple[Decision, Sequence[Decision]]:
    """The newest answer that is no review, and the reviews of it."""
    place = max((i for i, entry in enumerate(alive) if entry.mode != REVIEW), default=0)
    return alive[place], alive[place + 1 :]


def turn_after(alive: Sequence[Decision]) -> tuple[int | None, str | None]:
    """When the question comes up again after these live entries, and who must not get it: (turn, not_for).

    An audit that says that a published value is wrong always gets a second look: a slip there would count as the head's.
    """
    if not alive:
        return NORMAL, None
    first, reviews = reviewed(alive)
    if first.outcome == REJECTED:
        return URGENT, None
    if first.outcome in OUTDATED:
        return NORMAL, None
    if first.outcome == UNSURE:
        asked = {entry.author for entry in _last_run(alive, UNSURE)}
        return (NORMAL, first.author) if len(asked) == 1 else (None, None)
    if first.outcome != DECIDED:
        return None, None
    disputed = holds(alive) is None
    doubted = first.mode == AUDIT and first.value != first.predicted_value
    if (not reviews and (doubted or sampled_for_review(first))) or (disputed and len(reviews) < 2):
        return NORMAL, alive[-1].author
    return None, None


def sampled_for_review(first: Decision) -> bool:
    """Whether chance alone asks a second person the question that `first` answered."""
    return first.mode != IMPORT and coin("review", first.sku, first.attribute, REVIEW_SHARE)


def coin(purpose: str, sku: str, attribute: str, share: float) -> bool:
    """Chosen for `purpose` or not: a coin that falls before the outcome is known and never falls again."""
    return number(purpose, sku, attribute) < share


def number(purpose: str, sku: str, attribute: str) -> float:
    """Where that coin falls, evenly in [0, 1)."""
    digest = hashlib.sha256(f"{purpose}|{attribute}|{sku}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def by_attribute(pairs: Iterable[Pair]) -> Mapping[str, list[str]]:
    """attribute → its skus, both sorted: everyone locks rows in this order, so nobody waits in a circle."""
    grouped: dict[str, list[str]] = {}
    for sku, attribute in sorted(pairs, key=lambda pair: (pair[1], pair[0])):
        grouped.setdefault(attribute, []).append(sku)
    return grouped


def chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Keys in parts small enough for one statement."""
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))


def _last_run(alive: Sequence[Decision], outcome: str) -> list[Decision]:
    """The entries at the end that all have this outcome."""
    run = []
    for entry in reversed(alive):
        if entry.outcome != outcome:
            break
        run.append(entry)
    return run


def _read(connection: sa.Connection, query: sa.Select[Any]) -> list[Decision]:
    return [Decision(**row) for row in connection.execute(query).mappings()]
