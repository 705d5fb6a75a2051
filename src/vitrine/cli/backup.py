"""`vitrine backup`, `restore` and `tidy`: a workspace in one file, back, and without what nothing reads."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder

File = Annotated[Path, typer.Argument(help="The backup file.", dir_okay=False)]


def backup(
    file: File,
    photos: Annotated[bool, typer.Option("--photos", help="With the cleaned photos.")] = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Write everything that people and machines have said, models, data sets, taxonomy and settings into one file.

    As of one moment, while the work goes on. Vectors are made anew after a restore, and photos are taken from where they lie.
    """
    import vitrine
    from vitrine.backup import backup as write

    opened = vitrine.open(workspace)
    with output.progress("photos") as update:
        report = write(opened, file, photos=photos, on_progress=update)
    if as_json:
        output.show_json(asdict(report))
        return
    rows = sum(report.tables.values())
    output.say(
        f"{report.path}: {rows:,} rows, {report.files:,} files, {report.photos:,} photos, {report.bytes:,} bytes"
    )


def restore(
    file: File,
    workspace: Annotated[Path, typer.Option("--workspace", "-w", help="A new folder.", file_okay=False)],
    catalog: Annotated[
        str | None, typer.Option("--catalog", help="URL of an empty database instead of the one in the settings.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into a new folder. Exit 1: the folder or the database is not empty."""
    from vitrine.backup import restore as read

    report = read(file, workspace, catalog_url=catalog)
    if as_json:
        output.show_json(asdict(report))
        return
    output.say(f"{report.folder}: {sum(report.tables.values()):,} rows, {report.files:,} files, as of {report.made_at}")
    if report.photos_missing:
        output.say("photos are not where the settings say: vitrine ingest brings them back")


def tidy(
    runs: Annotated[
        int, typer.Option("--runs", min=0, help="How many data sets of vitrine classify stay, the newest.")
    ] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Remove old data sets of runs and files that killed processes never finished; nothing of the last day.

    What the data sets say stands in the catalog. A plan has it as the step `tidy`.
    """
    import vitrine
    from vitrine.tidy import tidy as remove

    report = remove(vitrine.open(workspace), keep_runs=runs, dry_run=dry_run)
    if as_json:
        output.show_json(asdict(report))
        return
    would = "would go" if dry_run else "are gone"
    output.say(
        f"{len(report.runs):,} data sets of runs and {report.unfinished:,} unfinished files {would}: {report.bytes:,} bytes"
    )
