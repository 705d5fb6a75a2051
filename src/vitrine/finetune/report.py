"""Write a training's page: curves, figures on the families held out, and what made the network; one HTML file, no scripts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vitrine.finetune import plots
from vitrine.report.write_html import write_html


def write_report(report: Mapping[str, Any], path: Path) -> Path:
    """Write the page of a finished training (the report of `vitrine.finetune.job.finish`) to `path`, whole or not at all."""
    history, best = report["history"], report["epoch"]
    right = [value for name, value in report["figures"].items() if name.startswith("accuracy.")]
    made_by = {name: value for name, value in report["recipe"].items() if name != "augmentation"}
    made_by |= report["recipe"]["augmentation"] | {"stages": ", ".join(made_by["stages"])}
    drawn = {name: draw(history, best) for name, draw in _PLOTS.items()}
    return write_html(
        path,
        "vitrine.finetune",
        "finetune.html",
        hint="free some space and run vitrine finetune again",
        report=report,
        made_by=made_by,
        mean=sum(right) / len(right) if right else None,
        plots=drawn,
    )


_PLOTS = {"accuracy": plots.accuracy, "loss": plots.loss, "rate": plots.rate}
