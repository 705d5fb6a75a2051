"""`vitrine discontinue`: products that left the range, and those that come back."""

from pathlib import Path
from typing import Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Encoding, Folder


def discontinue(
    skus: Annotated[
        list[str] | None, typer.Argument(metavar="SKU…", help="Keys of products.", show_default=False)
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--table", help="CSV, TSV, JSONL, Parquet or XLSX that names them.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Column with the product key; by default as set.")] = None,
    back: Annotated[bool, typer.Option("--back", help="They are sold again.")] = False,
    author: Annotated[str, typer.Option("--author", help="Who says so.")] = "command line",
    workspace: Folder = Path("."),
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """Take products out of the range: no more answers, questions or look-alikes; what people said of them stays.

    [dim]vitrine discontinue --table last-season.csv[/]

    Heads go on learning from their labels, and what SAP and the lake have of them is left as it is. An ingest does not
    bring them back, --back does.
    """
    import vitrine
    from vitrine.errors import InputError
    from vitrine.intake.discontinue import bring_back
    from vitrine.intake.discontinue import discontinue as take_out
    from vitrine.intake.items import text
    from vitrine.intake.table import read_table

    opened = vitrine.open(workspace)
    named = list(skus or [])
    if table is not None:
        column = key or opened.settings.columns.key
        for row in read_table(table, encoding=encoding):
            if row.problem:
                raise InputError(f"{table}, row {row.number}: {row.problem}", hint="mend the row; nothing was changed")
            if column not in row.cells:
                raise InputError(
                    f"{table}: there is no column '{column}' (there are: {', '.join(row.cells)})", hint="--key COLUMN"
                )
            named.append(text(row.cells[column]))
    if not named:
        raise InputError("no product is named", hint="vitrine discontinue SKU, or --table FILE")
    changed = bring_back(opened.catalog, named) if back else take_out(opened.catalog, named, author=author)
    if as_json:
        output.show_json({"named": len(set(named)), "brought_back" if back else "discontinued": changed})
    elif back:
        output.say(f"{changed:,} products are in the range again; next: vitrine classify")
    else:
        output.say(f"{changed:,} products left the range; --back takes them in again")
