"""Tell in today's taxonomy what was said in an earlier one.

Labels and decisions stay as they were entered. Each change of the taxonomy says what the values before it become, and what
was said earlier goes through all changes since. The outcome is kept as a small table, so that every query can join it.

>>> at = lambda hour: datetime(2026, 1, 1, hour, tzinfo=UTC)
>>> changes = [
...     Change(1, MERGE, "color", ("red", "crimson"), ("reds",), at(1)),
...     Change(2, RENAME, "color", ("reds",), ("Red",), at(2)),
... ]
>>> tell(changes, "color", "crimson", at(0)), tell(changes, "color", "crimson", at(3))
(('Red', None), ('crimson', None))
>>> tell([*changes, Change(3, SPLIT, "color", ("Red",), ("wine", "coral"), at(4))], "color", "red", at(0))
(None, 'split')
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from vitrine.records import Retold, TaxonomyChange
from vitrine.stores import schema

RENAME = "rename"
MERGE = "merge"
SPLIT = "split"
RETIRE = "retire"
RENAME_ATTRIBUTE = "rename attribute"
UNDO = "undo"
RETIRED = "retired"
_ALWAYS = datetime(1900, 1, 1, tzinfo=UTC)

Told = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Change:
    """What one change did to the values of an attribute, under the attribute's name of today."""

    number: int
    kind: str
    attribute: str
    values: tuple[str, ...]
    into: tuple[str, ...]
    changed_at: datetime
    undoes: int | None = None


def changes_of(records: Sequence[TaxonomyChange]) -> list[Change]:
    """The changes in order, each under the name that its attribute has today."""
    found = []
    for one in records:
        name = one.attribute
        for later in records:
            if later.number >= one.number and later.attribute == name:
                name = name_after(later, records)
        found.append(
            Change(
                one.number,
                one.kind,
                name,
                tuple(json.loads(one.values)),
                tuple(json.loads(one.into)),
                one.changed_at,
                one.undoes,
            )
        )
    return found


def tell(changes: Sequence[Change], attribute: str, value: str, said_at: datetime) -> Told:
    """What a value said at a moment is today, or None and why there is no such value any more."""
    since = [one for one in changes if one.changed_at >= said_at and one.attribute == attribute]
    undone = {one.undoes: one for one in since if one.undoes is not None}
    of = {one.number: one for one in changes}
    reason = None
    for one in since:
        if one.number in undone or (one.undoes is not None and of[one.undoes] in since):
            continue  # made and taken back since: it never was
        value, reason = _forth(one, value) if one.undoes is None else _back(of[one.undoes], value)
        if reason:
            return None, reason
    return value, None


def tell_answers(records: Sequence[TaxonomyChange], answers: pa.Table, said_at: datetime) -> pa.Table:
    """The same rows with their columns attribute and value told as of today; a value that is no more is an empty text."""
    since = [one for one in records if one.changed_at >= said_at]
    changes, names = changes_of(records), {}
    for name in answers.column("attribute").unique().to_pylist():
        today = name
        for one in since:
            today = name_after(one, records) if one.attribute == today else today
        names[name] = today
    told = {
        (row["attribute"], row["value"]): tell(changes, names[row["attribute"]], row["value"], said_at)[0] or ""
        for row in answers.select(["attribute", "value"]).group_by(["attribute", "value"]).aggregate([]).to_pylist()
    }
    rows = answers.select(["attribute", "value"]).to_pylist()
    columns = {
        "attribute": [names[row["attribute"]] for row in rows],
        "value": [told[row["attribute"], row["value"]] for row in rows],
    }
    for name, values in columns.items():
        answers = answers.set_column(answers.column_names.index(name), name, pa.array(values, pa.string()))
    return answers


def retold(changes: Sequence[Change]) -> list[Retold]:
    """Everything that is told otherwise today, by the time in which it was said."""
    moments = [_ALWAYS, *(one.changed_at for one in changes)]
    spans = [(since, until) for since, until in pairwise(moments) if since < until]
    rows = []
    for attribute, values in _mentioned(changes).items():
        for since, until in spans:
            for value in sorted(values):
                told, reason = tell(changes, attribute, value, until)
                if told != value:
                    rows.append(Retold(attribute, value, since, until, told, reason))
    return rows


class Retelling:
    """The join of a table with what its values are told as: `value` (None where it is no more) and `reason`."""

    def __init__(self, table: sa.FromClause, moment: sa.ColumnElement[Any], value: sa.ColumnElement[Any]) -> None:
        self.retold = schema.retold.alias()
        self.on = sa.and_(
            self.retold.c.attribute == table.c.attribute,
            self.retold.c.value == value,
            moment > self.retold.c.since,
            moment <= self.retold.c.until,
        )
        changed = self.retold.c.attribute.is_not(None)
        self.reason = self.retold.c.reason
        self.value = sa.case((changed, self.retold.c.told), else_=value).label(value.key or "value")


def name_after(one: TaxonomyChange, records: Sequence[TaxonomyChange]) -> str:
    """The name of its attribute after a change; only a renaming, or an undo of one, gives it another."""
    if one.kind == RENAME_ATTRIBUTE:
        return str(json.loads(one.into)[0])
    undone = next((record for record in records if record.number == one.undoes), None)
    return undone.attribute if undone and undone.kind == RENAME_ATTRIBUTE else one.attribute


def _forth(one: Change, value: str) -> tuple[str, str | None]:
    """What a value becomes by a change, or why it is no more."""
    if value not in one.values or one.kind == RENAME_ATTRIBUTE:
        return value, None
    if one.kind in (RENAME, MERGE):
        return one.into[0], None
    return value, SPLIT if one.kind == SPLIT else RETIRED


def _back(one: Change, value: str) -> tuple[str, str | None]:
    """What a value said under a change is after it was taken back."""
    if value not in one.into or one.kind == RENAME_ATTRIBUTE:
        return value, None
    if one.kind in (RENAME, SPLIT):
        return one.values[0], None
    return (value, None) if value in one.values else (value, SPLIT)


def _mentioned(changes: Iterable[Change]) -> dict[str, set[str]]:
    values: dict[str, set[str]] = {}
    for one in changes:
        if one.kind != RENAME_ATTRIBUTE:
            values.setdefault(one.attribute, set()).update(one.values, one.into)
    return values
