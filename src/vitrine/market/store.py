"""The feature store: one Parquet file a reference date, written whole, that names what it was made from.

A file counts when its source id and its SQL id are those of today; `build` makes the others anew. Nothing else has to be
remembered: after a kill at any moment the next build goes on with the dates that are missing.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vitrine.errors import InputError, NotFound
from vitrine.market.duck import DuckDB
from vitrine.market.queries import KEY, compute, sql_id
from vitrine.market.schema import TASKS
from vitrine.market.sources import Sources
from vitrine.stores.whole import whole

LINEAGE = "lineage.json"
_FILE = "features.parquet"
_FULL = "free some space; the dates that were built are kept, run the same command again for the others"
# Sales at all dates of one pass: bounds its memory, and one pass over many dates is faster than many passes.
_SALES_IN_A_PASS = 1_000_000
# Each pass has a thread of its own; more sales than fit a pass leave room for one only.
_THREADS = 2


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did: of `dates`, how many it built and how many were up to date; totals over all of them."""

    dates: Sequence[date]
    built: int
    skipped: int
    sellers: int
    features: int
    rows: int
    seconds: float
    store: Path

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON; `reference_dates` is their number."""
        return {
            "reference_dates": len(self.dates),
            "from": self.dates[0].isoformat(),
            "to": self.dates[-1].isoformat(),
            "built": self.built,
            "skipped": self.skipped,
            "sellers": self.sellers,
            "features": self.features,
            "rows": self.rows,
            "seconds": round(self.seconds, 3),
            "store": str(self.store),
        }


@dataclass(slots=True)
class FeatureStore:
    """The seller features of a market, kept in `folder`, made from `sources`."""

    folder: Path
    sources: Sources

    def build(
        self, dates: Sequence[date], *, on_progress: Callable[[int, int], None] = lambda done, total: None
    ) -> BuildReport:
        """Make the features of every date that is missing or was made from other sources or other SQL.

        Raises MissingPart where a source table is absent, InputError where the dates lie beyond the data.
        """
        started = time.perf_counter()
        self.sources.require(*TASKS["churn"])
        missing = [day for day in dates if not self.current(day)]
        done = len(dates) - len(missing)
        for part in self._built(dates, missing):
            done += len(part)
            on_progress(done, len(dates))
        self._write_lineage()
        sellers = pc.count_distinct(self.read(dates, columns=["seller_id"]).column("seller_id")).as_py()
        files = [pq.ParquetFile(self.path(day)) for day in dates]
        return BuildReport(
            dates,
            len(missing),
            len(dates) - len(missing),
            sellers,
            len(files[0].schema_arrow) - len(KEY),
            sum(file.metadata.num_rows for file in files),
            time.perf_counter() - started,
            self.folder,
        )

    def path(self, day: date) -> Path:
        """Where the features of a reference date stand."""
        return self.folder / f"reference_date={day.isoformat()}" / _FILE

    def dates(self) -> list[date]:
        """The reference dates whose features are up to date, in order."""
        found = (path.parent.name.partition("=")[2] for path in self.folder.glob(f"reference_date=*/{_FILE}"))
        return sorted(day for day in map(date.fromisoformat, found) if self.current(day))

    def current(self, day: date) -> bool:
        """Whether the features of `day` were made from today's sources by today's SQL."""
        made = self.made(day)
        return made.get("source_id") == self.sources.source_id and made.get("sql_id") == sql_id()

    def made(self, day: date) -> dict[str, str]:
        """What the file of `day` says of itself: source_id, sql_id, rows, seconds; empty where there is no whole file."""
        try:
            metadata = pq.read_schema(self.path(day)).metadata or {}
        except (FileNotFoundError, pa.ArrowInvalid):
            return {}
        return {key.decode(): value.decode() for key, value in metadata.items() if not key.startswith(b"ARROW")}

    def read(self, dates: Sequence[date] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """The features at `dates` (default: all up to date), sorted by key. NotFound where one was not built."""
        wanted = self.dates() if dates is None else list(dates)
        stale = [day for day in wanted if not self.current(day)]
        if stale or not wanted:
            which = ", ".join(map(str, stale[:3])) or "any reference date"
            raise NotFound(
                f"there are no features of {which} made from the present sources",
                hint="vitrine market build --from 2017-01 --to 2018-06",
            )
        # partitioning=None: the key column stands in the file itself
        parts = [
            pq.read_table(self.path(day), columns=None if columns is None else list(columns), partitioning=None)
            for day in wanted
        ]
        return pa.concat_tables([part.replace_schema_metadata(None) for part in parts])

    def _built(self, dates: Sequence[date], missing: Sequence[date]) -> Iterator[Sequence[date]]:
        """Build what is missing, some dates a pass; the dates of each pass, once their files are there."""
        with self.sources.connect() as connection:
            first, last, sales = _extent(connection)
            _check_inside(dates, first, last)
            if not missing:
                return
            at_once = max(1, _SALES_IN_A_PASS // max(sales, 1))
            threads = _THREADS if sales <= _SALES_IN_A_PASS else 1
            passes = threads * math.ceil(len(missing) / at_once / threads)
            # later dates know more sales: every n-th date a pass makes passes of one size
            parts = [part for start in range(passes) if (part := missing[start::passes])]
            engine = DuckDB(connection)
            engines = SimpleQueue[DuckDB]()
            for _ in range(threads):
                engines.put(engine.for_thread())

            def build(part: Sequence[date]) -> Sequence[date]:
                mine = engines.get()
                try:
                    self._build_pass(mine, part)
                finally:
                    engines.put(mine)
                return part

            with ThreadPoolExecutor(threads) as pool:
                yield from pool.map(build, parts)

    def _build_pass(self, engine: DuckDB, part: Sequence[date]) -> None:
        began = time.perf_counter()
        table = compute(engine, part)
        seconds = (time.perf_counter() - began) / len(part)
        for day in part:
            self._write(day, table.filter(pc.equal(table.column("reference_date"), pa.scalar(day))), seconds)

    def _write(self, day: date, table: pa.Table, seconds: float) -> None:
        made = {
            "source_id": self.sources.source_id,
            "sql_id": sql_id(),
            "rows": str(table.num_rows),
            "seconds": f"{seconds:.3f}",
        }
        path = self.path(day)
        for left in path.parent.glob(f".{_FILE}.*"):
            left.unlink(missing_ok=True)  # of a build that was killed
        with whole(path, hint=_FULL) as temporary:
            # a dictionary of numbers that are nearly all different costs time and space
            pq.write_table(
                table.replace_schema_metadata(made), temporary, compression="zstd", use_dictionary=["seller_id"]
            )

    def _write_lineage(self) -> None:
        lines = {day.isoformat(): self.made(day) for day in self.dates()}
        with whole(self.folder / LINEAGE, hint=_FULL) as temporary:
            temporary.write_text(json.dumps(lines, indent=1), encoding="utf-8")


def _extent(connection: duckdb.DuckDBPyConnection) -> tuple[date, date, int]:
    """First and last day with a sale, and how many sales there are."""
    found = connection.execute(
        "SELECT min(o.order_purchase_timestamp), max(o.order_purchase_timestamp), count(*) "
        "FROM orders AS o JOIN order_items AS i ON i.order_id = o.order_id"
    ).fetchall()[0]
    if not isinstance(found[0], datetime):
        raise InputError("the marketplace has no sale: no order has an item", hint="vitrine market ingest DIR")
    return found[0].date(), found[1].date(), int(found[2])


def _check_inside(dates: Sequence[date], first: date, last: date) -> None:
    """A reference date sees the days before it: the first is the day after the first sale, the last after the last."""
    if not dates:
        raise InputError("the grid has no reference date", hint="--every week or --every day gives more of them")
    earliest, latest = first + timedelta(days=1), last + timedelta(days=1)
    beyond = [day for day in dates if not earliest <= day <= latest]
    if beyond:
        raise InputError(
            f"reference date {beyond[0]} lies beyond the data: the first sale is of {first}, the last of {last}",
            hint=f"ask for dates from {earliest} to {latest}",
        )
