"""`vitrine decisions`: what people decided, out as files and in again, and how far they agree."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Encoding, Folder
from vitrine.errors import InputError

if TYPE_CHECKING:
    from vitrine.desk.imported import Imported

decisions = typer.Typer(
    name="decisions", no_args_is_help=True, help="What people decided: files out and in, and how far they agree."
)

To = Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)]
From = Annotated[Path, typer.Argument(help="The file to read.", dir_okay=False)]
Author = Annotated[str, typer.Option("--author", help="Whose decisions they are.")]


@decisions.command()
def trail(path: To, workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Write the audit trail, every entry ever made, as .csv, .jsonl or .parquet."""
    import vitrine
    from vitrine.desk.trail import write_trail

    _written(path, write_trail(vitrine.open(workspace).catalog, path), "entries", as_json)


@decisions.command()
def table(
    path: To,
    like: Annotated[
        Path | None, typer.Option("--like", help="The table you ingested: its rows, columns and spellings are kept.")
    ] = None,
    encoding: Encoding = "utf-8",
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Write the catalog with the answers that hold as .csv or .xlsx; edit it and bring it back with `import`."""
    import vitrine
    from vitrine.desk.tables import write_table

    opened = vitrine.open(workspace)
    columns = opened.settings.columns
    rows = write_table(opened.catalog, opened.taxonomy, columns, path, like=like, encoding=encoding)
    _written(path, rows, "products", as_json)


@decisions.command()
def tasks(
    path: To,
    photos: Annotated[
        Path | None,
        typer.Option("--photos", help="A folder to put the photos into, for Label Studio's local files."),
    ] = None,
    photo_url: Annotated[
        str | None,
        typer.Option("--photo-url", help="Where Label Studio finds a photo, with {photo_id} in it, instead."),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Products at most.")] = 1_000,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Write open questions as Label Studio tasks; the labeling interface goes beside them as .xml."""
    import vitrine
    from vitrine.desk import label_studio
    from vitrine.stores.whole import whole

    if photos is not None and photo_url is None:
        photo_url = f"/data/local-files/?d={quote(photos.resolve().name)}/{{photo_id}}.jpg"
    elif photos is not None or photo_url is None:
        raise InputError("Label Studio has to find the photos", hint="--photos FOLDER, or --photo-url ADDRESS")
    opened = vitrine.open(workspace)
    shown = label_studio.write_tasks(opened.catalog, opened.taxonomy, path, photo_url=photo_url, most=most)
    if photos is not None:
        opened.copy_photos([photo_id for photo_id in shown if photo_id], photos)
    with whole(path.with_suffix(".xml"), hint="free some space and run the same command again") as temporary:
        temporary.write_text(label_studio.config(opened.taxonomy), encoding="utf-8")
    _written(path, len(shown), "tasks", as_json)


@decisions.command("import")
def import_file(
    path: From, author: Author, encoding: Encoding = "utf-8", workspace: Folder = Path("."), as_json: AsJson = False
) -> None:
    """Enter the edits of a table (.csv, .xlsx …) or the annotations of a Label Studio export (.json).

    Nothing that was decided meanwhile is overwritten. Exit 1: something was left out, and is named.
    """
    import vitrine
    from vitrine.desk.label_studio import import_annotations
    from vitrine.desk.tables import import_table

    opened = vitrine.open(workspace)
    if path.suffix.lower() == ".json":
        done = import_annotations(opened.catalog, opened.taxonomy, path, author=author)
    else:
        columns = opened.settings.columns
        done = import_table(opened.catalog, opened.taxonomy, columns, path, author=author, encoding=encoding)
    if as_json:
        output.show_json(asdict(done))
    else:
        _tell(done)
    if done.conflicts or done.problems:
        raise typer.Exit(1)


@decisions.command()
def undo(
    batch_id: Annotated[str, typer.Argument(help="The action, as `trail` and `import --json` name it.")],
    author: Author,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Take an action back as a whole, whoever did it; what came later stays."""
    import vitrine
    from vitrine.desk.decisions import undo as take_back

    made = take_back(vitrine.open(workspace).catalog, batch_id, author=author, others=True)
    if as_json:
        output.show_json({"undone": len(made), "batch_id": batch_id})
    else:
        output.say(f"{len(made):,} decisions of {batch_id} are undone")


@decisions.command()
def agreement(workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """How far second, independent answers agree with the first, and which questions are in dispute."""
    import vitrine
    from vitrine.desk.agreement import agreement as measure
    from vitrine.desk.agreement import disputes

    opened = vitrine.open(workspace)
    found, disputed = measure(opened.catalog, opened.taxonomy), disputes(opened.catalog)
    if as_json:
        output.show_json({"attributes": [asdict(one) for one in found], "disputes": [asdict(one) for one in disputed]})
        return
    if not found:
        output.say("Nobody has given a second answer yet: the desk asks a second person for one question in twenty.")
        return
    rows = [
        (
            one.attribute,
            f"{one.n:,}",
            f"{one.agreed:.1%} ({one.agreed_interval[0]:.0%} to {one.agreed_interval[1]:.0%})",
            "–" if one.kappa is None or one.kappa_interval is None
            else f"{one.kappa:.2f} ({one.kappa_interval[0]:.2f} to {one.kappa_interval[1]:.2f})",
            ", ".join(f"{a} / {b} ({n})" for a, b, n in one.confused[:3]),
        )
        for one in found
    ]  # fmt: skip
    columns = ["attribute", "twice answered", "agreed (95 %)", "Cohen's kappa (95 %)", "told apart differently"]
    output.show_table("Agreement between people", columns, rows)
    output.say(f"{len(disputed):,} questions are in dispute")


def _written(path: Path, count: int, what: str, as_json: bool) -> None:
    if as_json:
        output.show_json({"path": str(path), "written": count})
    else:
        output.say(f"{count:,} {what} in {path}")


def _tell(done: "Imported") -> None:
    output.say(f"{done.entered:,} decisions entered")
    for title, left_out in (("decided meanwhile, left as it is", done.conflicts), ("not used", done.problems)):
        if left_out:
            rows = [(place, why) for place, why in list(left_out.items())[:50]]
            output.show_table(f"{len(left_out):,} {title}", ["where", "why"], rows)
