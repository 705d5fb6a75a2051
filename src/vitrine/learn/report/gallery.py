"""Pick the mistakes a model was surest of, with their photos: wrong labels and blind spots come first."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from numpy.typing import NDArray
from PIL import Image

from vitrine.errors import VitrineError
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy

MOST = 40
_SIDE = 160


class Shop(Protocol):
    """The part of a workspace that a report reads."""

    @property
    def taxonomy(self) -> Taxonomy:
        """Names of attributes and values."""

    @property
    def catalog(self) -> Catalog:
        """Which photos show a product."""

    def pixels(self, photo_id: str) -> NDArray[np.uint8]:
        """The cleaned photo as (height, width, 3) RGB."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong answer; `photo` is a JPEG of at most 160 pixels as a data URI, None where none can be read.

    `learnable` is False where the expected value was too rare to be learnt: no answer could have been right.
    """

    sku: str
    attribute: str
    expected: str
    answered: str
    confidence: float
    published: bool
    learnable: bool
    photo: str | None


def gallery(shop: Shop, rows: pa.Table, *, most: int = MOST) -> list[Mistake]:
    """The `most` confident wrong answers among `rows` (schema `evaluate.ROWS`), surest first."""
    wrong = rows.filter(pc.not_equal(rows.column("label"), rows.column("value")))
    order = [("confidence", "descending"), ("sku", "ascending"), ("attribute", "ascending")]
    picked = wrong.sort_by(order).slice(0, most).to_pylist()
    photos = _thumbnails(shop, sorted({row["sku"] for row in picked}))
    return [
        Mistake(
            sku=row["sku"],
            attribute=row["attribute"],
            expected=row["label"],
            answered=row["value"],
            confidence=row["confidence"],
            published=row["published"],
            learnable=row["learnable"],
            photo=photos.get(row["sku"]),
        )
        for row in picked
    ]


def _thumbnails(shop: Shop, skus: Sequence[str]) -> dict[str, str]:
    """One small photo of each product as a data URI, the side view where there is one."""
    table = schema.product_photos
    query = sa.select(table.c.sku, table.c.photo_id, table.c.view).where(table.c.sku.in_(skus))
    links = shop.catalog.rows(query)
    links.sort(key=lambda link: (link["sku"], link["view"] != "side", link["photo_id"]))
    found: dict[str, str] = {}
    for link in links:
        if link["sku"] not in found and (photo := _thumbnail(shop, link["photo_id"])):
            found[link["sku"]] = photo
    return found


def _thumbnail(shop: Shop, photo_id: str) -> str | None:
    try:
        image = Image.fromarray(shop.pixels(photo_id))
    except VitrineError:  # a report with a gap says more than no report
        return None
    image.thumbnail((_SIDE, _SIDE))
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
