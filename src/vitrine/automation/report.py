"""Write the page that says how everything that runs by itself stands; for those who read a file rather than a desk."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from vitrine.automation.status import status
from vitrine.report.write_html import write_html

if TYPE_CHECKING:
    from vitrine.workspace import Workspace


def write_report(workspace: "Workspace") -> Path:
    """Write `reports/status.html`; returns its path. StorageError when that fails."""
    found = status(workspace)
    return write_html(
        workspace.report_path("status"),
        "vitrine.automation",
        "status.html",
        hint="free some space and run the plan again with --resume",
        page=found,
        counts={one.run_id + str(one.position): json.loads(one.counts) for run in found.runs for one in run.steps},
    )
