"""Change the taxonomy of a catalog in use: what was said before is told in the new values, and nothing is lost.

What people and tables said stays as it is; `vitrine.intake.retell` tells it. Only what nobody can know is asked again: the
products of a value that was split or retired. An attribute's name is a key and not something that somebody said, so it is
changed where it stands.
"""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from vitrine.classify import TO_REVIEW
from vitrine.desk import journal, taxonomy_text
from vitrine.desk.take_back import take_back
from vitrine.errors import InputError, NotFound, Refused
from vitrine.intake.retell import (
    MERGE,
    RENAME,
    RENAME_ATTRIBUTE,
    RETIRE,
    SPLIT,
    UNDO,
    changes_of,
    name_after,
    retold,
)
from vitrine.records import Queued, TaxonomyChange, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.stores.whole import whole
from vitrine.taxonomy import parse

_KEYED = (
    "labels", "decisions", "queue", "leases", "predictions", "audit_rounds", "audit_cohorts", "audits", "recalls",
    "deliveries",
)  # fmt: skip
_VERSION = re.compile(r"^version\s*=\s*\d+", re.MULTILINE)
_AGAIN = "run the same command again; it finishes what it began"


@dataclass(frozen=True, slots=True)
class Wish:
    """One change to make: `values` of an attribute become `into`; an attribute's new name stands in `into` alone."""

    kind: str
    attribute: str
    values: tuple[str, ...] = ()
    into: tuple[str, ...] = ()

    def text(self, before: str) -> str:
        """taxonomy.toml after it."""
        if self.kind == RENAME:
            return taxonomy_text.rename(before, self.attribute, self.values[0], self.into[0])
        if self.kind == MERGE:
            return taxonomy_text.merge(before, self.attribute, self.values, self.into[0])
        if self.kind == SPLIT:
            return taxonomy_text.split(before, self.attribute, self.values[0], self.into)
        if self.kind == RETIRE:
            return taxonomy_text.retire(before, self.attribute, self.values[0])
        return taxonomy_text.rename_attribute(before, self.attribute, self.into[0])


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did, or would do: how much is told otherwise, what people are asked, which attributes to learn again."""

    number: int
    kind: str
    attribute: str
    values: Sequence[str]
    into: Sequence[str]
    labels: int
    decisions: int
    predictions: int
    asked: int
    learn_again: Sequence[str]
    text: str
    applied: bool


class _OnlyTried(Exception):
    """Rolls a dry run back."""


def change(catalog: Catalog, path: Path, wish: Wish, *, author: str, dry_run: bool = False) -> Changed:
    """Make one change in taxonomy.toml at `path` and in the catalog; with `dry_run` only say what it would do.

    Raises InputError for a value that is not there or a name that is taken, and where a rule would name nothing.
    """
    before = current_text(catalog, path)
    after = wish.text(before)
    known = parse(before, where=str(path)).attributes[wish.attribute].values
    parse(after, where=str(path))
    joined = wish.into if wish.kind == MERGE and wish.into[0] in known else ()
    told = tuple(dict.fromkeys([*wish.values, *joined]))
    values, into = json.dumps(told, ensure_ascii=False), json.dumps(wish.into, ensure_ascii=False)
    record = TaxonomyChange(0, wish.kind, wish.attribute, values, into, None, before, after, author, now())
    return _enter(catalog, path, record, dry_run)


def undo(catalog: Catalog, path: Path, *, author: str, number: int | None = None, dry_run: bool = False) -> Changed:
    """Take a change back, by default the last one: its lines of taxonomy.toml, and what was said before it.

    An earlier one can be taken back where no later one builds on it. Raises NotFound without such a change, Refused where
    another change, or an edit of the file in the same lines, stands in the way.
    """
    text = current_text(catalog, path)
    records = history(catalog)
    one = _standing(records, number)
    if after := _builds_on(records, one):
        raise Refused(
            f"change {after.number} ({_told_short(after)}) builds on change {one.number} ({_told_short(one)})",
            hint=f"take that one back first: vitrine taxonomy undo {after.number}",
        )
    name = next(change.attribute for change in changes_of(records) if change.number == one.number)
    without = _without(text, one, records, path)
    record = TaxonomyChange(0, UNDO, name, one.into, one.values, one.number, text, without, author, now())
    return _enter(catalog, path, record, dry_run)


def _standing(records: Sequence[TaxonomyChange], number: int | None) -> TaxonomyChange:
    """The change of this number, or the last one; it must not have been taken back."""
    undone = {one.undoes: one.number for one in records if one.undoes is not None}
    standing = [one for one in records if one.kind != UNDO and one.number not in undone]
    if number is None and standing:
        return standing[-1]
    if number is None or number not in {one.number for one in records}:
        which = "" if number is None else f" {number}"
        raise NotFound(f"there is no change{which} of the taxonomy to take back", hint="vitrine taxonomy history")
    if number in undone:
        raise Refused(f"change {number} was taken back already, by change {undone[number]}")
    found = next((one for one in standing if one.number == number), None)
    if found is None:
        raise Refused(f"change {number} takes another one back", hint="make that change again")
    return found


def _builds_on(records: Sequence[TaxonomyChange], one: TaxonomyChange) -> TaxonomyChange | None:
    """The last later change that speaks of the same values, or of the attribute's name where that is what was changed."""
    undone = {record.undoes for record in records}
    changes = {change.number: change for change in changes_of(records)}
    own = changes[one.number]
    for later in reversed(records):
        other = changes[later.number]
        if later.number <= one.number or later.kind == UNDO or later.number in undone:
            continue
        if other.attribute != own.attribute or (later.kind == RENAME_ATTRIBUTE) != (one.kind == RENAME_ATTRIBUTE):
            continue
        if one.kind == RENAME_ATTRIBUTE or {*own.values, *own.into} & {*other.values, *other.into}:
            return later
    return None


def _without(text: str, one: TaxonomyChange, records: Sequence[TaxonomyChange], path: Path) -> str:
    """The text of taxonomy.toml with a change taken out of it."""
    if text == one.after:
        return one.before
    try:
        if one.kind == RENAME_ATTRIBUTE:
            taken = taxonomy_text.rename_attribute(text, json.loads(one.into)[0], one.attribute)
        else:
            taken = _merged(text, one, records, path)
        parse(taken, where=str(path))
    except InputError as error:
        raise Refused(f"without change {one.number} the taxonomy would not hold: {error.message}") from None
    return taken


def _merged(text: str, one: TaxonomyChange, records: Sequence[TaxonomyChange], path: Path) -> str:
    """The text with the lines of a change as they were before it, under the names that attributes have got since."""
    version = _VERSION.search(text)
    before, after = (_VERSION.sub(version[0], side) if version else side for side in (one.before, one.after))
    undone = {record.undoes for record in records}
    for later in records:
        if later.number > one.number and later.kind == RENAME_ATTRIBUTE and later.number not in undone:
            before, after = (_renamed(side, later.attribute, json.loads(later.into)[0]) for side in (before, after))
    version = _VERSION.search(after)
    taken = take_back(before, after, _VERSION.sub(version[0], text) if version else text)
    if taken is None:
        raise Refused(
            f"{path.name} was edited since change {one.number} ({_told_short(one)}) in the same lines",
            hint="make the change back with another one: vitrine taxonomy rename, merge or split",
        )
    return taxonomy_text.count_up(_VERSION.sub(f"version = {parse(text).version}", taken))


def _renamed(text: str, attribute: str, new: str) -> str:
    """The text with an attribute under another name, where it was there by then."""
    return taxonomy_text.rename_attribute(text, attribute, new) if attribute in parse(text).attributes else text


def _told_short(one: TaxonomyChange) -> str:
    words = ", ".join(json.loads(one.values) or json.loads(one.into))
    return f"{one.kind} of {one.attribute}: {words}" if one.kind != RENAME_ATTRIBUTE else f"{one.kind} to {words}"


def history(catalog: Catalog) -> list[TaxonomyChange]:
    """Every change, oldest first."""
    table = schema.taxonomy_changes
    return [TaxonomyChange(**row) for row in catalog.rows(sa.select(table).order_by(table.c.number))]


def difference(changed: Changed, path: Path) -> str:
    """What a change does to the text of taxonomy.toml, line by line."""
    lines = path.read_text(encoding="utf-8").splitlines(), changed.text.splitlines()
    return "\n".join(difflib.unified_diff(*lines, "taxonomy.toml", "taxonomy.toml", n=1, lineterm=""))


def current_text(catalog: Catalog, path: Path) -> str:
    """taxonomy.toml as it is now; a change that was entered, but killed before it was written, is finished first."""
    text = path.read_text(encoding="utf-8")
    table = schema.taxonomy_changes
    for last in catalog.rows(sa.select(table.c.before, table.c.after).order_by(table.c.number.desc()).limit(1)):
        if text == last["before"] != last["after"]:
            text = last["after"]
            _write(path, text)
    return text


def _write(path: Path, text: str) -> None:
    with whole(path, hint=_AGAIN) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _enter(catalog: Catalog, path: Path, record: TaxonomyChange, dry_run: bool) -> Changed:
    found: list[Changed] = []
    try:
        with catalog.transaction() as connection:
            catalog.lock(schema.taxonomy_changes, connection)
            found.append(_apply(catalog, connection, record, applied=not dry_run))
            if dry_run:
                raise _OnlyTried
    except _OnlyTried:
        return found[0]
    _write(path, record.after)
    return found[0]


def _apply(catalog: Catalog, connection: sa.Connection, record: TaxonomyChange, *, applied: bool) -> Changed:
    table = schema.taxonomy_changes
    rows = connection.execute(sa.select(table).order_by(table.c.number)).mappings()
    records = [TaxonomyChange(**row) for row in rows]
    if records and records[-1].changed_at >= record.changed_at:  # a clock that went back
        moment = records[-1].changed_at + timedelta(microseconds=1)
    else:
        moment = record.changed_at
    record = TaxonomyChange(**{**asdict(record), "number": len(records) + 1, "changed_at": moment})
    records.append(record)
    connection.execute(sa.insert(table), [asdict(record)])
    name = _rename_key(connection, record, records)
    connection.execute(sa.delete(schema.retold))
    catalog.add(schema.retold, retold(changes_of(records)), connection=connection)
    values, into = json.loads(record.values), json.loads(record.into)
    text_before = next((one.before for one in records if one.number == record.undoes), None)
    counts = {one.name: _count(connection, one, name, values) for one in (schema.labels, schema.decisions)}
    predictions = _retell_predictions(connection, record, name)
    asked = _ask(connection, name, values)
    return Changed(
        number=record.number,
        kind=record.kind,
        attribute=name,
        values=values,
        into=into,
        labels=counts["labels"],
        decisions=counts["decisions"],
        predictions=predictions,
        asked=asked,
        learn_again=[] if record.after == text_before else [name],  # what was learnt on this very text fits again
        text=record.after,
        applied=applied,
    )


def _rename_key(connection: sa.Connection, record: TaxonomyChange, records: Sequence[TaxonomyChange]) -> str:
    """Move the rows of an attribute that gets another name; returns the name it has from now on."""
    old, new = record.attribute, name_after(record, records)
    if old == new:
        return old
    for name in _KEYED:
        table = schema.metadata.tables[name]
        if connection.scalar(sa.select(sa.func.count()).where(table.c.attribute == new)):
            raise InputError(
                f"the catalog has {name.replace('_', ' ')} of an earlier attribute '{new}'", hint="choose another name"
            )
        connection.execute(sa.update(table).where(table.c.attribute == old).values(attribute=new))
    return new


def _count(connection: sa.Connection, table: sa.Table, attribute: str, values: Sequence[str]) -> int:
    """How many rows are told otherwise by a change of these values."""
    of_values = table.c.value.in_(values) if values else sa.true()
    query = sa.select(sa.func.count()).select_from(table).where(table.c.attribute == attribute, of_values)
    return connection.scalar(query) or 0


def _retell_predictions(connection: sa.Connection, record: TaxonomyChange, name: str) -> int:
    """A model's answers follow where that is exact; where it is not, people look until a model has learnt the change."""
    table = schema.predictions
    values, into = json.loads(record.values), json.loads(record.into)
    of_values = (table.c.attribute == name) & table.c.value.in_(values)
    count = connection.scalar(sa.select(sa.func.count()).select_from(table).where(of_values)) or 0
    if record.kind in (RENAME, MERGE) or (record.kind == UNDO and len(values) == len(into) == 1):
        connection.execute(sa.update(table).where(of_values).values(value=into[0]))
        _retell_alternatives(connection, name, values, into[0])
    elif values:
        connection.execute(sa.update(table).where(of_values).values(decision=TO_REVIEW))
    # no run has made them like this: the next one, after an undo too, writes them anew
    connection.execute(sa.update(table).where(table.c.attribute == name).values(run_id=f"change-{record.number}"))
    return count


def _retell_alternatives(connection: sa.Connection, name: str, values: Sequence[str], into: str) -> None:
    table = schema.predictions
    key = [table.c.sku, table.c.attribute, table.c.head_id]
    named = sa.or_(
        *(table.c.alternatives.contains(json.dumps(one, ensure_ascii=False), autoescape=True) for one in values)
    )
    rows = connection.execute(
        sa.select(*key, table.c.value, table.c.alternatives).where(table.c.attribute == name, named)
    )
    changes = [
        {
            "of_sku": row.sku,
            "of_head": row.head_id,
            "told": _told(json.loads(row.alternatives), values, into, row.value),
        }
        for row in rows
    ]
    if changes:
        of_row = (table.c.attribute == name) & (table.c.sku == sa.bindparam("of_sku"))
        update = sa.update(table).where(of_row, table.c.head_id == sa.bindparam("of_head"))
        connection.execute(update.values(alternatives=sa.bindparam("told")), changes)


def _told(alternatives: Mapping[str, float], values: Sequence[str], into: str, answer: str) -> str:
    """Alternatives with `into` for `values`, their probabilities added; what is the answer itself is no alternative."""
    told: dict[str, float] = {}
    for value, share in alternatives.items():
        name = into if value in values else value
        if name != answer:
            told[name] = round(told.get(name, 0.0) + share, 4)
    return json.dumps(told, ensure_ascii=False)


def _ask(connection: sa.Connection, attribute: str, values: Sequence[str]) -> int:
    """Put before people, unseen by what a model says, the products that have no value any more."""
    lost = _lost(connection, attribute, values)
    reasons: dict[str, str] = {}
    for (sku, _), entries in journal.entries_of(connection, [(sku, attribute) for sku in lost]).items():
        alive = journal.live(entries)
        if not alive:
            reasons[sku] = lost[sku]
        elif journal.reviewed(alive)[0].outcome in journal.OUTDATED:
            reasons[sku] = journal.reviewed(alive)[0].outcome
    table = schema.queue
    for some in journal.chunks(sorted(reasons)):
        connection.execute(sa.delete(table).where(table.c.attribute == attribute, table.c.sku.in_(some)))
    rows = [Queued(sku, attribute, None, why, journal.NORMAL, 0, None, 1.0, 1, True) for sku, why in reasons.items()]
    if rows:
        connection.execute(sa.insert(table), [asdict(one) for one in rows])
    return len(rows)


def _lost(connection: sa.Connection, attribute: str, values: Sequence[str]) -> dict[str, str]:
    """sku → why a value that was said of it is no more, of labels and decisions with one of `values`."""
    found: dict[str, str] = {}
    told = schema.retold
    for table, moment in (
        (schema.labels, schema.labels.c.recorded_at),
        (schema.decisions, schema.decisions.c.decided_at),
    ):
        same = (told.c.attribute == table.c.attribute) & (told.c.value == table.c.value) & told.c.told.is_(None)
        then = (moment > told.c.since) & (moment <= told.c.until)
        query: sa.Select[Any] = sa.select(table.c.sku, told.c.reason).join_from(table, told, same & then).distinct()
        found |= {row.sku: row.reason for row in connection.execute(query.where(table.c.attribute == attribute))}
    return found
