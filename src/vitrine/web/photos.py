"""Photos as browsers get them: encoded anew at a few widths, without anything that a camera wrote into the file."""

from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

import sqlalchemy as sa
from PIL import Image

from vitrine.errors import NotFound
from vitrine.intake.ingest import blob_key
from vitrine.intake.photo import read_photo
from vitrine.stores import schema

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

WIDTHS = (160, 320, 640, 1280)
_QUALITY = 85
_KEPT = 1_000  # encoded photos in memory, about 20 kB each


class Photos:
    """The photos of one workspace, by photo_id and width; what was asked for last is kept in memory."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._kept = lru_cache(maxsize=_KEPT)(self._encode)

    def jpeg(self, photo_id: str, width: int) -> bytes:
        """A JPEG at most `width` pixels wide; NotFound for a photo or width that there is none of."""
        if width not in WIDTHS:
            raise NotFound(f"no photo is {width} pixels wide (there are: {', '.join(map(str, WIDTHS))})")
        return self._kept(photo_id, width)

    def _encode(self, photo_id: str, width: int) -> bytes:
        tables = (schema.photos, schema.receipts)
        known = sa.union_all(*(sa.select(t.c.photo_id).where(t.c.photo_id == photo_id) for t in tables))
        if not self._workspace.catalog.count(sa.select(known.subquery())):
            raise NotFound(f"there is no photo '{photo_id}'")
        data = self._workspace.photos.get(blob_key(photo_id, self._workspace.cleaning))
        image = read_photo(data, at_least=width).image
        if image.width > width:
            height = max(1, round(image.height * width / image.width))
            image = image.resize((width, height), Image.Resampling.LANCZOS)
        written = BytesIO()
        image.save(written, "JPEG", quality=_QUALITY, optimize=True)
        return written.getvalue()
