"""`vitrine market …`: the marketplace's sources, features, models and scores."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder

if TYPE_CHECKING:
    from vitrine.market.lookahead import Leak, Lookahead

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


@market.command()
def abt(
    task: Annotated[str, typer.Argument(help="churn, activation, delay or segments.")],
    horizon: Annotated[int | None, typer.Option("--horizon", help="Days that the label looks ahead.")] = None,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Make a task's base table: features known at the reference date beside the label, where it is mature.

    [dim]vitrine market abt churn[/]
    """
    from vitrine.market.home import Market
    from vitrine.market.make_abt import make_abt

    opened = Market.open(workspace)
    report = make_abt(opened.data / "abt", opened.features, task, horizon_days=horizon).as_dict()
    if as_json:
        output.show_json(report)
        return
    left_out = report.pop("left_out")
    output.show_table(
        f"Base table: {task}", ["", ""], [(key.replace("_", " "), value) for key, value in report.items()]
    )
    if left_out:
        output.show_table("Left out", ["rows", "why"], [(f"{n:,}", why) for why, n in left_out.items()])


@market.command()
def lookahead(
    dates: Annotated[str, typer.Option("--dates", help="Reference dates, with commas; all that were built.")] = "",
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Prove that no feature sees the future: compute each again where the future is absent or another one.

    [dim]vitrine market lookahead --dates 2018-01,2018-03[/]

    Exits 1 when a feature leaks, and says what the leak would have bought.
    """
    from vitrine.market.grid import read_day
    from vitrine.market.home import Market
    from vitrine.market.lookahead import lookahead as look

    days = [read_day(text.strip(), "--dates") for text in dates.split(",")] if dates else None
    with output.progress("look ahead") as update:
        report = look(Market.open(workspace).features, days, on_progress=update)
    if as_json:
        output.show_json(report.as_dict())
    else:
        _show_lookahead(report)
    if report.leaks or report.unsound:
        raise typer.Exit(1)


def _show_lookahead(report: "Lookahead") -> None:
    for task, reason in report.not_checked.items():
        output.say(f"{task} not checked: {reason}")
    if not report.leaks and not report.unsound:
        output.stdout.print(
            f"No look-ahead: {report.checked:,} features at {report.reference_dates} reference dates "
            f"({report.rows:,} rows) are the same in {report.worlds} other worlds."
        )
        return
    rows = [
        (one.feature, str(one.reference_date), f"{one.rows:,} of {one.of_rows:,}", ", ".join(one.worlds), _signed(one))
        for one in report.leaks
    ]
    if rows:
        output.show_table("These saw the future", ["feature", "at", "rows", "differs where", "AUC gain"], rows)
    broken = [(one.feature, str(one.reference_date), one.law, one.found, one.expected) for one in report.unsound]
    if broken:
        output.show_table("These do not add up", ["feature", "at", "law", "features say", "tables say"], broken)


def _signed(leak: "Leak") -> str:
    return "–" if leak.auc_gain is None else f"{leak.auc_gain:+.3f}"


@market.command()
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
