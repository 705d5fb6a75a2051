"""`vitrine market score`, `refresh`, `report`: the champions at work."""

from pathlib import Path

from vitrine.cli import output
from vitrine.cli.market.options import Task
from vitrine.cli.options import AsJson, Folder, ModelId


def score(task: Task, model: ModelId = None, workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Score everybody the task asks about at the latest reference date, by the champion; safe to run twice.

    [dim]vitrine market score churn[/]

    Scores go to a Parquet data set and to the catalog, with the reasons of each.
    """
    from vitrine.market.home import Market
    from vitrine.market.score import score as run

    report = run(Market.open(workspace), task, model_id=model)
    if as_json:
        output.show_json(report.as_dict())
        return
    output.say(f"{report.rows:,} scored at {report.reference_date} by {report.model}: {report.output}")
    if report.warning:
        output.say(report.warning)


def refresh(workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Build the newest features, score every task that has a champion, and write the report; for a scheduler.

    [dim]vitrine market refresh[/]
    """
    from vitrine.market.home import Market
    from vitrine.market.refresh import refresh as run

    with output.progress("build") as update:
        found = run(Market.open(workspace), on_progress=update)
    if as_json:
        output.show_json(found)
        return
    rows = [(one["task"], one["reference_date"], f"{one['rows']:,}", one["model"]) for one in found["scores"]]
    output.show_table("Scored", ["task", "at", "rows", "model"], rows)
    for task, reason in found["not_scored"].items():
        output.say(f"{task} not scored: {reason}")
    output.say(f"report: {found['report']}")


def report(workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Write the marketplace's page: who is at risk and why, routes, segments, models, drift."""
    from vitrine.market.home import Market
    from vitrine.market.report.write import write_report

    path = write_report(Market.open(workspace))
    if as_json:
        output.show_json({"report": str(path)})
    else:
        output.say(f"report: {path}")
