"""Read a ready base table, Parquet or CSV, whose columns the caller names, into an `Abt`.

Rows that repeat one thing (an order listed once an item and payment) become one row; columns that only say the date are
left out; rows without a group are grouped by what they show, so that equal rows never stand on both sides of a split.
"""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vitrine.errors import InputError, NotFound
from vitrine.market.abt import Abt, abt_id_of
from vitrine.market.tasks import task as task_of

_QUARTER = re.compile(r"^(\d{4})-?[Qq]([1-4])$")
_MONTH = re.compile(r"^(\d{4})-?(\d{2})$")
_DAY = re.compile(r"^(\d{4})-(\d{2})-(\d{2})")


@dataclass(frozen=True, slots=True)
class BaseTable:
    """`abt` has one row an entity and date; `rows_as_given` is the same table before rows were joined.

    `left_out` says why a column is no feature; `repeated` counts the rows that were joined to another.
    """

    abt: Abt
    rows_as_given: Abt
    left_out: dict[str, str]
    repeated: int


def read_base_table(
    path: Path,
    task: str,
    *,
    label: str,
    time: str,
    group: Sequence[str] = (),
    entity: Sequence[str] = (),
    without: Sequence[str] = (),
    horizon_days: int,
) -> BaseTable:
    """Read `path`; `label`, `time`, `group`, `entity` and `without` are names of its columns.

    Consecutive rows that agree in all `entity` columns are one: the largest of each number, the first of each text.
    A period (2017-10, 2017Q4) stands for its end where rows are states (churn), for its start where rows are events
    (delay); then the horizon is longer by the period, because only that is known of the event's day.
    Raises NotFound, or InputError for a missing column, an empty cell or a wrong value in label and time, or one class.
    """
    table = _read(path)
    for name in (label, time, *group, *entity, *without):
        _check_column(table, name, path)
    labels = _labels(table.column(label), label, path)
    starts, ends = _periods(table.column(time), time, path)
    event = task_of(task).event
    reference = starts if event else ends
    longest = max((end - start).days for start, end in {*zip(starts, ends, strict=True)}) if event else 0
    named = {label, time, *without}
    left_out, features = _features(table, named, set(group) | set(entity), reference, single=len(entity) == 1)
    run = _runs(table, [*entity, label, time]) if entity else np.arange(table.num_rows)
    keys = _keys(table, entity, group, run)
    groups = _joined(table, group) if group else (keys if entity else _joined(table, features))
    full = _assemble(table, features, keys, reference, groups, labels)
    as_given = _abt(full, task, features, horizon_days + longest)
    one = replace(as_given, table=_one_row_each(full, run, features)) if entity else as_given
    _check_keys(one, path, entity, group)
    one = replace(one, abt_id=abt_id_of(one.table))
    return BaseTable(one, as_given, left_out, as_given.table.num_rows - one.table.num_rows)


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise NotFound(f"there is no table at {path}", hint="a Parquet or CSV file with one row an entity and date")
    try:
        table = pq.read_table(path) if path.suffix.lower() in (".parquet", ".pq") else pacsv.read_csv(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} could not be read: {error}", hint="Parquet, or CSV with commas, in UTF-8") from None
    if not table.num_rows:
        raise InputError(f"{path} has no rows")
    return table


def _check_column(table: pa.Table, name: str, path: Path) -> None:
    if name not in table.column_names:
        near = get_close_matches(name, table.column_names, 1)
        shown = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(table.column_names)}"
        raise InputError(f"{path} has no column '{name}'", hint=shown)


def _labels(column: pa.ChunkedArray, name: str, path: Path) -> NDArray[np.int8]:
    values = column.to_pylist()
    wrong = next((row for row, value in enumerate(values) if value not in (0, 1, True, False)), None)
    if wrong is not None:
        raise InputError(
            f"{path}: row {wrong + 1}: label '{name}' is {values[wrong]!r}, neither 0 nor 1",
            hint="leave out rows whose label is not known yet",
        )
    found = np.array(values, dtype=np.int8)
    if found.min() == found.max():
        raise InputError(f"{path}: label '{name}' is {found[0]} in all {len(found):,} rows: nothing to learn")
    return found


def _periods(column: pa.ChunkedArray, name: str, path: Path) -> tuple[list[date], list[date]]:
    """First day and day after the last of each row's period."""
    values = column.to_pylist()
    known: dict[Any, tuple[date, date]] = {}
    for row, value in enumerate(values):
        if value not in known:
            period = _period(value)
            if period is None:
                raise InputError(
                    f"{path}: row {row + 1}: time '{name}' is {value!r}, which is no date, month or quarter",
                    hint="2018-01-31, 2018-01 or 2018Q1",
                )
            known[value] = period
    return [known[value][0] for value in values], [known[value][1] for value in values]


def _period(value: Any) -> tuple[date, date] | None:
    """The period a cell names: a day has no length, so a reference date stands for itself.

    >>> _period("2017Q4"), _period("2018-02")
    ((datetime.date(2017, 10, 1), datetime.date(2018, 1, 1)), (datetime.date(2018, 2, 1), datetime.date(2018, 3, 1)))
    """
    if isinstance(value, date):
        day = date(value.year, value.month, value.day)
        return day, day
    text = str(value)
    try:
        if found := _QUARTER.match(text):
            year, quarter = int(found[1]), int(found[2])
            return date(year, 3 * quarter - 2, 1), _month_end(year, 3 * quarter)
        if found := _MONTH.match(text):
            return date(int(found[1]), int(found[2]), 1), _month_end(int(found[1]), int(found[2]))
        if found := _DAY.match(text):
            day = date(int(found[1]), int(found[2]), int(found[3]))
            return day, day
    except (ValueError, calendar.IllegalMonthError):
        return None
    return None


def _month_end(year: int, month: int) -> date:
    return date(year, month, calendar.monthrange(year, month)[1]) + timedelta(days=1)


def _features(
    table: pa.Table, named: set[str], keys: set[str], reference: list[date], *, single: bool
) -> tuple[dict[str, str], list[str]]:
    """Which columns are features, and why the others are not."""
    left_out: dict[str, str] = {}
    features = []
    times = np.array(reference, dtype="datetime64[D]")
    for name in table.column_names:
        if name in named:
            continue
        column = table.column(name)
        distinct = pc.count_distinct(column).as_py()
        text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        if name in keys and text and (single or distinct > table.num_rows / 20):
            left_out[name] = "names whom the row is about"
        elif distinct < 2:
            left_out[name] = "has one value"
        elif _says_only_the_date(column, times):
            left_out[name] = "says only the date"
        elif pa.types.is_temporal(column.type):
            left_out[name] = "is a date"
        elif text and distinct > table.num_rows / 2:
            left_out[name] = "is a text of its own in most rows"
        else:
            features.append(name)
    return left_out, features


def _says_only_the_date(column: pa.ChunkedArray, times: NDArray[Any]) -> bool:
    pairs = {*zip(column.to_pylist(), times.tolist(), strict=True)}
    return len(pairs) == len({time for _, time in pairs}) > 1


def _runs(table: pa.Table, names: Sequence[str]) -> NDArray[np.int64]:
    """Number of the run of consecutive equal rows that each row belongs to."""
    starts = np.zeros(table.num_rows, dtype=bool)
    for name in names:
        codes = table.column(name).combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy()
        starts[1:] |= codes[1:] != codes[:-1]
    return np.asarray(starts.cumsum(), dtype=np.int64)


def _keys(table: pa.Table, entity: Sequence[str], group: Sequence[str], run: NDArray[np.int64]) -> list[str]:
    if len(entity) == 1:
        return _joined(table, entity)
    if not entity and group:
        return _joined(table, group)
    return [f"row-{number:07d}" for number in run]


def _joined(table: pa.Table, names: Sequence[str]) -> list[str]:
    columns = [table.column(name).to_pylist() for name in names]
    return ["|".join(map(str, values)) for values in zip(*columns, strict=True)]


def _assemble(
    table: pa.Table,
    features: list[str],
    keys: list[str],
    reference: list[date],
    groups: list[str],
    labels: NDArray[np.int8],
) -> pa.Table:
    columns: dict[str, Any] = {"entity_id": keys, "reference_date": pa.array(reference, pa.date32())}
    columns |= {"group_id": groups, "label": pa.array(labels)}
    clash = set(columns) & set(features)
    if clash:
        raise InputError(f"the table has columns {sorted(clash)} of its own", hint="rename them")
    return pa.table(columns | {name: table.column(name).combine_chunks() for name in features})


def _abt(table: pa.Table, task: str, features: list[str], horizon_days: int) -> Abt:
    meta = {"task": task, "entity": "entity_id", "time": "reference_date", "group": "group_id"}
    meta |= {"horizon_days": str(horizon_days), "population": "the rows of a given table", "source_id": "given"}
    table = table.replace_schema_metadata(meta)
    return Abt(table, task, features, "entity_id", "reference_date", "group_id", horizon_days, abt_id_of(table))


def _one_row_each(table: pa.Table, run: NDArray[np.int64], features: list[str]) -> pa.Table:
    """One row a run: the first of each text and key, the largest of each number."""
    first = np.flatnonzero(np.diff(run, prepend=-1))
    out = table.take(pa.array(first))
    for name in features:
        column = table.column(name)
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            grouped = pa.table({"run": run, name: column}).group_by("run", use_threads=False)
            largest = grouped.aggregate([(name, "max")]).sort_by("run").column(f"{name}_max")
            out = out.set_column(out.column_names.index(name), name, largest)
    return out


def _check_keys(abt: Abt, path: Path, entity: Sequence[str], group: Sequence[str]) -> None:
    pairs = abt.table.group_by([abt.entity, abt.time]).aggregate([([], "count_all")])
    twice = pairs.filter(pc.greater(pairs.column("count_all"), 1))
    if twice.num_rows:
        first = twice.slice(0, 1).to_pylist()[0]
        raise InputError(
            f"{path}: {first[abt.entity]} stands in {first['count_all']} rows at {first[abt.time]}",
            hint="sort the table and name the columns that tell one thing from another: --entity order_id"
            if not entity
            else "sort the table by the --entity column",
        )
