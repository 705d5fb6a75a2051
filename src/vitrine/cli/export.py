"""`vitrine export`: what may leave goes into the lake, a table or SAP."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder

if TYPE_CHECKING:
    from vitrine.deliver.report import DeliveryReport, Problem

export = typer.Typer(
    name="export",
    no_args_is_help=True,
    help="What people, tables or a certified head stand for, into the lake, a table or SAP.",
)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the difference and write nothing.")]
_SHOWN = 20


@export.command()
def lake(dry_run: DryRun = False, workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Publish a version of the lake: Parquet tables with a data dictionary, at `lake` in section export of vitrine.toml.

    Where nothing changed nothing is written. Readers follow current.json, or views.sql in DuckDB.
    """
    _deliver("lake", workspace, dry_run, as_json)


@export.command()
def table(dry_run: DryRun = False, workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Write the table that section export of vitrine.toml names, .csv or .xlsx, in your own columns.

    Exit 1: values without a word of yours; they are named, and no table is written.
    """
    _deliver("table", workspace, dry_run, as_json)


@export.command()
def sap(
    dry_run: DryRun = False,
    full: Annotated[
        bool, typer.Option("--full", help="Trust no earlier delivery, as after SAP was restored from a backup.")
    ] = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Bring the classification of materials in line: what is new or changed, and recalls of what was withdrawn.

    Exit 1: values without a mapping, or materials that SAP refused; they are named and stay, the others are delivered.
    """
    if full:
        _mistrust(workspace, dry_run)
    _deliver("sap", workspace, dry_run, as_json)


def _mistrust(workspace: Path, dry_run: bool) -> None:
    import vitrine
    from vitrine.deliver.sap.deliver import mistrust
    from vitrine.errors import InputError

    if dry_run:
        raise InputError("--full and --dry-run do not go together", hint="leave one of them out")
    output.say(f"{mistrust(vitrine.open(workspace)):,} delivered words are sent or compared again")


def _deliver(target: str, workspace: Path, dry_run: bool, as_json: bool) -> None:
    import vitrine
    from vitrine.deliver import deliver

    report = deliver(vitrine.open(workspace), target, dry_run=dry_run)
    if as_json:
        output.show_json(asdict(report))
    else:
        _tell(report)
    if report.failed or report.problems:
        raise typer.Exit(1)


def _tell(report: "DeliveryReport") -> None:
    would = "would be " if report.dry_run else ""
    output.say(
        f"{report.where}: {report.sent:,} answers {would}sent, {report.unchanged:,} unchanged, "
        f"{report.recalled:,} {would}recalled" + (f", {report.failed:,} failed" if report.failed else "")
    )
    if report.changes and report.dry_run:
        rows = [(one.sku, one.attribute, one.old or "–", one.new or "–") for one in report.changes[:_SHOWN]]
        many = report.sent + report.recalled
        output.show_table(f"First {len(rows)} of {many:,} changes", ["sku", "attribute", "there", "will be"], rows)
    if report.problems:
        _tell_problems(report.problems)


def _tell_problems(problems: Sequence["Problem"]) -> None:
    rows = [(one.attribute, one.value, f"{one.count:,}", one.sku, one.reason) for one in problems[:_SHOWN]]
    output.show_table("What stays here", ["attribute", "value", "answers", "first sku", "why"], rows)
    for hint in dict.fromkeys(one.hint for one in problems if one.hint):
        output.say(f"hint: {hint}")
