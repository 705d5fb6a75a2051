"""`vitrine ingest`: bring photos, products and labels in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Encoding, Folder
from vitrine.errors import InputError

if TYPE_CHECKING:
    from vitrine.intake.items import Items


def ingest(
    photos: Annotated[str, typer.Argument(help="Folder of photos, or a URL such as s3://bucket/prefix.")],
    table: Annotated[Path | None, typer.Option("--table", help="Label table: CSV, TSV, JSONL, Parquet, XLSX.")] = None,
    folders: Annotated[bool, typer.Option("--folders", help="The photos lie in one folder a value.")] = False,
    attribute: Annotated[str | None, typer.Option("--attribute", help="With --folders: what the folders say.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Column with the product key.")] = None,
    photo: Annotated[str | None, typer.Option("--photo", help="Column with the photo files.")] = None,
    workspace: Folder = Path("."),
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """Bring photos, products and labels in; again later, only what is new.

    [dim]vitrine ingest photos/ --table labels.csv --key sku --photo photo[/]

    What cannot be used goes to quarantine with its row, value and reason: [dim]vitrine check[/] shows it.
    """
    import vitrine
    from vitrine.intake.items import items_of_folders, items_of_rows
    from vitrine.intake.source import PhotoSource
    from vitrine.intake.table import columns_of, read_table

    opened = vitrine.open(workspace)
    source = PhotoSource(photos)
    if folders:
        if not attribute:
            raise InputError("--folders needs --attribute", hint="for example --attribute brand")
        items = items_of_folders(source.list(), opened.taxonomy.attribute(attribute))
        place = source.url
    elif table is not None:
        given = {name: value for name, value in (("key", key), ("photo", photo)) if value is not None}
        columns = opened.settings.columns.model_copy(update=given)
        by_name = photo is None and columns.photo not in columns_of(table, encoding=encoding)
        names = source.list() if by_name else None
        items = items_of_rows(read_table(table, encoding=encoding), columns, opened.taxonomy, names)
        place = str(table.resolve())
    else:
        raise InputError("nothing says what the photos show", hint="--table labels.csv, or --folders --attribute NAME")
    _check_not_empty(items, place)
    with output.progress("ingest") as update:
        report = opened.ingest(items, source, place=place, on_progress=update)
    with output.progress("twins") as update:
        twins = opened.find_twins(on_progress=update)
    if as_json:
        output.show_json({**report.as_dict(), "twins": twins})
        return
    output.show_table(
        "Ingested",
        ["", "in the source", "new"],
        [
            ("products", f"{report.products:,}", f"{report.new_products:,}"),
            ("photos", f"{report.photos:,}", f"{report.new_photos:,}"),
            ("labels", "", f"{report.new_labels:,}"),
            ("twins", "", f"{twins:,}"),
        ],
    )
    if report.bytes_before:
        output.say(f"cleaned photos: {report.bytes_before / 1e6:,.1f} MB → {report.bytes_after / 1e6:,.1f} MB")
    if report.quarantined:
        output.say(f"{report.quarantined:,} rows, cells or files were put aside: vitrine check")


def _check_not_empty(items: "Items", place: str) -> None:
    if not items.by_sku:
        first = f"; the first problem: {items.problems[0].reason}" if items.problems else ""
        raise InputError(f"{place}: no product can be read{first}", hint="check --key, --photo and the file's encoding")
