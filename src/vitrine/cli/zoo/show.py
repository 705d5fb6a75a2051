"""`vitrine zoo list`, `results`: what there is, and what it reached."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson
from vitrine.cli.zoo.options import Drawn, Home, say_judged
from vitrine.errors import Refused

if TYPE_CHECKING:
    from vitrine.zoo.results import Evidence, Summary


def list_entries(as_json: AsJson = False) -> None:
    """List the networks: parameters, epochs, optimizer and what each is; with --json the papers, too."""
    from vitrine.zoo.entries import ENTRIES

    if as_json:
        output.show_json([asdict(one) for one in ENTRIES])
        return
    rows = [
        (
            one.name,
            "–" if one.parameters is None else f"{one.parameters:,}",
            f"{one.recipe.epochs} × {one.recipe.optimizer}",
            one.says,
        )
        for one in ENTRIES
    ]
    output.show_table("", ["entry", "parameters", "training", "what it is"], rows)


def results(
    entry: Annotated[
        str | None, typer.Argument(help="One entry with its classes; by default the table of all.")
    ] = None,
    folder: Home = None,
    drawn: Drawn = False,
    mine: Annotated[bool, typer.Option("--mine", help="Your own runs instead of the published ones.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what was reached on the 10,000 test pictures: published results, or your own with --mine."""
    from vitrine.zoo import results as stored
    from vitrine.zoo.home import default_home

    home = folder or default_home()
    place = (home / "drawn" if drawn else home) if mine or drawn or folder else stored.SHIPPED
    evidence = [one for one in stored.read(place) if entry in (None, one.result.entry)]
    if not evidence:
        what = f"'{entry}'" if entry else "anything"
        raise Refused(f"there is no result of {what} in {place}", hint="vitrine zoo run resnet-fast makes one")
    if as_json:
        output.show_json(
            [asdict(one) for one in evidence] if entry else [asdict(one) for one in stored.summaries(evidence)]
        )
    elif entry:
        _show_entry(evidence)
    else:
        _show_summaries(stored.summaries(evidence))


def _show_summaries(summaries: "list[Summary]") -> None:
    columns = ["entry", "accuracy %", "seeds", "worst F1", "epochs", "s", "CPU s"]
    output.show_table("Accuracy on the test pictures", columns, [_row(one) for one in summaries])


def _row(one: "Summary") -> tuple[object, ...]:
    epochs = str(one.epochs) if one.epochs == one.planned else f"{one.epochs} of {one.planned}"
    over_seeds = "" if one.over_seeds is None else f" ± {100 * one.over_seeds:.2f}"
    return (
        one.entry, f"{100 * one.accuracy:.2f}{over_seeds}", one.seeds, f"{one.worst_class} {one.worst_f1:.3f}", epochs,
        f"{one.seconds:,.0f}", f"{one.cpu_seconds:,.0f}",
    )  # fmt: skip


def _show_entry(evidence: "list[Evidence]") -> None:
    from vitrine.zoo.results import class_scores

    for one in evidence:
        say_judged(one)
        rows = [
            (score.name, f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}")
            for score in class_scores(one.confusion)
        ]
        output.show_table(f"seed {one.result.seed}", ["class", "precision", "recall", "F1"], rows)
