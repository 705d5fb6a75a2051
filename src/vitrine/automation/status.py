"""How everything that runs by itself stands: watches, runs, what is set aside, room on the disk."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from vitrine.automation.claim import Held, held
from vitrine.automation.ledger import ANSWERED, QUARANTINED, TAKEN, WAITING, Latency, counts, latency
from vitrine.automation.runs import FAILED, INTERRUPTED, RunState, runs
from vitrine.errors import recalled
from vitrine.records import Watcher
from vitrine.stores import schema

if TYPE_CHECKING:
    from vitrine.stores.catalog import Catalog
    from vitrine.workspace import Workspace


WATCHING, STOPPED, SILENT = "watching", "stopped", "silent"


@dataclass(frozen=True, slots=True)
class WatchState:
    """A watched place: is somebody there, what waits, and the seconds from arrival to answer and to delivery.

    `state` is watching, stopped (somebody ended it) or silent (it ended without a word). `waiting` files are not taken
    yet, `unanswered` ones are in the catalog, `undelivered` ones are answered and on their way to `targets`. `message`
    says what hinders it.
    """

    place: str
    state: str
    holder: str | None
    every: float
    targets: list[str]
    looked_at: datetime | None
    files: int
    waiting: int
    unanswered: int
    undelivered: int
    quarantined: int
    answered: Latency
    delivered: Latency
    message: str | None
    hint: str | None


@dataclass(frozen=True, slots=True)
class Disk:
    """Room where the workspace lies, in bytes."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that runs by itself, as of `moment` by the clock of the database; `quarantined` rows, cells and files."""

    moment: datetime
    watches: list[WatchState]
    runs: list[RunState]
    quarantined: int
    disk: Disk

    @property
    def troubles(self) -> int:
        """How many watches and plans somebody should look at."""
        hindered = sum(one.state == SILENT or one.message is not None for one in self.watches)
        newest = {state.run.plan: state.run.outcome for state in reversed(self.runs)}
        return hindered + sum(outcome in (FAILED, INTERRUPTED) for outcome in newest.values())


def status(workspace: "Workspace") -> Status:
    """How it stands now."""
    catalog = workspace.catalog
    usage = shutil.disk_usage(workspace.folder)
    with catalog.reading() as connection:
        moment = catalog.moment(connection)
    return Status(
        moment=moment,
        watches=watches(catalog),
        runs=runs(catalog),
        quarantined=catalog.count(schema.quarantine),
        disk=Disk(usage.free, usage.total),
    )


def watches(catalog: "Catalog") -> list[WatchState]:
    """All places that were ever watched, by name."""
    claims, counted = held(catalog), counts(catalog)
    rows = [Watcher(**row) for row in catalog.rows(schema.watchers)]
    return [
        _state(catalog, row, claims.get(f"watch {row.place}"), counted.get(row.place, {}))
        for row in sorted(rows, key=lambda row: row.place)
    ]


def _state(catalog: "Catalog", row: Watcher, claim: Held | None, counted: dict[str, int]) -> WatchState:
    targets = row.targets.split()
    return WatchState(
        place=row.place,
        state=STOPPED if claim is None else WATCHING if claim.alive else SILENT,
        holder=claim.holder if claim else None,
        every=row.every,
        targets=targets,
        looked_at=row.looked_at,
        files=row.files,
        waiting=counted.get(WAITING, 0),
        unanswered=counted.get(TAKEN, 0),
        undelivered=counted.get(ANSWERED, 0) if targets else 0,
        quarantined=counted.get(QUARANTINED, 0),
        answered=latency(catalog, row.place),
        delivered=latency(catalog, row.place, until="delivered_at"),
        message=recalled(row.message),
        hint=recalled(row.hint),
    )
