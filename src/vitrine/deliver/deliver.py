"""Deliver what may leave to a target by its name; one delivery to a target at a time."""

from collections.abc import Mapping
from importlib import import_module
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
    with workspace.catalog.alone(f"deliver-{target}") as alone:
        if not alone:
            raise Conflict(
                f"another delivery to {target} is under way from this catalog",
                hint=f"wait until it is done, then run vitrine export {target} again",
            )
        report: DeliveryReport = getattr(import_module(module), name)(workspace, dry_run=dry_run)
        return report
