"""Take files that arrived into the catalog: what cannot be used is put aside once, and whatever breaks us is found out."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from vitrine.automation.claim import Claim
from vitrine.automation.describe import Describe
from vitrine.automation.ledger import QUARANTINED, TAKEN, Ledger
from vitrine.errors import VitrineError
from vitrine.intake.ingest import Intake, Prepared
from vitrine.intake.items import Item, Items, Problem
from vitrine.intake.source import PhotoSource
from vitrine.records import Arrival
from vitrine.stores import schema

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

logger = logging.getLogger(__name__)

# Files taken at once by how often that was begun already: in ever smaller groups the one that ends the process stands alone.
_AT_ONCE = (200, 15, 1, 1, 1)
_THREADS = 2
_BROKE = "it was begun {n} times, and each time the process ended or failed before it was done"


class Taker:
    """Takes the files of one place, group by group."""

    def __init__(self, workspace: "Workspace", source: PhotoSource, ledger: Ledger, claim: Claim, describe: Describe):
        self._workspace, self._source, self._ledger, self._claim = workspace, source, ledger, claim
        self._describe = describe

    def take(self, ready: Sequence[Arrival]) -> int:
        """Take the first group of `ready` arrivals; returns how many files it has settled."""
        items = self._describe([one.path for one in ready])
        named = {path.path for item in items.by_sku.values() for path in item.photos}
        named |= {problem.value for problem in items.problems}
        group = _first_group([one for one in ready if one.path in named])
        if not group:
            return 0
        if group[0].attempts >= len(_AT_ONCE):
            reason = _BROKE.format(n=group[0].attempts)
            problems = [Problem(0, "unreadable", None, one.path, f"{one.path}: {reason}") for one in group]
            return self._settle(self._intake(), group, [], problems)
        self._begin(group, 1)
        try:
            return self._take(group, items)
        except VitrineError:
            self._begin(group, -1)  # the store's fault, not that of these files
            raise
        except Exception:
            logger.exception("a group of %d files of %s could not be taken", len(group), self._ledger.place)
            return 0

    def _begin(self, group: Sequence[Arrival], step: int) -> None:
        with self._workspace.catalog.transaction() as connection:
            self._claim.check(connection)
            self._ledger.begin([one.path for one in group], connection, step)

    def _take(self, group: Sequence[Arrival], items: Items) -> int:
        """What changed or went while it was read is left waiting: the next look sees it anew."""
        versions = {one.path: one.version for one in group}
        chosen = [_only(item, versions) for item in items.by_sku.values()]
        intake = self._intake()
        with ThreadPoolExecutor(_THREADS) as pool:
            prepared = intake.prepare([item for item in chosen if item.photos], pool)
        still = [one for one in prepared if one.version == versions[one.path.path]]
        used = [one for one in still if one.photo_id]
        problems = [one.problem for one in still if one.problem and one.problem.code != "missing"]
        problems += [problem for problem in items.problems if problem.value in versions]
        skus = {one.sku for one in used}
        intake.commit([item for item in chosen if item.sku in skus], used)
        return self._settle(intake, group, used, problems)

    def _settle(
        self, intake: Intake, group: Sequence[Arrival], used: Sequence[Prepared], problems: Sequence[Problem]
    ) -> int:
        """Write down what became of a group; returns how many files are settled."""
        outcomes = [_outcome(one.path.path, TAKEN, one.sku, one.photo_id) for one in used]
        outcomes += [_outcome(one.value, QUARANTINED, one.sku, reason=one.reason) for one in problems]
        table = schema.quarantine
        mended = (table.c.place == self._ledger.place) & table.c.value.in_([one.path for one in group])
        with self._workspace.catalog.transaction() as connection:
            self._claim.check(connection)
            connection.execute(sa.delete(table).where(mended))
            intake.quarantine(problems, connection)
            self._ledger.end(outcomes, connection)
        return len(outcomes)

    def _intake(self) -> Intake:
        workspace = self._workspace
        return Intake(self._source, workspace.catalog, workspace.photos, workspace.cleaning, self._ledger.place)


def _first_group(ready: Sequence[Arrival]) -> list[Arrival]:
    """The oldest arrivals that were begun as often as the first of those never begun, or of the others."""
    attempts = min((one.attempts for one in ready), default=0)
    size = _AT_ONCE[attempts] if attempts < len(_AT_ONCE) else 1
    return [one for one in ready if one.attempts == attempts][:size]


def _only(item: Item, paths: Mapping[str, str]) -> Item:
    return replace(item, photos=[path for path in item.photos if path.path in paths])


def _outcome(
    path: str, state: str, sku: str | None, photo_id: str | None = None, reason: str | None = None
) -> dict[str, Any]:
    return {"of_path": path, "state": state, "sku": sku, "photo_id": photo_id, "reason": reason}
