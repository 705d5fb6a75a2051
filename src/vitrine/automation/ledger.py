"""The ledger of a watched place: every file that arrived, and what became of the content it has now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from vitrine.records import Arrival
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

WAITING = "waiting"
TAKEN = "taken"
ANSWERED = "answered"
DELIVERED = "delivered"
QUARANTINED = "quarantined"
GONE = "gone"
_AT_ONCE = 500
_LATENCY_OVER = timedelta(hours=24)
_LATENCY_OF = 20_000


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from a file's arrival, over the last `n` files of 24 hours; None before the first."""

    n: int
    p50: float | None
    p95: float | None


class Ledger:
    """The arrivals of one place; each method is one transaction, stamped by the clock of the database."""

    def __init__(self, catalog: Catalog, place: str) -> None:
        self.place = place
        self._catalog = catalog

    def versions(self) -> dict[str, str]:
        """path → the version known of each file that ever arrived and did not go before it was taken."""
        table = schema.arrivals
        query = sa.select(table.c.path, table.c.version)
        rows = self._catalog.read(query.where(table.c.place == self.place, table.c.state != GONE))
        return dict(zip(rows.column("path").to_pylist(), rows.column("version").to_pylist(), strict=True))

    def arrive(self, versions: Mapping[str, str], connection: sa.Connection) -> None:
        """Enter files that are new or have changed; whatever became of an earlier content, this one waits."""
        moment = self._catalog.moment(connection)
        rows = [
            Arrival(self.place, path, version, WAITING, None, None, 0, None, moment, None, None)
            for path, version in versions.items()
        ]
        self._catalog.put(schema.arrivals, rows, connection=connection)

    def depart(self, paths: Sequence[str], connection: sa.Connection) -> None:
        """Files that waited and are there no more."""
        self._set(connection, [{"of_path": path, "state": GONE, "reason": None} for path in paths])

    def begin(self, paths: Sequence[str], connection: sa.Connection, step: int) -> None:
        """Count that these are about to be taken (`step` 1), or take that back (-1): so what ends the process is found."""
        table = schema.arrivals
        for some in _parts(paths):
            of_place = (table.c.place == self.place) & table.c.path.in_(some)
            connection.execute(sa.update(table).where(of_place).values(attempts=table.c.attempts + step))

    def end(self, outcomes: Sequence[Mapping[str, Any]], connection: sa.Connection) -> None:
        """What became of files: mappings with `of_path`, `state`, and `sku`, `photo_id` or `reason`."""
        self._set(connection, outcomes)

    def answered(self, skus: Iterable[str], connection: sa.Connection) -> int:
        """The answers for these products are in the catalog; returns how many files that was."""
        moment = self._catalog.moment(connection)
        changed = 0
        table = schema.arrivals
        for some in _parts(sorted(skus)):
            taken = (table.c.place == self.place) & (table.c.state == TAKEN) & table.c.sku.in_(some)
            done = sa.update(table).where(taken).values(state=ANSWERED, answered_at=moment)
            changed += connection.execute(done).rowcount
        return changed

    def moment(self) -> datetime:
        """Now, by the clock of the database."""
        with self._catalog.reading() as connection:
            return self._catalog.moment(connection)

    def delivered(self, until: datetime) -> None:
        """What had been answered at `until` was delivered since."""
        table = schema.arrivals
        answered = (table.c.place == self.place) & (table.c.state == ANSWERED) & (table.c.answered_at <= until)
        with self._catalog.transaction() as connection:
            moment = self._catalog.moment(connection)
            connection.execute(sa.update(table).where(answered).values(state=DELIVERED, delivered_at=moment))

    def retry(self, connection: sa.Connection) -> int:
        """Let what is quarantined wait once more; returns how many files that is."""
        table = schema.arrivals
        aside = (table.c.place == self.place) & (table.c.state == QUARANTINED)
        again = {"state": WAITING, "attempts": 0, "reason": None}
        return connection.execute(sa.update(table).where(aside).values(again)).rowcount

    def waiting(self) -> list[Arrival]:
        """What waits, in the order in which it arrived."""
        table = schema.arrivals
        query = sa.select(table).where(table.c.place == self.place, table.c.state == WAITING)
        rows = self._catalog.rows(query.order_by(table.c.seen_at, table.c.path))
        return [Arrival(**row) for row in rows]

    def taken(self) -> list[str]:
        """The products of files that were taken and have no answer yet."""
        table = schema.arrivals
        query = sa.select(table.c.sku).where(table.c.place == self.place, table.c.state == TAKEN).distinct()
        return [str(sku) for sku in self._catalog.read(query.order_by(table.c.sku)).column("sku").to_pylist()]

    def undelivered(self) -> int:
        """How many files have answers that were not delivered yet."""
        table = schema.arrivals
        answered = (table.c.place == self.place) & (table.c.state == ANSWERED)
        return self._catalog.count(sa.select(table.c.path).where(answered))

    def _set(self, connection: sa.Connection, changes: Sequence[Mapping[str, Any]]) -> None:
        table = schema.arrivals
        if changes:
            names = [name for name in changes[0] if name != "of_path"]
            values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
            key = (table.c.place == self.place) & (table.c.path == sa.bindparam("of_path"))
            rows = [{"of_path": c["of_path"], **{f"new_{name}": c[name] for name in names}} for c in changes]
            connection.execute(sa.update(table).where(key).values(**values), rows)


def counts(catalog: Catalog) -> dict[str, dict[str, int]]:
    """place → state → how many files."""
    table = schema.arrivals
    counted = sa.select(table.c.place, table.c.state, sa.func.count().label("n")).group_by(table.c.place, table.c.state)
    found: dict[str, dict[str, int]] = {}
    for row in catalog.rows(counted):
        found.setdefault(row["place"], {})[row["state"]] = row["n"]
    return found


def latency(catalog: Catalog, place: str, *, until: str = "answered_at") -> Latency:
    """Seconds from arrival to the answer in the catalog, or to the delivery (`until="delivered_at"`)."""
    table = schema.arrivals
    end = table.c[until]
    with catalog.reading() as connection:
        since = catalog.moment(connection) - _LATENCY_OVER
        query = sa.select(table.c.seen_at, end.label("end")).where(table.c.place == place, end > since)
        rows = connection.execute(query.order_by(end.desc()).limit(_LATENCY_OF)).all()
    seconds = [(row.end - row.seen_at).total_seconds() for row in rows]
    if not seconds:
        return Latency(0, None, None)
    p50, p95 = np.percentile(seconds, [50, 95])
    return Latency(len(seconds), round(float(p50), 2), round(float(p95), 2))


def _parts(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))
