"""`vitrine market ingest`, `attributes` and `simulate`: where the marketplace's tables come from."""

from pathlib import Path
from typing import Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder


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


def attributes(
    folder: Annotated[Path, typer.Argument(help="Folder with the official files; the table is written beside them.")],
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Write what is known of the products of a photo workspace, and since when, as a table of the marketplace.

    [dim]vitrine market attributes olist/ --workspace photos/[/]

    A product's sku is its product_id. Ingested, it gives the seller and order models features of what photos show.
    """
    import vitrine
    from vitrine.market.photos import write_attributes

    report = write_attributes(vitrine.open(workspace), folder)
    if as_json:
        output.show_json(report.as_dict())
        return
    output.say(f"{report.rows:,} values of {report.products:,} products in {report.output}")
    output.say(f"vitrine market ingest {folder} brings them in")


def simulate(
    folder: Annotated[Path, typer.Argument(help="New folder for the simulated files.")],
    sellers: Annotated[int, typer.Option("--sellers", help="Sellers that sell at least once.")] = 3_000,
    orders: Annotated[int, typer.Option("--orders", help="Orders, up to ten million.")] = 100_000,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same files.")] = 7,
    faults: Annotated[bool, typer.Option("--faults", help="Plant duplicates, orphans and other faults.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write Parquet files; smaller and faster.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a marketplace with planted truth, in the official files' shape.

    [dim]vitrine market simulate market/ --sellers 3000 --orders 100000 --seed 7[/]

    `truth/` says who leaves and why, and the best that any model could reach on each task.
    """
    from vitrine.market.simulate import simulate as run

    with output.progress("simulate") as update:
        report = run(
            folder,
            sellers=sellers,
            orders=orders,
            seed=seed,
            faults=faults,
            form="parquet" if parquet else "csv",
            on_progress=update,
        )
    if as_json:
        output.show_json(report.as_dict())
        return
    output.show_table("Simulated", ["table", "rows"], [(name, f"{rows:,}") for name, rows in report.rows.items()])
    best = [("churn", report.bounds["churn"]), ("delay", report.bounds["delay"])]
    best += [(f"activation in {days}", one) for days, one in report.bounds["activation"].items() if days != "rule"]
    rows = [(name, one["rows"], one["positives"], _interval(one)) for name, one in best]
    output.show_table("What the planted truth allows", ["task", "rows", "positives", "best AUC"], rows)
    for fault in report.faults:
        output.say(f"planted: {fault['rows']:,} × {fault['table']}: {fault['kind']}")
    output.say(f"vitrine market ingest {folder} brings it in")


def _interval(area: dict[str, float | int | None]) -> str:
    if area["auc"] is None:
        return "one class only"
    return f"{area['auc']:.3f} ({area['low']:.3f} to {area['high']:.3f})"
