"""`vitrine backup` and `vitrine restore`: a workspace in one file, and back."""

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
