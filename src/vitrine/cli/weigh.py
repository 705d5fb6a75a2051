"""`vitrine weigh`: what an answer about each product is worth to the business."""

from pathlib import Path
from typing import Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Encoding, Folder

_SHOWN = 20


def weigh(
    table: Annotated[Path, typer.Argument(help="CSV, TSV, JSONL, Parquet or XLSX.", show_default=False)],
    column: Annotated[
        str | None, typer.Option("--column", help="Column with the weights, such as pieces sold; by default as set.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Column with the product key; by default as set.")] = None,
    workspace: Folder = Path("."),
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """Weigh products, so that the queue asks about those first that matter most; replaces all weights.

    [dim]vitrine weigh sales.csv --key sku --column pieces[/]

    A product without a weight counts as an average one.
    """
    import vitrine
    from vitrine.intake.table import read_table
    from vitrine.intake.weigh import weigh as read

    opened = vitrine.open(workspace)
    columns = opened.settings.columns
    rows = read_table(table, encoding=encoding)
    weighed = read(opened.catalog, rows, key=key or columns.key, column=column or columns.weight)
    asked = opened.ask()
    aside = [{"row": one.row, "code": one.code, "value": one.value, "reason": one.reason} for one in weighed.problems]
    if as_json:
        output.show_json({"products": weighed.products, "questions": asked, "aside": aside})
        return
    for one in aside[:_SHOWN]:
        output.say(f"row {one['row']}: {one['reason']}")
    if len(aside) > _SHOWN:
        output.say(f"… and {len(aside) - _SHOWN:,} more rows; --json lists all")
    output.say(f"{weighed.products:,} products weighed, {asked:,} questions in the order of what they are worth")
