"""Prove that no feature sees the future: compute it again where the future is absent, and where it is another one.

At each reference date every feature is compared with its value in the world truncated there and in worlds whose future is
mutated (`vitrine.market.worlds`). A column that differs has read something that was not known. What it would have bought
is measured: the AUC of the task's model with the column as it is, less the AUC with the column as it should be.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.market.duck import DuckDB
from vitrine.market.leak_gain import leak_gains
from vitrine.market.make_abt import PLANS, event_features, labels
from vitrine.market.queries import compute
from vitrine.market.schema import TASKS
from vitrine.market.soundness import Unsound, unsound
from vitrine.market.sources import Sources
from vitrine.market.store import FeatureStore
from vitrine.market.worlds import world

# (world, seed): the past alone, and two other futures
_WORLDS = (("truncated", 0), ("mutated", 1), ("mutated", 2))
# Sums of the same numbers in another order differ in their last digits.
_TOLERANCE = 1e-9
POPULATION = "(population)"


@dataclass(frozen=True, slots=True)
class Leak:
    """A feature whose value at a reference date depends on what came later.

    `rows` is how many of the `of_rows` entities differ, `largest` by how much (null against a number counts as infinite),
    `auc_gain` what the leak would have bought `task`; None where the labels are immature or the column is a population.
    """

    feature: str
    reference_date: date
    rows: int
    of_rows: int
    largest: float
    worlds: tuple[str, ...]
    task: str
    auc_gain: float | None = None


@dataclass(frozen=True, slots=True)
class Lookahead:
    """What was checked and what was found: leaks, and laws that the features break (`vitrine.market.soundness`).

    `checked` counts features; `not_checked` says why a task's are not among them.
    """

    checked: int
    reference_dates: int
    worlds: int
    rows: int
    leaks: tuple[Leak, ...]
    unsound: tuple[Unsound, ...]
    not_checked: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        leaks = [asdict(leak) | {"reference_date": leak.reference_date.isoformat()} for leak in self.leaks]
        for leak in leaks:
            leak["largest"] = leak["largest"] if np.isfinite(leak["largest"]) else None
        unsound = [asdict(one) | {"reference_date": one.reference_date.isoformat()} for one in self.unsound]
        return asdict(self) | {"leaks": leaks, "unsound": unsound}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One kind of feature rows: its key, the task that reads it, how to get the rows of a date, and where they stand."""

    task: str
    key: tuple[str, ...]
    rows: Callable[[DuckDB, date], pa.Table]
    store: FeatureStore | None = None


@dataclass(slots=True)
class _Looked:
    """What was seen of one kind of rows, date by date: as it is, and as the truncated world has it."""

    seen: dict[date, pa.Table] = field(default_factory=dict)
    honest: dict[date, pa.Table] = field(default_factory=dict)
    leaks: list[Leak] = field(default_factory=list)
    unsound: list[Unsound] = field(default_factory=list)


def lookahead(
    store: FeatureStore,
    dates: Sequence[date] | None = None,
    *,
    queries: Mapping[str, str] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Lookahead:
    """Check every feature at `dates` (default: all that were built); `queries` (group → SQL) instead of the store's own.

    Seller features are compared as they stand in the store. Features of orders and deals are checked where their tables
    are present. Raises NotFound where nothing was built, MissingPart where a source table is absent.
    """
    store.sources.require(*TASKS["churn"])
    dates = list(dates) if dates is not None else store.read(columns=["reference_date"]).column(0).unique().to_pylist()
    if not dates:
        raise InputError("there is no reference date to check", hint="vitrine market build --from 2017-01 --to 2018-06")
    asked, not_checked = _asked(store, queries)
    looked = []
    with closing(store.sources.connect()) as connection:
        for number, one in enumerate(asked):
            found = _Looked()
            for place, day in enumerate(dates):
                _look(connection, one, day, found)
                on_progress(number * len(dates) + place + 1, len(asked) * len(dates))
            looked.append(replace(found, leaks=_with_gains(store.sources, one, found)))
    return Lookahead(
        checked=sum(found.seen[dates[0]].num_columns - len(one.key) for one, found in zip(asked, looked, strict=True)),
        reference_dates=len(dates),
        worlds=len(_WORLDS),
        rows=sum(table.num_rows for found in looked for table in found.seen.values()),
        leaks=tuple(leak for found in looked for leak in found.leaks),
        unsound=tuple(one for found in looked for one in found.unsound),
        not_checked=not_checked,
    )


def _asked(store: FeatureStore, queries: Mapping[str, str] | None) -> tuple[list[_Asked], dict[str, str]]:
    """What to check, and why the rest is not."""

    def sellers(engine: DuckDB, day: date) -> pa.Table:
        return compute(engine, [day], queries)

    asked = [_Asked("churn", ("reference_date", "seller_id"), sellers, store if queries is None else None)]
    not_checked = {}
    for task in ("delay", "activation") if queries is None else ():
        lacking = [name for name in TASKS[task] if name not in store.sources.tables]
        if lacking:
            not_checked[task] = f"{', '.join(lacking)} not ingested"
        else:
            asked.append(_event(task))
    return asked, not_checked


def _look(connection: duckdb.DuckDBPyConnection, one: _Asked, day: date, found: _Looked) -> None:
    """Compare the rows of one date with those of every other world."""
    engine = DuckDB(connection)
    seen = one.store.read([day]) if one.store else one.rows(engine, day)
    if one.task == "churn":
        found.unsound += unsound(connection, seen, day)
    worlds = {}
    for kind, seed in _WORLDS:
        with world(connection, kind, day, seed=seed) as other:
            worlds[f"{kind} {seed}" if seed else kind] = one.rows(other, day)
    found.seen[day], found.honest[day] = seen, worlds["truncated"]
    found.leaks += compare(seen, worlds, one.key, day, one.task)


def compare(seen: pa.Table, worlds: Mapping[str, pa.Table], key: Sequence[str], day: date, task: str) -> list[Leak]:
    """The columns of `seen` that differ in a world, joined by `key`; rows on one side only are a leak of the population."""
    differing: dict[str, tuple[int, float, list[str]]] = {}
    for name, other in worlds.items():
        left, right, alone = _aligned(seen, other, key)
        if alone:
            _add(differing, POPULATION, alone, float("inf"), name)
        for column in seen.column_names:
            if column not in key:
                # a value that nobody has named yet has no column: no product shows it
                named = column in other.column_names
                differs, largest = _difference(left.column(column), right.column(column) if named else None)
                if differs:
                    _add(differing, column, differs, largest, name)
    return [
        Leak(column, day, rows, seen.num_rows, largest, tuple(names), task)
        for column, (rows, largest, names) in differing.items()
    ]


def _add(differing: dict[str, tuple[int, float, list[str]]], column: str, rows: int, largest: float, name: str) -> None:
    most, so_far, names = differing.get(column, (0, 0.0, []))
    differing[column] = (max(most, rows), max(so_far, largest), [*names, name])


def _aligned(seen: pa.Table, other: pa.Table, key: Sequence[str]) -> tuple[pa.Table, pa.Table, int]:
    """Both tables' common rows in the same order, and how many rows only one of them has."""
    left, right = (_keys(table, key) for table in (seen, other))
    common, at_left, at_right = np.intersect1d(left, right, assume_unique=True, return_indices=True)
    return seen.take(pa.array(at_left)), other.take(pa.array(at_right)), len(left) + len(right) - 2 * len(common)


def _keys(table: pa.Table, key: Sequence[str]) -> NDArray[Any]:
    texts = [table.column(name).cast(pa.string()) for name in key]
    return np.array(pc.binary_join_element_wise(*texts, "\x1f").to_pylist(), dtype=str)


def _difference(left: pa.ChunkedArray, right: pa.ChunkedArray | None) -> tuple[int, float]:
    """How many rows differ, and by how much at most; from nothing, all that is neither null nor 0 differs."""
    if right is None:
        known = pc.fill_null(left, 0)
        right = pc.if_else(pc.is_valid(left), pc.subtract(known, known), left)
    if pa.types.is_string(left.type):
        same = pc.fill_null(pc.equal(left, right), False)
        both_null = pc.and_(pc.is_null(left), pc.is_null(right))
        differs = int(len(left) - pc.sum(pc.or_(same, both_null)).as_py()) if len(left) else 0
        return differs, float("inf") if differs else 0.0
    a, b = (column.cast(pa.float64()).to_numpy() for column in (left, right))
    with np.errstate(invalid="ignore"):
        apart = np.abs(a - b)
        differs = ~(
            (apart <= _TOLERANCE * np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))) | (np.isnan(a) & np.isnan(b))
        )
    if not differs.any():
        return 0, 0.0
    largest = apart[differs]
    return int(differs.sum()), float("inf") if np.isnan(largest).any() else float(largest.max())


def _event(task: str) -> _Asked:
    plan = PLANS[task]

    def rows(engine: DuckDB, day: date) -> pa.Table:
        """The events of before the date; later ones are nobody's features yet."""
        return event_features(engine, plan, before=day)

    return _Asked(task, plan.keys, rows)


def _with_gains(sources: Sources, one: _Asked, found: _Looked) -> list[Leak]:
    columns = list(dict.fromkeys(leak.feature for leak in found.leaks if leak.feature != POPULATION))
    if not columns:
        return found.leaks
    if one.task == "churn":
        leaky, clean = (
            pa.concat_tables(list(of.values()), promote_options="default") for of in (found.seen, found.honest)
        )
    else:
        # The last date has all events; no cut is tight for each of them, so the column is compared with its absence.
        leaky = clean = found.seen[max(found.seen)]
        for name in columns:
            nothing = pa.nulls(clean.num_rows, clean.schema.field(name).type)
            clean = clean.set_column(clean.column_names.index(name), name, nothing)
    known = labels(sources, one.task, clean)
    gains = leak_gains(leaky, clean, known, one.key, columns, aside=PLANS[one.task].aside)
    return [replace(leak, auc_gain=gains.get(leak.feature)) for leak in found.leaks]
