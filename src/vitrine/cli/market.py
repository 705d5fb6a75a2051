"""`vitrine market …`: the marketplace's sources, features, models and scores."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder
from vitrine.errors import InputError, Refused

if TYPE_CHECKING:
    from vitrine.market.demo import DemoReport
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


Task = Annotated[str, typer.Argument(help="churn, activation, delay or segments.")]
ModelId = Annotated[str | None, typer.Option("--model", help="Model id; by default the one trained last.")]
Trials = Annotated[int, typer.Option("--trials", min=1, help="Settings of the trees to try.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]


@market.command()
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
        show_training(report)


def _train_segments(workspace: Path, seed: int, as_json: bool) -> None:
    from vitrine.market.home import Market
    from vitrine.market.segment_jobs import run_segments

    report = run_segments(Market.open(workspace), seed=seed)
    if as_json:
        output.show_json(report)
    else:
        show_segments(report)


def show_segments(report: dict[str, Any]) -> None:
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


def show_training(report: dict[str, Any]) -> None:
    """A training's report as a person reads it."""
    figures = {
        "unseen sellers, same months": report["auc"],
        "out of time": report["auc_out_of_time"],
        "out of time, sellers never seen": report["auc_out_of_time_new_sellers"],
        **{f"baseline: {name.replace('_', ' ')}": one for name, one in report["baselines"].items()},
        "a careless split would claim": report["leak_tax"]["claimed"],
        "… on the same months": report["leak_tax"]["claimed_same_months"],
    }
    rows = [(name, _decimals(one["mean"]), _between(one), f"{one['n']:,}") for name, one in figures.items()]
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
    if (report["auc_out_of_time"]["low"] or 0) <= 0.5:
        output.say("Out of time this is not shown to be better than chance: more rows or months are needed.")
    if "warning" in report:
        output.say(report["warning"])
    output.say("champion" if report["promoted"] else f"challenger: vitrine market promote {report['task']}")


@market.command()
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


@market.command()
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


def _decimals(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _between(one: dict[str, Any]) -> str:
    return "–" if one["low"] is None else f"{one['low']:.3f}–{one['high']:.3f}"


@market.command()
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


@market.command()
def report(workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Write the marketplace's page: who is at risk and why, routes, segments, models, drift."""
    from vitrine.market.home import Market
    from vitrine.market.report.write import write_report

    path = write_report(Market.open(workspace))
    if as_json:
        output.show_json({"report": str(path)})
    else:
        output.say(f"report: {path}")


@market.command()
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


@market.command()
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where to simulate and work.")] = Path("market-demo"),
    sellers: Annotated[int, typer.Option("--sellers", help="Sellers that sell at least once.")] = 1_000,
    orders: Annotated[int, typer.Option("--orders", help="Orders.")] = 30_000,
    seed: Seed = 7,
    as_json: AsJson = False,
) -> None:
    """Simulate a marketplace with planted truth, run everything on it, and compare with the truth. Offline."""
    from contextlib import ExitStack

    from vitrine.market.demo import run_demo

    with ExitStack() as bars:

        def watch(stage: str) -> Callable[[int, int], None]:
            bars.close()
            callback: Callable[[int, int], None] = bars.enter_context(output.progress(stage))
            return callback

        found = run_demo(folder, sellers=sellers, orders=orders, seed=seed, watch=watch)
    if as_json:
        output.show_json(found.as_dict())
        return
    _show_demo(found)


def _show_demo(found: "DemoReport") -> None:
    rows = []
    for task, one in found.training.items():
        best, honest, claimed = found.best.get(task, {}), one["auc_out_of_time"], one["leak_tax"]["claimed"]
        shown = f"{best['auc']:.3f} ({best['low']:.3f}–{best['high']:.3f})" if best else "–"
        mean = f"{_decimals(honest['mean'])} ({_between(honest)})"
        rows.append((task, f"{honest['n']:,}", mean, shown, _decimals(claimed["mean"]), one["kind"]))
    columns = ["task", "n", "AUC out of time", "best possible", "careless split says", "model"]
    output.show_table("What the models find, and what is there to find", columns, rows)
    rejected = sum(one["rejected"] for one in found.ingested["tables"].values())
    output.say(
        f"{rejected:,} faulty rows were planted and kept out, with reasons. {found.build['features']} features at "
        f"{found.build['reference_dates']} reference dates; {len(found.lookahead['leaks'])} of them look ahead."
    )
    names = "; ".join(f"{one['rows']:,} {one['words']}" for one in found.segments["segments"])
    output.say(f"{found.segments['k']} kinds of sellers: {names}.")
    for one in found.scores:
        output.say(f"{one['rows']:,} scored for {one['task']} at {one['reference_date']}.")
    output.say("\nSimulated orders prove that the road works, never how good it is on yours.")
    output.say(f"All of it: {found.seconds:.0f} s.")
    output.say(f"Look at  {found.report}")
    output.say("Then, with files of your own:  vitrine market ingest DIR")


@market.command()
def uplift(
    attributes: Annotated[Path, typer.Argument(help="Parquet: product_id, attribute, value, confidence, known_at.")],
    trials: Trials = 10,
    seed: Seed = 0,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Measure what image attributes of products, as known at the time, add to the churn model.

    [dim]vitrine market uplift product_attributes.parquet[/]
    """
    from vitrine.market.attributes import read_attributes
    from vitrine.market.attributes import uplift as measure
    from vitrine.market.home import Market
    from vitrine.market.make_abt import make_abt

    opened = Market.open(workspace)
    table = read_attributes(attributes)
    abt = make_abt(opened.data / "abt", opened.features, "churn").abt
    threads = opened.settings.learn.threads
    with output.progress("uplift") as update:
        found = measure(abt, opened.sources, table, trials=trials, seed=seed, threads=threads, on_progress=update)
    if as_json:
        output.show_json([one.as_dict() for one in found])
        return
    rows = [
        (one.attribute or "all together", f"{one.auc_without:.3f}", f"{one.auc_with:.3f}",
         f"{one.gain:+.4f} ({one.interval[0]:+.4f} to {one.interval[1]:+.4f})", f"{one.n:,}")
        for one in found
    ]  # fmt: skip
    output.show_table("What image attributes add, out of time", ["attribute", "AUC without", "with", "gain", "n"], rows)
