"""`vitrine demo`: the whole job on a drawn catalog."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson

_DAY_PRODUCTS, _DAY_ARRIVING = 900, 40


def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where to draw and work.")] = Path("vitrine-demo"),
    products: Annotated[int, typer.Option("--products", min=60, help="How many products to draw.")] = 3_000,
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws another catalog.")] = 7,
    day: Annotated[
        bool,
        typer.Option(
            "--day", help="Play a day instead: photos arrive, answers leave, people correct, an audit recalls."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Draw a footwear catalog with planted faults, run everything, and say what was found.

    Offline; some minutes on two cores. Run again, it continues. With --day, in a new folder: from the studio to lake and SAP, a
    better model taking over, and a recall.
    """
    from vitrine.demo.run import run_demo

    if day:
        _play_day(folder, seed, as_json)
        return

    with ExitStack() as bars:

        def watch(stage: str) -> Callable[[int, int], None]:
            bars.close()
            callback: Callable[[int, int], None] = bars.enter_context(output.progress(stage))
            return callback

        report = run_demo(folder, products=products, seed=seed, watch=watch)
    if as_json:
        output.show_json(report.as_dict())
        return
    _show(report)


def _play_day(folder: Path, seed: int, as_json: bool) -> None:
    from vitrine.demo.day import run_day

    hours = run_day(folder, products=_DAY_PRODUCTS, arriving=_DAY_ARRIVING, seed=seed, tell=_tell_hour)
    if as_json:
        output.show_json([hour.as_dict() for hour in hours])
        return
    output.say(f"\nWhat SAP was given lies in {folder}/sap-outbox, the lake in {folder}/lake.")
    output.say(f"Open the desk:  vitrine serve --workspace {folder}")


def _tell_hour(hour: Any) -> None:
    output.say(f"{hour.at}  {hour.what}")
    for name, fact in hour.facts.items():
        shown = ", ".join(f"{key} {value:,}" for key, value in fact.items()) if isinstance(fact, dict) else fact
        output.say(f"       {name.replace('_', ' ')}: {shown}")


def _show(report: Any) -> None:
    rows = [(f.kind, f.planted, f.found, f.others) for f in report.found]
    output.show_table(
        f"{report.products:,} products, {report.photos:,} photos drawn: planted and found",
        ["", "planted", "found", "others pointed at"],
        rows,
    )
    output.say(
        f"Then somebody looked at the {report.looked_at:,} labels that were pointed at and corrected {report.corrected:,} "
        "(played: the drawing knows them)."
    )
    scores = []
    for name, score in report.scorecard["attributes"].items():
        right = f"{output.percent(score['published_accuracy'])} of {score.get('published', 0):,}"
        scores.append(
            (name, f"{score['n']:,}", output.percent(score["accuracy"]), output.percent(score["coverage"]), right)
        )
    output.show_table("On the test part", ["attribute", "n", "accuracy", "published", "right among published"], scores)
    output.show_certificates(report.training["certificates"])
    arrived = [(what, *answers.values()) for what, answers in report.received.items()]
    output.show_table("Goods receipt: what arrived", ["", "match", "mismatch", "don't know"], arrived)
    model = report.scorecard["model"]
    output.say("\nDrawn pictures prove that the road works, never how accurate it is on yours.")
    output.say(f"One photo to attributes: {report.one_photo_ms:.0f} ms. All of it: {report.seconds:.0f} s.")
    output.say(f"Look at  {report.folder}/reports/scorecard-{model}.html")
    output.say(f"         {report.folder}/reports/check.html")
    output.say(f"Then open the desk:  vitrine serve --workspace {report.folder}")
    output.say("And in a folder of your own:  vitrine init --table labels.csv")
