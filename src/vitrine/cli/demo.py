"""`vitrine demo`: the whole job on a drawn catalog."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson


def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where to draw and work.")] = Path("vitrine-demo"),
    products: Annotated[int, typer.Option("--products", min=60, help="How many products to draw.")] = 3_000,
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws another catalog.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Draw a footwear catalog with planted faults, run everything, and say what was found.

    Offline; some minutes on two cores. Run again, it continues.
    """
    from vitrine.demo.run import run_demo

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


def _show(report: Any) -> None:
    rows = [(f.kind, f.planted, f.found, f.others) for f in report.found]
    output.show_table(
        f"{report.products:,} products, {report.photos:,} photos drawn: planted and found",
        ["", "planted", "found", "others pointed at"],
        rows,
    )
    scores = []
    for name, score in report.scorecard["attributes"].items():
        right = f"{output.percent(score['published_accuracy'])} of {score.get('published', 0):,}"
        scores.append(
            (name, f"{score['n']:,}", output.percent(score["accuracy"]), output.percent(score["coverage"]), right)
        )
    output.show_table("On the test part", ["attribute", "n", "accuracy", "published", "right among published"], scores)
    output.show_certificates(report.training["certificates"])
    model = report.scorecard["model"]
    output.say("\nDrawn pictures prove that the road works, never how accurate it is on yours.")
    output.say(f"One photo to attributes: {report.one_photo_ms:.0f} ms. All of it: {report.seconds:.0f} s.")
    output.say(f"Look at  {report.folder}/reports/scorecard-{model}.html")
    output.say(f"         {report.folder}/reports/check.html")
    output.say(f"Then open the desk:  vitrine serve --workspace {report.folder}")
    output.say("And in a folder of your own:  vitrine init --table labels.csv")
