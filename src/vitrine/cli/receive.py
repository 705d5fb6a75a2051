"""`vitrine receive`, `orders` and `receipts`: goods receipt from the command line."""

import getpass
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Encoding, Folder

if TYPE_CHECKING:
    from vitrine.receive.orders import Orders
    from vitrine.workspace import Workspace

receipts = typer.Typer(
    help="The receipt log: what deliveries were answered, counted and exported.", no_args_is_help=True
)


def receive(
    photo: Annotated[Path, typer.Argument(help="Photo of what was delivered.", show_default=False)],
    line: Annotated[str, typer.Option("--line", help="The order line: its id, or its number where that is unique.")],
    order: Annotated[
        Path | None,
        typer.Option("--order", help="The order: CSV, TSV, JSONL, Parquet, XLSX; else what 'orders' brought in."),
    ] = None,
    receipt: Annotated[
        str | None, typer.Option("--receipt", help="Id of this receipt; else made of photo, order line and model.")
    ] = None,
    workspace: Folder = Path("."),
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """Hold a photo of a delivery against the order: match, mismatch or don't know; exit 0 only for a match.

    [dim]vitrine receive photo.jpg --order orders.csv --line 4711[/]
    """
    import vitrine
    from vitrine.intake.photo import read_bytes
    from vitrine.receive.log import receipt as logged
    from vitrine.receive.orders import keep_orders, order_line
    from vitrine.receive.receiver import Receiver

    opened = vitrine.open(workspace)
    if order is None:
        ordered = order_line(opened.catalog, line)
    else:
        orders = _read(opened, order, encoding)
        ordered = orders.line(line)
        keep_orders(opened.catalog, orders, place=str(order))
    made = Receiver(opened).receive(read_bytes(photo), ordered, receipt_id=receipt, person=getpass.getuser())
    entry = logged(opened.catalog, made.receipt_id)
    if as_json:
        output.show_json({**_fields(made), **entry.evidence})
    else:
        _show(entry)
    if made.answer != "match":
        raise typer.Exit(1)


def orders(
    table: Annotated[Path, typer.Argument(help="CSV, TSV, JSONL, Parquet or XLSX.", show_default=False)],
    workspace: Folder = Path("."),
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """Bring purchase orders in, for the receipt page; what cannot be used is put aside and named.

    [dim]vitrine orders orders.xlsx[/]
    """
    import vitrine
    from vitrine.receive.orders import keep_orders

    opened = vitrine.open(workspace)
    read = _read(opened, table, encoding)
    new = keep_orders(opened.catalog, read, place=str(table))
    aside = [{"row": one.row, "code": one.code, "value": one.value, "reason": one.reason} for one in read.problems]
    if as_json:
        output.show_json({"lines": len(read.lines), "new": new, "aside": aside})
        return
    for one in aside:
        output.say(f"row {one['row']}: {one['code']}: {one['reason']}")
    output.say(f"{len(read.lines):,} order lines, {new:,} of them new; {len(aside):,} rows or cells put aside")


@receipts.command("list")
def list_receipts(
    only_open: Annotated[bool, typer.Option("--open", help="Only discrepancies that nobody has settled.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, max=200, help="How many, the newest first.")] = 60,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """The newest receipts."""
    import vitrine
    from vitrine.receive.log import receipts as logged

    entries = logged(vitrine.open(workspace).catalog, only_open=only_open, most=most)
    if as_json:
        output.show_json([{**_fields(one.receipt), "action": one.action, "open": one.open} for one in entries])
        return
    columns = ["received (UTC)", "line", "supplier", "answer", "seen", "ordered", "done", "by"]
    output.show_table("Receipts", columns, [_row(one) for one in entries])


@receipts.command("counts")
def count_receipts(
    by: Annotated[str, typer.Option("--by", help="supplier or line.")] = "supplier",
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Receipts and discrepancies by supplier or line."""
    import vitrine
    from vitrine.errors import InputError
    from vitrine.receive.accepted import kept
    from vitrine.receive.log import tallies

    if by not in ("supplier", "line"):
        raise InputError(f"--by is {by!r}", hint="count by supplier or by line")
    catalog = vitrine.open(workspace).catalog
    counted = tallies(catalog, "line" if by == "line" else "supplier")
    if as_json:
        output.show_json([asdict(one) for one in counted])
        return
    columns = [by, "receipts", "match", "mismatch", "unknown", "refused", "accepted all the same", "open"]
    rows = [(one.key or "–", *list(asdict(one).values())[1:]) for one in counted]
    output.show_table("Receipts", columns, rows)
    held = kept(catalog)
    if held.accepted:
        output.say(
            f"of {held.accepted:,} order lines that were accepted {held.false_alarms:,} had been called a mismatch: "
            f"at most {output.percent(held.upper)} of such, with 95 % confidence"
        )


@receipts.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="Where to write the CSV file.", show_default=False)],
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Write the whole log as CSV."""
    import vitrine
    from vitrine.receive.log import export_receipts

    written = export_receipts(vitrine.open(workspace).catalog, file)
    if as_json:
        output.show_json({"file": str(file), "receipts": written})
    else:
        output.say(f"{written:,} receipts in {file}")


def _read(workspace: "Workspace", table: Path, encoding: str) -> "Orders":
    from vitrine.intake.table import read_table
    from vitrine.receive.checks import brands_of
    from vitrine.receive.orders import read_orders

    return read_orders(read_table(table, encoding=encoding), place=str(table), brands=brands_of(workspace))


def _fields(receipt: Any) -> dict[str, Any]:
    first = ("answer", "brand", "confidence", "expected", "reason")
    rest = [name for name in type(receipt).__dataclass_fields__ if name not in (*first, "evidence")]
    return {name: getattr(receipt, name) for name in (*first, *rest)}


def _row(entry: Any) -> tuple[object, ...]:
    one = entry.receipt
    said = (entry.supplier, one.answer, one.brand, one.expected or one.sku, entry.action, one.person)
    return one.received_at, one.line_id, *(text or "–" for text in said)


def _show(entry: Any) -> None:
    receipt, evidence = entry.receipt, entry.evidence
    ordered = ", ".join(said for said in (receipt.expected, receipt.sku) if said)
    rows = [("answer", receipt.answer), ("why", receipt.reason.replace("_", " ")), ("ordered", ordered or "–")]
    if evidence["probabilities"]:
        rows.append(
            ("seen", f"{receipt.brand} ({output.percent(receipt.confidence)})" if receipt.brand else "none learnt")
        )
    if evidence["product"]:
        rows.append(("product", f"{evidence['product']['sku']}, likeness {evidence['product']['similarity']:.3f}"))
    rows += [
        ("like", f"{one['sku']} ({one['brand'] or '–'}, {one['similarity']:.3f})") for one in evidence["evidence"][:3]
    ]
    output.show_table(f"Line {receipt.line_id}", ["", ""], rows)
    for note in evidence["notes"]:
        output.say(f"The photo is {note}.")
    for one in evidence["promises"]:
        said = {"rate": output.percent(one["rate"]), "sure": output.percent(one["confidence"]), "n": one["n"]}
        output.say(_PROMISES[one["kind"]].format(of=one["of"], on=_ON[one.get("on", "catalog")], **said))


_PROMISES = {
    "false_alarms": "by {of}: at most {rate} of what was ordered is called a mismatch (confidence {sure}, n = {n} {on})",
    "false_matches": "by {of}: at most {rate} of what was not ordered is called a match (confidence {sure}, n = {n} {on})",
    "strangers": "by {of}: at most {rate} of brands never learnt are called a match, if they are to the learnt ones as those "
    "are to each other (confidence {sure}, n = {n} {on})",
}
_ON = {"catalog": "families of the catalog", "deliveries": "accepted deliveries"}
