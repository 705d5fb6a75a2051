"""`vitrine audit`: how the promise of what is published stands."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder

if TYPE_CHECKING:
    from vitrine.desk.audit import AttributeAudit
    from vitrine.workspace import Workspace


def audit(
    recall: Annotated[
        str | None, typer.Option("--recall", help="List what the stopped head of this attribute had published.")
    ] = None,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Draw the audits that are due and show the error meter of every attribute. Exit 1: an attribute is stopped.

    Run it once a week or more often; [dim]vitrine classify[/] draws too. People answer audits at the desk.
    """
    import vitrine
    from vitrine.desk.audit import STOPPED

    opened = vitrine.open(workspace)
    if recall is not None:
        _show_recalls(opened, recall, as_json)
        return
    opened.ask()
    found = opened.audits()
    if as_json:
        output.show_json([one.as_dict() for one in found])
    else:
        _show_meters(found)
    if any(one.state == STOPPED for one in found):
        raise typer.Exit(1)


def _show_meters(found: Sequence["AttributeAudit"]) -> None:
    if not found:
        output.say("The champion publishes nothing without a person yet: there is nothing to audit.")
        return
    rows = [
        (
            one.attribute,
            one.state,
            f"{one.audits:,}",
            f"{one.errors:,}",
            output.percent(one.estimate),
            output.percent(one.bound) if one.audits else "–",
            output.percent(one.allowed),
            f"{one.pending:,}",
        )
        for one in found
    ]
    columns = ["attribute", "state", "audits", "wrong", "estimate", "at most", "allowed", "waiting"]
    output.show_table("Errors in what is published", columns, rows)
    for one in found:
        if one.stopped_at:
            output.say(
                f"{one.attribute} was stopped at {one.stopped_at:%Y-%m-%d %H:%M} UTC; people decide it now. "
                f"{one.recalled:,} answers to recall: vitrine audit --recall {one.attribute}"
            )


def _show_recalls(opened: "Workspace", attribute: str, as_json: bool) -> None:
    from vitrine.desk.audit import recalls

    rows = recalls(opened.catalog, opened.taxonomy.attribute(attribute).name).to_pylist()
    if as_json:
        output.show_json(rows)
        return
    if not rows:
        output.say(f"{attribute} is not stopped: there is nothing to recall.")
        return
    shown = [(row["sku"], row["value"], row["recalled_at"]) for row in rows]
    output.show_table(f"To recall: {attribute}", ["sku", "published", "recalled"], shown)
