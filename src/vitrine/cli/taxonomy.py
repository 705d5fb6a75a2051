"""`vitrine taxonomy`: change values and attributes of a catalog in use, and see what was changed."""

import getpass
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder

if TYPE_CHECKING:
    from vitrine.desk.change_taxonomy import Changed, Wish

taxonomy = typer.Typer(
    no_args_is_help=True, help="Change the taxonomy; what was said before is told in the new values."
)

Attribute = Annotated[str, typer.Argument(help="The attribute.")]
Value = Annotated[str, typer.Argument(help="The value as it is now.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]


@taxonomy.command()
def rename(
    attribute: Attribute,
    value: Value,
    new: Annotated[str, typer.Argument(help="Its new name; the old one stays as a synonym.")],
    dry_run: DryRun = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Give a value another name. Nobody is asked anything."""
    from vitrine.desk.change_taxonomy import Wish
    from vitrine.intake.retell import RENAME

    _make(Wish(RENAME, attribute, (value,), (new,)), workspace, dry_run, as_json)


@taxonomy.command()
def merge(
    attribute: Attribute,
    values: Annotated[list[str], typer.Argument(help="The values to join.")],
    into: Annotated[str, typer.Option("--into", help="The value they become: one of them or a new one.")],
    dry_run: DryRun = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Make one value of several. Nobody is asked anything."""
    from vitrine.desk.change_taxonomy import Wish
    from vitrine.intake.retell import MERGE

    _make(Wish(MERGE, attribute, tuple(values), (into,)), workspace, dry_run, as_json)


@taxonomy.command()
def split(
    attribute: Attribute,
    value: Value,
    into: Annotated[list[str], typer.Argument(help="The values in its place.")],
    dry_run: DryRun = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Make several values of one. People are asked about the products that had it."""
    from vitrine.desk.change_taxonomy import Wish
    from vitrine.intake.retell import SPLIT

    _make(Wish(SPLIT, attribute, (value,), tuple(into)), workspace, dry_run, as_json)


@taxonomy.command()
def retire(
    attribute: Attribute,
    value: Value,
    dry_run: DryRun = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Take a value out of use. People are asked about the products that had it."""
    from vitrine.desk.change_taxonomy import Wish
    from vitrine.intake.retell import RETIRE

    _make(Wish(RETIRE, attribute, (value,)), workspace, dry_run, as_json)


@taxonomy.command("rename-attribute")
def rename_attribute(
    attribute: Attribute,
    new: Annotated[str, typer.Argument(help="Its new name.")],
    dry_run: DryRun = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Give an attribute another name, everywhere in the catalog."""
    from vitrine.desk.change_taxonomy import Wish
    from vitrine.intake.retell import RENAME_ATTRIBUTE

    _make(Wish(RENAME_ATTRIBUTE, attribute, (), (new,)), workspace, dry_run, as_json)


@taxonomy.command()
def undo(
    number: Annotated[
        int | None, typer.Argument(help="The change, as 'history' numbers it; by default the last one.")
    ] = None,
    dry_run: DryRun = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Take a change back. Exit 1: a later change or an edit of taxonomy.toml builds on it."""
    import vitrine
    from vitrine.desk import change_taxonomy

    opened = vitrine.open(workspace)
    path = opened.folder / "taxonomy.toml"
    author = getpass.getuser()
    changed = change_taxonomy.undo(opened.catalog, path, author=author, number=number, dry_run=dry_run)
    _show(changed, change_taxonomy.difference(changed, path) if dry_run else "", as_json)


@taxonomy.command()
def history(workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """List every change."""
    import vitrine
    from vitrine.desk import change_taxonomy

    records = change_taxonomy.history(vitrine.open(workspace).catalog)
    rows = [
        {
            "number": one.number,
            "kind": one.kind,
            "attribute": one.attribute,
            "values": json.loads(one.values),
            "into": json.loads(one.into),
            "undoes": one.undoes,
            "author": one.author,
            "changed_at": one.changed_at,
        }
        for one in records
    ]
    if as_json:
        output.show_json(rows)
        return
    shown = [
        (
            one["number"],
            one["kind"],
            one["attribute"],
            _words(one["values"]),
            _words(one["into"]),
            one["author"],
            one["changed_at"],
        )
        for one in rows
    ]
    output.show_table("Changes of the taxonomy", ["", "", "attribute", "values", "into", "by", "when"], shown)


def _make(wish: "Wish", workspace: Path, dry_run: bool, as_json: bool) -> None:
    import vitrine
    from vitrine.desk import change_taxonomy

    opened = vitrine.open(workspace)
    path = opened.folder / "taxonomy.toml"
    tried = change_taxonomy.change(opened.catalog, path, wish, author=getpass.getuser(), dry_run=True)
    text = change_taxonomy.difference(tried, path)
    changed = tried if dry_run else change_taxonomy.change(opened.catalog, path, wish, author=getpass.getuser())
    _show(changed, text if dry_run else "", as_json)


def _show(changed: "Changed", text: str, as_json: bool) -> None:
    from vitrine.intake.retell import UNDO

    if as_json:
        output.show_json({**asdict(changed), "text": text})
        return
    if text:
        output.stdout.print(text, markup=False)
    done = "changed" if changed.applied else "would change"
    output.say(
        f"{done}: {changed.labels:,} labels and {changed.decisions:,} decisions are told otherwise, "
        f"{changed.predictions:,} predictions; {changed.asked:,} questions for people"
    )
    if changed.kind == UNDO and not changed.learn_again:
        output.say("the model from before fits again: vitrine classify")
    for name in changed.learn_again:
        output.say(f"next: vitrine retrain --attribute {name}")


def _words(words: object) -> str:
    return ", ".join(words) if isinstance(words, list) else ""
