"""Take away what nothing reads any more: old data sets of `vitrine classify`, and what killed processes left half-written."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from vitrine.classify import remove_run
from vitrine.records import now
from vitrine.stores.objects import Objects, folders
from vitrine.stores.whole import unfinished

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

KEPT_RUNS = 3
# Whoever still writes has written something within a day.
_AT_WORK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TidyReport:
    """What was removed, or would be: data sets of runs, files that were never finished, and their bytes together."""

    runs: tuple[str, ...]
    unfinished: int
    bytes: int


def tidy(workspace: "Workspace", *, keep_runs: int = KEPT_RUNS, dry_run: bool = False) -> TidyReport:
    """Keep the newest `keep_runs` data sets of whole-catalog runs, and remove the others.

    Nothing goes that was written within a day. What the data sets say stands in the catalog; a run that a kill stopped
    before its end makes its missing pieces anew. Raises StorageError where a store is lost; what was removed by then is.
    """
    before = now() - _AT_WORK
    place = workspace.place(workspace.settings.storage.runs)
    newest_first = sorted(folders(place).items(), key=lambda found: found[1].changed_at, reverse=True)
    old = [(name, found) for name, found in newest_first[keep_runs:] if found.changed_at < before]
    for name, _ in old if not dry_run else ():
        remove_run(Objects(f"{place}/{name}"))
    size = sum(found.bytes for _, found in old)
    left = [path for path in workspace.data.rglob(".*") if unfinished(path)]
    states = [(path, path.stat()) for path in left if path.exists()]
    stale = [(path, state.st_size) for path, state in states if datetime.fromtimestamp(state.st_mtime, UTC) < before]
    for path, _ in stale if not dry_run else ():
        path.unlink(missing_ok=True)
    size += sum(length for _, length in stale)
    return TidyReport(tuple(name for name, _ in old), len(stale), size)
