"""The steps a plan can have: a name, its options, and what it does; each says in a few counts what came of it.

Every step may be repeated: what was done before is not done twice.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from vitrine.automation.describe import by_path
from vitrine.automation.watch import source_of
from vitrine.deliver import TARGETS
from vitrine.deliver import deliver as send
from vitrine.errors import InputError, Refused
from vitrine.intake.items import Items, items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import columns_of, read_table
from vitrine.records import now
from vitrine.tidy import KEPT_RUNS, tidy

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

Progress = Callable[[int, int], None]
Counts = dict[str, Any]

_BACKUP = re.compile(r"vitrine-\d{8}T\d{6}\.zip")


class Options(BaseModel):
    """What a step may be told; a word that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoOptions(Options):
    """A step that needs to be told nothing."""


class Ingest(Options):
    """Bring photos in, named by a label table or by where they lie."""

    photos: str = Field(description="folder of photos, or a URL such as s3://bucket/prefix")
    table: Path | None = Field(None, description="label table; relative to the plan")
    pattern: tuple[str, ...] = Field((), description="without a table: how a path says its product, e.g. {sku}_{view}")


class Check(Options):
    """Look for what is wrong with photos and labels, and write reports/check.html."""

    most_errors: int | None = Field(None, ge=0, description="fail where there are more findings of severity error")


class Deliver(Options):
    """Send what may leave and is new to the target."""

    to: str = Field(description="lake, table or sap")

    @field_validator("to")
    @classmethod
    def _is_known(cls, to: str) -> str:
        if to not in TARGETS:
            raise ValueError(f"one of {', '.join(TARGETS)}")
        return to


class Retrain(Options):
    """Learn from what was said since the newest model; promoted only by proof."""

    if_new: int = Field(200, ge=0, description="new labels it takes")


class Backup(Options):
    """Write a backup, and remove the oldest ones of this step."""

    folder: Path = Field(description="where backups lie; relative to the plan")
    keep: int = Field(14, ge=1, description="how many stay")
    photos: bool = Field(False, description="with the cleaned photos")


class Tidy(Options):
    """Remove old data sets of classify, and what killed processes never finished."""

    runs: int = Field(KEPT_RUNS, ge=0, description="how many data sets stay")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of step."""

    options: type[Options]
    run: Callable[["Workspace", Any, Progress], Counts]


def ingest(workspace: "Workspace", options: Ingest, on_progress: Progress) -> Counts:
    """Take in what is new, and look for twins."""
    source = source_of(options.photos)
    place = str(options.table) if options.table else source.url
    items = _items(workspace, source, options)
    if not items.by_sku:
        return {"products": 0, "problems": len(items.problems)}
    report = workspace.ingest(items, source, place=place, on_progress=on_progress)
    return {**report.as_dict(), "twins": workspace.find_twins(on_progress=on_progress)}


def _items(workspace: "Workspace", source: PhotoSource, options: Ingest) -> Items:
    if options.table is None:
        paths = [path for path in source.list() if not path.startswith(".")]
        return by_path(options.pattern or ("{sku}",))(paths)
    columns = workspace.settings.columns
    names = None if columns.photo in columns_of(options.table) else source.list()
    return items_of_rows(read_table(options.table), columns, workspace.taxonomy, names)


def check(workspace: "Workspace", options: Check, on_progress: Progress) -> Counts:
    """Run every check and write its page."""
    from vitrine.checks.check import check as run_checks
    from vitrine.checks.page import write_page

    report = run_checks(workspace, on_embed=on_progress, on_progress=on_progress)
    page = write_page(workspace, report, workspace.report_path("check"))
    counts = {level: sum(one.severity == level for one in report.findings) for level in ("error", "warning", "note")}
    if options.most_errors is not None and counts["error"] > options.most_errors:
        raise Refused(f"{counts['error']:,} errors, more than {options.most_errors:,}", hint=f"they stand in {page}")
    return counts


def classify(workspace: "Workspace", _options: NoOptions, on_progress: Progress) -> Counts:
    """Answer every product, and order the questions anew; vectors that are there are not made again."""
    report = workspace.classify(on_progress=on_progress)
    return {name: getattr(report, name) for name in ("known", "products", "published", "to_review")}


def deliver(workspace: "Workspace", options: Deliver, _on_progress: Progress) -> Counts:
    """Send what is new to the target; fails where answers could not be sent."""
    report = send(workspace, options.to)
    counts = {name: getattr(report, name) for name in ("sent", "unchanged", "recalled", "failed")}
    if report.failed:
        raise Refused(
            f"{report.failed:,} answers cannot go to {options.to}; {report.sent:,} were sent",
            hint=f"vitrine export {options.to} says which and why",
        )
    return counts


def retrain(workspace: "Workspace", options: Retrain, on_progress: Progress) -> Counts:
    """The loop, where there is enough to learn from; a challenger that proves nothing is no failure."""
    from vitrine.jobs import run_retraining

    report = run_retraining(
        workspace, attributes=None, if_new=options.if_new, on_embed=on_progress, on_train=on_progress
    )
    trained = report["trained"]
    return {
        "new_labels": report["new_labels"],
        "model": trained and trained["model"],
        "promoted": report["promoted"],
        "verdict": report["refused"],
    }


def evaluate(workspace: "Workspace", _options: NoOptions, on_progress: Progress) -> Counts:
    """Judge the newest model on the test part, once: each look at it flatters what is chosen after."""
    from vitrine.jobs import run_evaluation

    model_id = workspace.newest_model()
    if workspace.evaluation_path(model_id, "json").exists():
        return {"model": model_id, "evaluated": False}
    scorecard = run_evaluation(workspace, model_id, on_progress=on_progress)
    return {"model": model_id, "evaluated": True, "test_uses": scorecard["test_uses"]}


def refresh_market(workspace: "Workspace", _options: NoOptions, on_progress: Progress) -> Counts:
    """Features, scores and the report of the marketplace."""
    from vitrine.market.home import Market
    from vitrine.market.refresh import refresh

    found = refresh(Market.open(workspace.folder), on_progress=on_progress)
    scored = {one["task"]: one["rows"] for one in found["scores"]}
    return {"reference_date": found["reference_date"], **scored, "not_scored": len(found["not_scored"])}


def report(workspace: "Workspace", _options: NoOptions, _on_progress: Progress) -> Counts:
    """Write the page that says how everything stands."""
    from vitrine.automation.report import write_report

    return {"page": str(write_report(workspace))}


def back_up(workspace: "Workspace", options: Backup, on_progress: Progress) -> Counts:
    """Write a backup under a name with its moment, then remove the oldest of such names."""
    from vitrine.backup import backup

    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / f"vitrine-{now():%Y%m%dT%H%M%S}.zip"
    written = backup(workspace, path, photos=options.photos, on_progress=on_progress)
    kept = sorted(one for one in options.folder.iterdir() if _BACKUP.fullmatch(one.name))
    for old in kept[: -options.keep]:
        old.unlink()
    return {"file": written.path, "bytes": written.bytes, "removed": max(0, len(kept) - options.keep)}


def tidy_up(workspace: "Workspace", options: Tidy, _on_progress: Progress) -> Counts:
    """Remove what nothing reads any more."""
    report = tidy(workspace, keep_runs=options.runs)
    return {"runs": len(report.runs), "unfinished": report.unfinished, "bytes": report.bytes}


STEPS: Mapping[str, Kind] = {
    "ingest": Kind(Ingest, ingest),
    "check": Kind(Check, check),
    "classify": Kind(NoOptions, classify),
    "deliver": Kind(Deliver, deliver),
    "retrain": Kind(Retrain, retrain),
    "evaluate": Kind(NoOptions, evaluate),
    "market": Kind(NoOptions, refresh_market),
    "report": Kind(NoOptions, report),
    "backup": Kind(Backup, back_up),
    "tidy": Kind(Tidy, tidy_up),
}


def kind_of(name: str) -> Kind:
    """A kind of step by its name; InputError names those there are."""
    if name not in STEPS:
        raise InputError(f"there is no step '{name}'", hint=f"there are: {', '.join(STEPS)}")
    return STEPS[name]
