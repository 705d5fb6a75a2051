"""`vitrine market build`, `abt`, `lookahead`: what was known at each date, and the proof that it was."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder

if TYPE_CHECKING:
    from vitrine.market.lookahead import Leak, Lookahead


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
