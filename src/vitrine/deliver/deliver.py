"""Deliver what may leave to a target by its name; one delivery to a target at a time."""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from vitrine.deliver.report import DeliveryReport
from vitrine.errors import Conflict, InputError

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

TARGETS: Mapping[str, str] = {
    "lake": "vitrine.deliver.lake.deliver:deliver_lake",
    "table": "vitrine.deliver.table:deliver_table",
    "sap": "vitrine.deliver.sap.deliver:deliver_sap",
}


def deliver(workspace: "Workspace", target: str, *, dry_run: bool = False) -> DeliveryReport:
    """Bring `target` (a name in `TARGETS`) in line with the answers that may leave, as the settings say.

    What is there already is not sent again. With `dry_run` nothing is written, and the report says what would be.
    Raises InputError for an unknown target or wrong settings, Conflict when another delivery to it is under way, and
    StorageError when the target cannot be reached; what was delivered stays, and the same call continues.
    """
    if target not in TARGETS:
        raise InputError(f"there is no target '{target}'", hint=f"one of: {', '.join(TARGETS)}")
    module, _, name = TARGETS[target].partition(":")
    with _alone(workspace.data, target):
        report: DeliveryReport = getattr(import_module(module), name)(workspace, dry_run=dry_run)
        return report


@contextmanager
def _alone(folder: Path, target: str) -> Iterator[None]:
    """Hold the target's lock; a process that dies gives it back."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"deliver-{target}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                f"another delivery to {target} is under way in {folder.parent}",
                hint=f"wait until it is done, then run vitrine export {target} again",
            ) from None
        yield
