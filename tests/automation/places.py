"""Photos that arrive at a place, and what the catalog says of them."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from PIL import Image

from command import COMMAND
from vitrine.automation.describe import by_path
from vitrine.automation.ledger import Ledger
from vitrine.automation.watch import Watch, source_of
from vitrine.stores import schema
from vitrine.workspace import Workspace

ATTRIBUTES = 13


def photos(drawn: Path, count: int, *, side: int = 150) -> list[bytes]:
    """Photos that no catalog has yet: drawn ones at another size."""
    found = []
    for path in sorted((drawn / "photos").glob("*-1.jpg")):
        if path.stat().st_size > 2_000 and len(found) < count:
            try:
                image = Image.open(path).convert("RGB").resize((side, side))
            except OSError:
                continue
            target = path.parent.parent / "arriving.jpg"
            image.save(target, quality=90)
            found.append(target.read_bytes())
    return found


def drop(place: Path, name: str, data: bytes) -> Path:
    """A file arrives."""
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def watch_of(workspace: Workspace, place: str | Path, patterns: Sequence[str] = ("{sku}_{view}", "{sku}")) -> Watch:
    return Watch(workspace, source_of(str(place)), by_path(patterns), every=0.5)


def states(workspace: Workspace) -> dict[str, str]:
    rows = workspace.catalog.rows(schema.arrivals)
    return {row["path"]: row["state"] for row in rows}


def answers(workspace: Workspace, skus: Sequence[str] | None = None) -> list[tuple[object, ...]]:
    """What the catalog says of products: sku, attribute, value, confidence, decision."""
    table = schema.predictions
    columns = [table.c[name] for name in ("sku", "attribute", "value", "confidence", "decision")]
    query = sa.select(*columns).order_by(table.c.sku, table.c.attribute)
    found = workspace.catalog.read(query if skus is None else query.where(table.c.sku.in_(skus)))
    return [tuple(row.values()) for row in found.to_pylist()]


def start(workspace: Workspace, *arguments: str) -> subprocess.Popen[bytes]:
    """A command as anybody would start it, in a process of its own."""
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=workspace.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def ledger(workspace: Workspace, place: Path) -> Ledger:
    return Ledger(workspace.catalog, str(place.resolve()))
