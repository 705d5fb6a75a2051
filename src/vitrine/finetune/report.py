"""Write a training's page: curves, figures on the families held out, and what made the network; one HTML file, no scripts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from vitrine.finetune import plots
from vitrine.learn.report.write import count, percent
from vitrine.records import now
from vitrine.stores.whole import whole


def write_report(report: Mapping[str, Any], path: Path) -> Path:
    """Write the page of a finished training (the report of `vitrine.finetune.job.finish`) to `path`, whole or not at all."""
    history, best = report["history"], report["epoch"]
    right = [value for name, value in report["figures"].items() if name.startswith("accuracy.")]
    made_by = {name: value for name, value in report["recipe"].items() if name != "augmentation"}
    made_by |= report["recipe"]["augmentation"] | {"stages": ", ".join(made_by["stages"])}
    drawn = {name: draw(history, best) for name, draw in _PLOTS.items()}
    loader = ChoiceLoader([PackageLoader("vitrine.finetune"), PackageLoader("vitrine", ".")])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "count": count}
    html = environment.get_template("finetune.html").render(
        report=report, made_by=made_by, mean=sum(right) / len(right) if right else None, plots=drawn, written=now()
    )
    with whole(path, hint="free some space and run vitrine finetune again") as temporary:
        temporary.write_text(html, encoding="utf-8")
    return path


_PLOTS = {"accuracy": plots.accuracy, "loss": plots.loss, "rate": plots.rate}
