"""`vitrine lookalike`: prepare the search for similar products, and measure it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder
from vitrine.errors import Refused

lookalike = typer.Typer(no_args_is_help=True, help="Prepare the search for similar products, and measure it.")


@lookalike.command()
def build(workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Bring shelf and index up to the catalog and champion of now. Exit 1: the embedder has collapsed.

    A search does the same by itself; do it ahead where a catalog is large or has a new champion.
    """
    import vitrine

    opened = vitrine.open(workspace)
    with output.progress("look") as update:
        finder = opened.finder
        change = finder.refresh(on_progress=update)
    report = {
        "space": finder.space.id,
        "model": finder.space.model_id,
        "products": len(finder.shelf),
        "put": len(change.put),
        "removed": len(change.removed),
        "attributes": list(finder.space.values),
        "collapsed": finder.alarm and finder.alarm.message,
    }
    if as_json:
        output.show_json(report)
    else:
        output.say(f"{report['products']:,} products on the shelf of {report['space']}")
    if finder.alarm:
        raise Refused(
            finder.alarm.message, hint="check [embedder] output: a softmax is no embedding; vitrine config show"
        )


@lookalike.command()
def evaluate(
    attribute: Annotated[
        list[str] | None, typer.Option("--attribute", help="Counts for a fine hit; by default all learnt. Repeatable.")
    ] = None,
    change: Annotated[
        str | None, typer.Option("--change", help="The attribute to steer; by default the color.")
    ] = None,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Measure recall, average precision, steering, coverage and leaks on the test part, beside plain cosine.

    A fine hit has all chosen attributes right. Like vitrine evaluate, it counts as a look at the test part.
    """
    import vitrine

    opened = vitrine.open(workspace)
    report = opened.evaluate_look_alikes(attributes=attribute or (), change=change)
    if as_json:
        output.show_json(report)
        return
    for gallery in ("everything", "unseen"):
        _show(gallery, report[gallery])
    if report["collapsed"]:
        output.say(f"alarm: {report['collapsed']}")


def _show(gallery: str, measured: dict[str, Any]) -> None:
    attributes, steered = measured["attributes"], measured["steered"]
    rows = [_row(name, one["recall@1"]) for name, one in attributes.items()]
    rows += [_row("all of these", measured["fine"]["recall@1"]), _row("… in the first 5", measured["fine"]["recall@5"])]
    if steered:
        told = f"another {steered['change']} ({steered['recall@1']['n']:,})"
        rows += [_row(told, steered["recall@1"]), _row("… in the first 5", steered["recall@5"])]
    title = f"{measured['queries']:,} test products among {measured['searched']:,} ({gallery}), own families left out"
    output.show_table(title, ["recall@1 (95 %)", "look-alikes", "cosine", "gain, points"], rows)
    shares = [
        (name, output.percent(one["mAP"]["learned"]), output.percent(one["mAP"]["plain"]), *_probabilities(one))
        for name, one in attributes.items()
    ]
    columns = ["mAP and probability", "look-alikes", "cosine", "said", "true"]
    output.show_table("mean average precision, and what is said of the products shown", columns, shares)
    if steered:
        filtered = output.percent(steered["filtered"]["recall@1"])
        output.say(f"another {steered['change']}: cosine among products predicted to have it finds {filtered}")
    leak = measured["leak"]
    output.say(
        f"coverage of the catalog: {output.percent(measured['coverage']['learned'])} (cosine "
        f"{output.percent(measured['coverage']['plain'])}); leak: the nearest is of the own family in "
        f"{output.percent(leak['nearest_is_own_family'])}, which would make recall@1 of {leak['attribute']} "
        f"{output.percent(leak['plain_recall@1_with_family'])} for cosine"
    )


def _probabilities(one: dict[str, Any]) -> tuple[str, str]:
    known = one["probability"] or {"said": None, "same": None}
    return output.percent(known["said"]), output.percent(known["same"])


def _row(name: str, one: dict[str, Any]) -> tuple[str, ...]:
    low, high = one["interval"]
    least, most = one["gain_interval"]
    return (
        name,
        f"{output.percent(one['learned'])} ({100 * low:.1f}–{100 * high:.1f})",
        output.percent(one["plain"]),
        f"{100 * one['gain']:+.1f} ({100 * least:+.1f} to {100 * most:+.1f})",
    )
