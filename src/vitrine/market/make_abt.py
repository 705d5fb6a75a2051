"""Make the base table of a task: features known at the reference date beside a label that looks ahead, where it can.

A label exists only where its whole horizon lies in the data. What has none is counted by its reason, never guessed.
Training and scoring take their rows from the same function, so that the population rule is the same in both.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vitrine.errors import InputError, Refused
from vitrine.market.abt import Abt
from vitrine.market.duck import DuckDB
from vitrine.market.images import with_shares
from vitrine.market.queries import Engine, sql, vocabulary
from vitrine.market.schema import TASKS
from vitrine.market.sources import Sources
from vitrine.market.store import FeatureStore
from vitrine.stores.whole import whole

LABELLED, IMMATURE = "labelled", "immature"
RECENCY = "sales_days_since_last_sale"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a task's base table is made: who is in it, for how long one waits, and what is no feature.

    `query` names the feature file of an event (an order, a deal), `images` what photos show of it; without a query the
    rows are sellers at reference dates.
    `aside` are columns that stay in the table for rules and reports, but are no features.
    """

    entity: str
    horizon_days: int
    population: str
    query: str = ""
    images: str = ""
    keys: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()


PLANS = {
    # The days since the last sale set how much of the horizon is left for the label: as a feature they would be the rule.
    "churn": Plan("seller_id", 45, "sellers whose last sale is fewer than 45 days old", aside=(RECENCY,)),
    "activation": Plan(
        "seller_id",
        60,
        "sellers of won deals who had not sold before",
        query="lead",
        keys=("mql_id", "seller_id"),
    ),
    "delay": Plan(
        "order_id",
        60,
        "orders not cancelled, promised within 60 days",
        query="order",
        images="order_images",
        keys=("order_id", "seller_id"),
    ),
    "segments": Plan("seller_id", 0, "sellers with a sale before the last reference date"),
}


@dataclass(frozen=True, slots=True)
class AbtReport:
    """The base table that was written at `path`, and what was left out of it, by reason."""

    abt: Abt
    path: Path
    left_out: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON; `positives` is absent where there is no label."""
        table, times = self.abt.table, self.abt.table.column(self.abt.time)
        report = {
            "task": self.abt.task,
            "rows": table.num_rows,
            "sellers": pc.count_distinct(table.column(self.abt.group)).as_py(),
            "features": len(self.abt.features),
            "reference_dates": pc.count_distinct(times).as_py(),
            "from": pc.min(times).as_py().isoformat(),
            "to": pc.max(times).as_py().isoformat(),
            "horizon_days": self.abt.horizon_days,
            "left_out": self.left_out,
            "abt": str(self.path),
            "abt_id": self.abt.abt_id,
        }
        if "label" in table.column_names:
            positives = pc.sum(table.column("label")).as_py()
            report |= {"positives": positives, "share": positives / table.num_rows}
        return report


def make_abt(folder: Path, store: FeatureStore, task: str, *, horizon_days: int | None = None) -> AbtReport:
    """Write `folder`/<task>.parquet whole, one row a key.

    Raises InputError where no row has a whole horizon or all have the same label, NotFound where no features were built,
    MissingPart where a source table is absent.
    """
    plan = _plan(task)
    horizon = _horizon(plan, horizon_days)
    rows, end = _rows(store, task, plan, horizon)
    states = Counter(rows.column("state").to_pylist())
    labelled = rows.filter(pc.equal(rows.column("state"), LABELLED))
    if not labelled.num_rows:
        raise InputError(
            f"{task}: no row has its whole horizon of {horizon} days in the data, which end on {end}; "
            f"left out: {_counts(states) or 'nothing, there was no row'}",
            hint="build earlier reference dates, or give a shorter --horizon",
        )
    table = labelled.drop_columns(["state", "settled_on"])
    if task == "segments":
        table = table.drop_columns(["label"])
    else:
        _check_classes(task, table, horizon)
    table = _described(table, task, plan, horizon, store.sources)
    _check_keys(task, table, plan)
    path = folder / f"{task}.parquet"
    with whole(path, hint="free some space and run vitrine market abt again") as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return AbtReport(Abt.read(path), path, {state: n for state, n in states.items() if state != LABELLED})


def to_score(store: FeatureStore, task: str, *, at: date | None = None, horizon_days: int | None = None) -> pa.Table:
    """Key and feature columns of those whose outcome is open on the morning of `at` (default: the last one built).

    The population is that of the base table: sellers active at `at`, orders and deals not settled by then. Of orders and
    deals nothing is asked that was not known before `at`.
    """
    plan = _plan(task)
    at = at or _last_date(store)
    rows, _ = _rows(store, task, plan, _horizon(plan, horizon_days), dates=[at])
    state, settled = rows.column("state"), rows.column("settled_on")
    if plan.query:
        known = pc.less_equal(rows.column("reference_date"), pa.scalar(_last_known(plan, at)))
        chosen = pc.and_(known, pc.greater(settled, pa.scalar(at)))
        # what ends cancelled is not known yet while it is open
        ever = pc.is_in(state, pa.array([LABELLED, IMMATURE, "cancelled"]))
        chosen = pc.and_(chosen, ever)
    else:
        chosen = pc.is_in(state, pa.array([LABELLED, IMMATURE]))
    return rows.filter(chosen).drop_columns(["state", "settled_on", "label"])


def check_population(task: str, table: pa.Table, *, horizon_days: int | None = None) -> None:
    """Refused when a churn table holds sellers of another population than the one that is trained on."""
    horizon = _horizon(_plan(task), horizon_days)
    if task != "churn" or RECENCY not in table.column_names:
        return
    silent = pc.sum(pc.greater_equal(table.column(RECENCY), horizon)).as_py() or 0
    if silent:
        raise Refused(
            f"{silent:,} of {table.num_rows:,} sellers are not active: their last sale is {horizon} or more days old",
            hint="score the rows of vitrine.market.make_abt.to_score, which has the population of training",
        )


def labels(sources: Sources, task: str, features: pa.Table) -> pa.Table:
    """The mature labels of a task with its usual horizon: key columns and `label`, for the rows of `features`."""
    plan = _plan(task)
    with sources.connect() as connection:
        DuckDB(connection)
        found = _labels(connection, task, plan.horizon_days, _end(connection, task), features)
    keys = list(dict.fromkeys([*(plan.keys or ("reference_date", "seller_id")), "seller_id"]))
    mature = found.filter(pc.equal(found.column("state"), LABELLED)).select([*keys, "label"])
    if "reference_date" in keys:
        mature = mature.set_column(0, "reference_date", mature.column("reference_date").cast(pa.date32()))
    return mature


def _plan(task: str) -> Plan:
    if task not in PLANS:
        raise InputError(f"there is no task '{task}'", hint=f"one of: {', '.join(PLANS)}")
    return PLANS[task]


def _horizon(plan: Plan, given: int | None) -> int:
    if given is not None and given < 1:
        raise InputError(f"--horizon {given}: a label looks at least one day ahead")
    return plan.horizon_days if given is None else given


def _last_date(store: FeatureStore) -> date:
    dates = store.dates()
    return dates[-1] if dates else store.read().column("reference_date")[-1].as_py()  # read says that none was built


def _last_known(plan: Plan, at: date) -> date:
    """An order's reference date is its day, known the next morning; a deal's is that morning itself."""
    return at - timedelta(days=1) if plan.entity == "order_id" else at


def _rows(
    store: FeatureStore, task: str, plan: Plan, horizon: int, dates: Sequence[date] | None = None
) -> tuple[pa.Table, date]:
    """Every candidate with key, features, `state`, `settled_on` and `label`, and the day the data end on."""
    store.sources.require(*TASKS[task])
    features = None if plan.query else store.read([_last_date(store)] if task == "segments" and not dates else dates)
    with store.sources.connect() as connection:
        engine = DuckDB(connection)
        end = _end(connection, task)
        if features is None:
            features = event_features(engine, plan)
        if task == "segments":
            return _unlabelled(features), end
        found = _labels(connection, task, horizon, end, features)
    return _joined(found, features, plan), end


def event_features(engine: Engine, plan: Plan, before: date | None = None) -> pa.Table:
    """Key and features of all orders or deals; of those before a date alone, where one is given."""
    found = engine.answer(sql(plan.query))
    if before is not None:
        moment = next(field.name for field in found.schema if pa.types.is_timestamp(field.type))
        cut = pa.scalar(before).cast(pa.date32()).cast(found.schema.field(moment).type)
        found = found.filter(pc.less(found.column(moment), cut))
    features = numbers(found, plan.keys)
    if plan.images and engine.has_images:
        said = engine.answer(sql(plan.images))
        said = said.filter(pc.is_in(said[plan.entity], features[plan.entity].combine_chunks()))
        features = with_shares(features, said, vocabulary(engine), [plan.entity])
    return features


def numbers(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """The features of an event: texts as they are, all else as doubles; moments other than the key are dropped."""
    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if name in keys or pa.types.is_string(column.type):
            columns[name] = column
        elif not pa.types.is_temporal(column.type):
            columns[name] = column.cast(pa.float64())
    return pa.table(columns)


def _labels(connection: duckdb.DuckDBPyConnection, task: str, horizon: int, end: date, features: pa.Table) -> pa.Table:
    text = (files("vitrine.market") / "labels" / f"{task}.sql").read_text(encoding="utf-8")
    values: dict[str, Any] = {"horizon_days": horizon, "end": end + timedelta(days=1)}
    if task == "churn":
        connection.register("seller", features.select(["reference_date", "seller_id"]))
    return connection.sql(text, params=values).to_arrow_table()


def _end(connection: duckdb.DuckDBPyConnection, task: str) -> date:
    """The last day of which the data can tell: of sales the last purchase, of deliveries the last step of any order."""
    last = "greatest(max(purchased_at), max(shipped_at), max(delivered_at))" if task == "delay" else "max(purchased_at)"
    found = connection.execute(f"SELECT {last} FROM sale").fetchall()[0]
    if not isinstance(found[0], datetime):
        raise InputError("the marketplace has no sale: no order has an item", hint="vitrine market ingest DIR")
    return found[0].date()


def _unlabelled(features: pa.Table) -> pa.Table:
    n = features.num_rows
    columns = {"state": [LABELLED] * n, "settled_on": features.column("reference_date"), "label": [0] * n}
    for name, values in columns.items():
        features = features.append_column(name, pa.chunked_array([values]) if isinstance(values, list) else values)
    return features


def _joined(found: pa.Table, features: pa.Table, plan: Plan) -> pa.Table:
    """Labels beside features, by key; key first, label last; sorted by time and key, so that the content has one id."""
    keys = list(plan.keys) or ["reference_date", "seller_id"]
    own = [name for name in features.column_names if name not in keys]
    columns = ["reference_date", *dict.fromkeys([plan.entity, "seller_id"]), *own, "state", "settled_on", "label"]
    # Arrow's join gives no order; with threads it would give another one each time
    joined = found.join(features, keys=keys, join_type="inner", use_threads=False).select(columns)
    joined = joined.set_column(joined.column_names.index("label"), "label", joined.column("label").cast(pa.int8()))
    time = joined.column("reference_date").cast(pa.date32())
    joined = joined.set_column(0, "reference_date", time)
    return joined.sort_by([("reference_date", "ascending"), (plan.entity, "ascending")]).combine_chunks()


def _described(table: pa.Table, task: str, plan: Plan, horizon: int, sources: Sources) -> pa.Table:
    meta = {
        "task": task,
        "entity": plan.entity,
        "time": "reference_date",
        "group": "seller_id",
        "horizon_days": str(horizon),
        "population": plan.population.replace(str(plan.horizon_days), str(horizon)) if horizon else plan.population,
        "source_id": sources.source_id,
        "aside": ",".join(plan.aside),
    }
    return table.replace_schema_metadata(meta)


def _check_classes(task: str, table: pa.Table, horizon: int) -> None:
    found = pc.unique(table.column("label")).to_pylist()
    if len(found) < 2:
        raise InputError(
            f"{task}: label is {found[0]} in all {table.num_rows:,} rows: nothing to learn",
            hint=f"another --horizon than {horizon} days, or more reference dates",
        )


def _check_keys(task: str, table: pa.Table, plan: Plan) -> None:
    counted = table.group_by(["reference_date", plan.entity]).aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted.column("count_all"), 1)).slice(0, 1).to_pylist()
    if twice:
        raise InputError(f"{task}: {twice[0][plan.entity]} stands twice at {twice[0]['reference_date']}")


def _counts(states: Counter[str]) -> str:
    return ", ".join(f"{n:,} {state}" for state, n in states.most_common())
