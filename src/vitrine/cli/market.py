"""`vitrine market …`: the marketplace's sources, features, models and scores."""

from pathlib import Path
from typing import Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder

market = typer.Typer(no_args_is_help=True, help="Sellers, orders and leads: features, models and scores over time.")


@market.command()
def ingest(
    folder: Annotated[Path, typer.Argument(help="Folder with the official Olist files; any subset will do.")],
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Bring the marketplace's files in, typed and checked; all or nothing.

    [dim]vitrine market ingest olist/[/]

    Rows that cannot be used are kept beside the tables with their reason; later ingests replace earlier ones.
    """
    from vitrine.market.home import Market

    with output.progress("ingest") as update:
        report = Market.open(workspace).ingest(folder, on_progress=update)
    if as_json:
        output.show_json(report.as_dict())
        return
    rows = [(name, f"{one.rows:,}", f"{one.rejected:,}", f"{one.repeated:,}") for name, one in report.tables.items()]
    output.show_table("Ingested" if report.changed else "Nothing new", ["table", "rows", "rejected", "repeated"], rows)
    for heading, chosen in (("Rejected", "reasons"), ("Kept, with a note", "notes")):
        found = [
            (name, f"{n:,}", why) for name, one in report.tables.items() for why, n in getattr(one, chosen).items()
        ]
        if found:
            output.show_table(heading, ["table", "rows", "why"], found)
    for task, names in report.lacking.items():
        output.say(f"{task} needs {', '.join(names)} too")


@market.command()
def build(
    first: Annotated[str, typer.Option("--from", help="First reference date: 2017-01 or 2017-01-15.")],
    last: Annotated[str, typer.Option("--to", help="Last reference date.")],
    every: Annotated[str, typer.Option("--every", help="month, week or day.")] = "month",
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Make the sellers' features at every reference date, from what was known before it.

    [dim]vitrine market build --from 2017-01 --to 2018-06[/]

    Dates that are up to date are skipped; a build that was stopped goes on where it was.
    """
    from vitrine.market.grid import grid
    from vitrine.market.home import Market

    dates = grid(first, last, every)
    with output.progress("build") as update:
        report = Market.open(workspace).features.build(dates, on_progress=update)
    if as_json:
        output.show_json(report.as_dict())
        return
    rows = [(name.replace("_", " "), value) for name, value in report.as_dict().items()]
    output.show_table("Features", ["", ""], rows)
