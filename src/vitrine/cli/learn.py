"""`vitrine train`, `evaluate`, `promote`, `models`: from labels to a champion with certificates."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder, ModelId
from vitrine.errors import Refused


def train(
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", help="Learn only this anew; the others keep the champion's heads. Repeatable."),
    ] = None,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Learn every attribute from the labels, and certify what may be published.

    The first model becomes the champion; a later one is a challenger until [dim]vitrine promote[/] proves it better.
    """
    import vitrine
    from vitrine.jobs import run_training

    opened = vitrine.open(workspace)
    with output.progress("embed") as embedding, output.progress("train") as training:
        report = run_training(opened, attributes=attribute, on_embed=embedding, on_train=training)
    if as_json:
        output.show_json(report)
        return
    rows = [
        (name, head["kind"], f"{head['rows']:,}", output.percent(head["accuracy"]))
        for name, head in report["attributes"].items()
    ]
    output.show_table(
        f"Trained {report['model']} on {report['dataset']}", ["attribute", "head", "labels", "out of fold"], rows
    )
    output.show_certificates(report["certificates"])
    for name, reason in report["left_out"].items():
        output.say(f"not learnt: {name} ({reason})")
    output.say("champion" if report["champion"] else "challenger: vitrine evaluate, then vitrine promote")


def retrain(
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", help="Learn only this anew; the others keep the champion's heads. Repeatable."),
    ] = None,
    if_new: Annotated[int, typer.Option("--if-new", min=0, help="Only with at least so many new labels.")] = 0,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Train on what people and tables have said since, evaluate, and promote if it is proven. Exit 1: it was not.

    For a nightly job: [dim]vitrine retrain --if-new 500[/]. What a machine has published never becomes a label.
    """
    import vitrine
    from vitrine.jobs import run_retraining

    opened = vitrine.open(workspace)
    with output.progress("embed") as embedding, output.progress("train") as training:
        report = run_retraining(opened, attributes=attribute, if_new=if_new, on_embed=embedding, on_train=training)
    if as_json:
        output.show_json(report)
    else:
        _show_retraining(report, if_new)
    if report["refused"]:
        raise typer.Exit(1)


def _show_retraining(report: dict[str, Any], if_new: int) -> None:
    if report["trained"] is None:
        output.say(f"{report['new_labels']:,} new labels, fewer than {if_new:,}: nothing was done")
        return
    rows = [_score_row(name, score) for name, score in report["evaluation"]["attributes"].items()]
    columns = ["attribute", "n", "accuracy", "95 % interval", "macro-F1", "published", "right"]
    output.show_table(f"{report['trained']['model']} on the test part", columns, rows)
    output.show_certificates(report["trained"]["certificates"])
    if report["refused"]:
        output.say(report["refused"])
    else:
        output.say("champion; next: vitrine classify")


def evaluate(model: ModelId = None, workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Judge a model on the test part, and write its report with plots."""
    import vitrine
    from vitrine.jobs import run_evaluation

    opened = vitrine.open(workspace)
    with output.progress("evaluate") as update:
        scorecard = run_evaluation(opened, model, on_progress=update)
    if as_json:
        output.show_json(scorecard)
        return
    rows = [_score_row(name, score) for name, score in scorecard["attributes"].items()]
    output.show_table(
        f"{scorecard['model']} on the test part (split by family, look number {scorecard['test_uses']})",
        ["attribute", "n", "accuracy", "95 % interval", "macro-F1", "published", "right"],
        rows,
    )
    product = scorecard["product"]
    if product["coverage"] is not None:
        right = output.percent(product["published_accuracy"])
        output.say(
            f"whole products: {output.percent(product['coverage'])} published, {right} right (n = {product['n']:,})"
        )
    report = opened.report_path("scorecard-" + scorecard["model"])
    output.say(f"report: {report}")


def promote(
    model: ModelId = None,
    back: Annotated[bool, typer.Option("--back", help="Go back to the champion before.")] = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Make a challenger the champion if its gain is proven; or go back with --back. Exit 1: not proven."""
    import vitrine
    from vitrine.jobs import run_promotion, run_rollback

    opened = vitrine.open(workspace)
    entry = run_rollback(opened) if back else run_promotion(opened, model)
    if as_json:
        output.show_json({**entry, "evidence": json.loads(entry["evidence"])})
    else:
        output.say(f"{entry['action']}: {entry['model_id']} is the champion")


def models(workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """List models and the history of champions."""
    import sqlalchemy as sa

    import vitrine
    from vitrine.learn.promote import champion_history, champion_of
    from vitrine.records import PHOTOS
    from vitrine.stores import schema

    opened = vitrine.open(workspace)
    table = schema.models
    query = sa.select(table).where(table.c.line == PHOTOS).order_by(table.c.created_at)
    known = opened.catalog.rows(query)
    history = [_history_row(entry) for entry in champion_history(opened.catalog)]
    champion = champion_of(opened.catalog)
    if as_json:
        output.show_json({"champion": champion, "models": known, "history": history})
        return
    if not known:
        raise Refused("there is no model yet", hint="vitrine train makes one")
    rows = [("★" if m["model_id"] == champion else "", m["model_id"], m["dataset_id"], m["created_at"]) for m in known]
    output.show_table("Models", ["", "model", "data set", "trained"], rows)
    rows = [(h["position"], h["action"], h["model_id"], h["promoted_at"]) for h in history]
    output.show_table("Champions", ["", "", "model", "when"], rows)


def _score_row(name: str, score: dict[str, Any]) -> tuple[str, ...]:
    interval = score.get("accuracy_interval")
    return (
        name,
        f"{score['n']:,}",
        output.percent(score["accuracy"]),
        f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}" if interval else "–",
        "–" if score["macro_f1"] is None else f"{score['macro_f1']:.3f}",
        output.percent(score["coverage"]),
        output.percent(score["published_accuracy"]),
    )


def _history_row(entry: Any) -> dict[str, Any]:
    return {
        "position": entry.position,
        "action": entry.action,
        "model_id": entry.model_id,
        "replaces": entry.replaces,
        "evidence": json.loads(entry.evidence),
        "promoted_at": entry.promoted_at,
    }
