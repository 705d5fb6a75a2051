"""`vitrine similar`: products like a photo or another product, steered by attributes, and why."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder

if TYPE_CHECKING:
    from vitrine.lookalike.search import Found
    from vitrine.lookalike.wanted import Wanted
    from vitrine.workspace import Workspace

_MOST_BYTES = 64 * 1024 * 1024
_SHOWN = 3


def similar(
    what: Annotated[str, typer.Argument(metavar="PHOTO|SKU", help="A photo's file, or the sku of a product.")],
    k: Annotated[int, typer.Option("--k", help="How many.")] = 10,
    keep: Annotated[list[str] | None, typer.Option("--keep", help="The same in this attribute. Repeatable.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--change", help="Another one in this attribute, or ATTRIBUTE=VALUE. Repeatable."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only products with ATTRIBUTE=VALUE. Repeatable.")
    ] = None,
    brand: Annotated[str | None, typer.Option("--brand", help="Only of this brand.")] = None,
    at_least: Annotated[float | None, typer.Option("--price-from", help="Only from this price on.")] = None,
    at_most: Annotated[float | None, typer.Option("--price-to", help="Only up to this price.")] = None,
    in_stock: Annotated[bool, typer.Option("--in-stock", help="Only what is in stock.")] = False,
    diversity: Annotated[float, typer.Option("--diversity", help="0 (off) to 1: variety rather than likeness.")] = 0.0,
    attribute: Annotated[
        str | None, typer.Option("--attribute", help="What the probability speaks of; by default the first attribute.")
    ] = None,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Find products like a photo or another product, with how sure it is that they are the same, and why.

    Steer it: [dim]vitrine similar SKU --keep heel --change color=red --price-to 300[/].
    """
    import vitrine
    from vitrine.lookalike.steer import Steering
    from vitrine.lookalike.wanted import Filters, Wanted

    filters = Filters.read(only=only or [], brand=brand, at_least=at_least, at_most=at_most, in_stock=in_stock)
    steering = Steering.read(keep=keep or [], change=change or [])
    wanted = Wanted(count=k, filters=filters, steering=steering, diversity=diversity, attribute=attribute)
    found = _find(vitrine.open(workspace), what, wanted)
    if as_json:
        output.show_json([asdict(one) for one in found.products])
    else:
        _show(found)
    for note in found.notes:
        output.say(note.message)
    if found.same_picture:
        output.say(f"left out, because they show this very picture: {', '.join(found.same_picture)}")


def _find(workspace: "Workspace", what: str, wanted: "Wanted") -> "Found":
    from vitrine.errors import InputError, NotFound
    from vitrine.intake.items import PHOTO_ENDINGS

    path = Path(what)
    with output.progress("look") as update:
        workspace.finder.refresh(on_progress=update)
    if not path.is_file():
        if path.suffix.lower() in PHOTO_ENDINGS and what not in workspace.finder.shelf.place_of:
            raise NotFound(f"there is no file and no product {what}", hint="vitrine similar PHOTO, or a product's sku")
        return workspace.similar(what, wanted)
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path} has {path.stat().st_size:,} bytes; a photo has at most {_MOST_BYTES:,}")
    return workspace.similar_to_photo(path.read_bytes(), wanted)


def _show(found: "Found") -> None:
    rows = [_row(one) for one in found.products]
    if not rows:
        return
    attribute = found.products[0].attribute
    chance = f"same {attribute}" if attribute else "same"
    output.show_table("", ["sku", "product", "similarity", chance], rows)


def _row(one: Any) -> tuple[str, ...]:
    said = [", ".join([one.name or "no name", *([] if one.price is None else [f"{one.price:,.2f}"])])]
    if one.attributes:
        said.append(f"agrees in {len(one.why.same)} of {len(one.attributes)}")
    if one.why.differs:
        said.append(f"differs: {_some([f'{name} {one.attributes[name].product}' for name in one.why.differs])}")
    return one.sku, "\n".join(said), f"{one.similarity:.3f}", output.percent(one.probability)


def _some(words: list[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more
