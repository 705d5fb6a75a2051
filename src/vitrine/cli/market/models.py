"""`vitrine market train`, `promote`, `models`, `uplift`: a champion for each task."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vitrine.cli import output
from vitrine.cli.market.options import Seed, Task, Trials
from vitrine.cli.options import AsJson, Folder, ModelId
from vitrine.errors import InputError, Refused


def train(
    task: Task,
    table: Annotated[Path | None, typer.Option("--abt", help="A ready base table, Parquet or CSV.")] = None,
    label: Annotated[str, typer.Option("--label", help="With --abt: the column to predict, 0 or 1.")] = "label",
    time: Annotated[str, typer.Option("--time", help="With --abt: date, month or quarter.")] = "reference_date",
    group: Annotated[list[str] | None, typer.Option("--group", help="With --abt: who stays on one side.")] = None,
    entity: Annotated[
        list[str] | None, typer.Option("--entity", help="With --abt: rows that agree here are one.")
    ] = None,
    without: Annotated[list[str] | None, typer.Option("--without", help="With --abt: no feature.")] = None,
    horizon: Annotated[int | None, typer.Option("--horizon", help="Days that the label looks ahead.")] = None,
    contact_cost: Annotated[float, typer.Option("--contact-cost", help="What one contact costs.")] = 10.0,
    loss: Annotated[float, typer.Option("--loss", help="What one lost seller or late order costs.")] = 100.0,
    saved: Annotated[float, typer.Option("--saved", help="Share of losses that a contact in time prevents.")] = 0.3,
    trials: Trials = 20,
    seed: Seed = 0,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Learn a task: split by seller and out of time, baselines first; the first model becomes the champion.

    [dim]vitrine market train churn[/]

    [dim]vitrine market train churn --abt quarters.parquet --label is_churn --time quarter --group seller_id --horizon 92[/]
    """
    from vitrine.market.base_table import read_base_table
    from vitrine.market.home import Market
    from vitrine.market.jobs import run_training
    from vitrine.market.profit import Costs

    if task == "segments":
        _train_segments(workspace, seed, as_json)
        return
    costs = Costs(contact_cost, loss, saved)
    given = None
    if table is not None:
        if horizon is None:
            raise InputError("--abt needs --horizon", hint="the days that the label looks ahead set the embargo")
        given = read_base_table(
            table, task, label=label, time=time, group=group or [], entity=entity or [], without=without or [],
            horizon_days=horizon,
        )  # fmt: skip
    with output.progress("train") as update:
        report = run_training(
            Market.open(workspace), task, given=given, horizon_days=horizon, costs=costs, trials=trials, seed=seed,
            on_progress=update,
        )  # fmt: skip
    if as_json:
        output.show_json(report)
    else:
        _show_training(report)


def _train_segments(workspace: Path, seed: int, as_json: bool) -> None:
    from vitrine.market.home import Market
    from vitrine.market.segment_jobs import run_segments

    report = run_segments(Market.open(workspace), seed=seed)
    if as_json:
        output.show_json(report)
    else:
        _show_segments(report)


def _show_segments(report: dict[str, Any]) -> None:
    """A segmentation as a person reads it."""
    rows = [
        (one["k"], f"{one['silhouette']:.3f}", f"{one['stability']:.2f}", f"{one['least']:.2f}", one["smallest"])
        for one in report["tried"]
    ]
    output.show_table("Tried", ["k", "silhouette", "stability", "least stable", "smallest"], rows)
    found = [
        (f"{one['rows']:,}", output.percent(one["share"]), f"{one['stability']:.2f}", one["words"])
        for one in report["segments"]
    ]
    output.show_table(f"{report['model']}: {report['k']} segments", ["sellers", "", "stability", "who"], found)
    if "warning" in report:
        output.say(report["warning"])
    output.say("champion" if report["promoted"] else "challenger: vitrine market promote segments")


def _show_training(report: dict[str, Any]) -> None:
    """A training's report as a person reads it."""
    figures = {
        "unseen sellers, same months": report["auc"],
        "out of time": report["auc_out_of_time"],
        "out of time, sellers never seen": report["auc_out_of_time_new_sellers"],
        **{f"baseline: {name.replace('_', ' ')}": one for name, one in report["baselines"].items()},
        "a careless split would claim": report["leak_tax"]["claimed"],
        "… on the same months": report["leak_tax"]["claimed_same_months"],
    }
    rows = [
        (name, output.decimals(one["mean"]), output.interval(one), f"{one['n']:,}") for name, one in figures.items()
    ]
    output.show_table(f"{report['model']} ({report['kind']})", ["", "AUC", "95 % interval", "n"], rows)
    profit = report["profit"]
    if profit["threshold"] is None:
        output.say("At these costs no contact pays.")
    else:
        gain = profit["profit_per_1000"]
        output.say(
            f"Contact those above {profit['threshold']:.2f}: {output.percent(profit['contacted'])} of all, "
            f"{gain['mean']:+,.0f} ({gain['low']:+,.0f} to {gain['high']:+,.0f}) for each 1,000 out of time."
        )
    for name, auc in report["suspects"].items():
        output.say(f"look at '{name}': alone it ranks with AUC {auc:.3f}; was it known in time?")
    if "warning" in report:
        output.say(report["warning"])
    if "not_promoted" in report:
        output.say(f"not the champion: {report['not_promoted'].removeprefix('not promoted: ')}")
    else:
        output.say("champion" if report["promoted"] else f"challenger: vitrine market promote {report['task']}")


def promote(
    task: Task,
    model: ModelId = None,
    back: Annotated[bool, typer.Option("--back", help="Go back to the champion before.")] = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Make a task's challenger the champion if its gain is proven; or go back with --back. Exit 1: not proven."""
    from vitrine.market.home import Market
    from vitrine.market.jobs import run_promotion, run_rollback

    opened = Market.open(workspace)
    entry = run_rollback(opened, task) if back else run_promotion(opened, task, model)
    if as_json:
        output.show_json({**entry, "evidence": json.loads(entry["evidence"])})
    else:
        output.say(f"{entry['action']}: {entry['model_id']} is the champion of {task}")


def models(workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """List the marketplace's models, and the history of champions of each task."""
    from vitrine.learn.promote import champion_history
    from vitrine.market.home import Market
    from vitrine.market.jobs import models as known_models

    opened = Market.open(workspace)
    known = known_models(opened)
    history = {one: champion_history(opened.catalog, line=one) for one in sorted({row["line"] for row in known})}
    champions = {one: entries[-1].model_id for one, entries in history.items() if entries}
    if as_json:
        entries = {one: [asdict(entry) for entry in of_line] for one, of_line in history.items()}
        output.show_json({"champions": champions, "models": known, "history": entries})
        return
    if not known:
        raise Refused("there is no model yet", hint="vitrine market train churn makes one")
    standing = set(champions.values())
    rows = [("★" if m["model_id"] in standing else "", m["model_id"], m["dataset_id"], m["created_at"]) for m in known]
    output.show_table("Models", ["", "model", "base table", "trained"], rows)
    entries_shown = [(h.line, h.position, h.action, h.model_id, h.promoted_at) for of in history.values() for h in of]
    output.show_table("Champions", ["line", "", "", "model", "when"], entries_shown)


def uplift(
    task: Task = "churn",
    trials: Trials = 10,
    seed: Seed = 0,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Measure what image attributes of products, as known at the time, add to a model.

    [dim]vitrine market uplift churn[/]
    """
    from vitrine.market.home import Market
    from vitrine.market.make_abt import make_abt
    from vitrine.market.uplift import uplift as measure

    opened = Market.open(workspace)
    abt = make_abt(opened.data / "abt", opened.features, task).abt
    threads = opened.settings.learn.threads
    with output.progress("uplift") as update:
        found = measure(abt, trials=trials, seed=seed, threads=threads, on_progress=update)
    if as_json:
        output.show_json([one.as_dict() for one in found])
        return
    rows = [
        (one.attribute or "all together", f"{one.auc_without:.3f}", f"{one.auc_with:.3f}",
         f"{one.gain:+.4f} ({one.interval[0]:+.4f} to {one.interval[1]:+.4f})", f"{one.n:,}")
        for one in found
    ]  # fmt: skip
    output.show_table("What image attributes add, out of time", ["attribute", "AUC without", "with", "gain", "n"], rows)
