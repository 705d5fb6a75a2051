"""Find look-alikes of a product or a photo in the catalog as it is at this moment."""

from threading import RLock

import numpy as np
import sqlalchemy as sa

from vitrine.errors import NotFound, UnreadablePhoto, sentence
from vitrine.intake.measure import LEAST_CONTRAST
from vitrine.intake.twins import Fingerprint, near
from vitrine.intake.twins import Index as Fingerprints
from vitrine.lookalike.columns import Columns
from vitrine.lookalike.index import Index
from vitrine.lookalike.known import known_values
from vitrine.lookalike.note import UNLIKE, Note
from vitrine.lookalike.same_picture import photos_of, same_picture
from vitrine.lookalike.search import Found, Query, search
from vitrine.lookalike.shelf import Change, PointsOf, Progress, Shelf
from vitrine.lookalike.space import Described, Vectors
from vitrine.lookalike.wanted import Wanted
from vitrine.records import Photo
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog


class Finder:
    """A shelf and an index over it that follow the catalog; threads may search at once."""

    def __init__(
        self,
        catalog: Catalog,
        shelf: Shelf,
        index: Index,
        points_of: PointsOf,
        *,
        attribute: str = "",
        alarm: Note | None = None,
    ) -> None:
        """`attribute` is what probabilities speak of where a search does not say; empty: the first that was learnt.

        An `alarm` (see `vitrine.lookalike.collapse`) is told with every answer.
        """
        self.shelf = shelf
        self.space = shelf.space
        self.index = index
        self.alarm = alarm
        self._catalog = catalog
        self._points_of = points_of
        self._columns = Columns(catalog, shelf)
        self._lock = RLock()
        self.attribute = self.space.attribute(attribute) if attribute else next(iter(self.space.values), None)
        self._fill()

    def refresh(self, *, on_progress: Progress = lambda done, total: None) -> Change:
        """Put what is new in the catalog and take what is gone; every search does it first."""
        with self._lock:
            change = self.shelf.refresh(self._catalog, self._points_of, on_progress=on_progress)
            if len(change.removed):
                self.index.remove(change.removed)
            if len(change.put):
                self.index.put(change.put, self.shelf.rows.of(change.put))
            self.shelf.keep()
            return change

    def of_product(self, sku: str, wanted: Wanted) -> Found:
        """Look-alikes of a product, without itself and what shows the same picture. NotFound without a photo."""
        self.refresh()
        with self._catalog.reading() as connection:
            left_out = same_picture(connection, photos_of(connection, sku))
        if sku not in self.shelf.place_of:
            raise NotFound(
                sentence("there is no product {sku!r} with a photo", sku=sku[:80]),
                hint=sentence("search for it in the catalog"),
            )
        found = self._search(Query(self._described(sku), self._known(sku), [sku, *left_out]), wanted)
        return Found(found.products, [note for note in found.notes if note.code != UNLIKE])

    def of_photo(self, photo: Photo, vector: Vectors, wanted: Wanted) -> Found:
        """Look-alikes of a new photo with its vector (1, dim), without products that show this very picture.

        Raises UnreadablePhoto for a photo that shows nothing.
        """
        if photo.contrast < LEAST_CONTRAST:
            raise UnreadablePhoto(
                "the photo shows nothing: it is all of one brightness", reason="blank", hint="take it again, with light"
            )
        self.refresh()
        with self._catalog.reading() as connection:
            left_out = same_picture(connection, [photo.photo_id])
        described = self.space.describe(vector)
        found = self._search(Query(described, left_out=left_out), wanted)
        copies = self._copies(photo, [one.photo_id for one in found.products if one.photo_id])
        if copies:
            with self._catalog.reading() as connection:
                left_out += same_picture(connection, copies)
            found = self._search(Query(described, left_out=left_out), wanted)
        # a photo that is in the catalog is not unlike everything
        notes = [note for note in found.notes if note.code != UNLIKE or not left_out]
        return Found(found.products, notes, sorted(set(left_out)))

    def _fill(self) -> None:
        """Let the index hold what the shelf holds; one in a database may do so already."""
        held, shelved = self.index.ids(), np.flatnonzero(self.shelf.there)
        self.index.remove(np.setdiff1d(held, shelved))
        missing = np.setdiff1d(shelved, held)
        self.index.put(missing, self.shelf.rows.of(missing))

    def _search(self, query: Query, wanted: Wanted) -> Found:
        attribute = self.space.attribute(wanted.attribute) if wanted.attribute else self.attribute
        found = search(self._catalog, self.shelf, self.index, self._columns, query, wanted, attribute=attribute)
        return Found(found.products, [*([self.alarm] if self.alarm else []), *found.notes])

    def _described(self, sku: str) -> Described:
        return self.shelf.described(self.shelf.places([sku]))

    def _known(self, sku: str) -> dict[str, str]:
        return {name: value for (_, name), value in known_values(self._catalog, skus=[sku]).items()}

    def _copies(self, photo: Photo, photo_ids: list[str]) -> list[str]:
        """Those of the photos found that are this picture again, cropped or encoded anew."""
        table = schema.photos
        query = sa.select(table.c.photo_id, table.c.fingerprint).where(table.c.photo_id.in_(photo_ids))
        rows = [row for row in self._catalog.rows(query) if row["photo_id"] != photo.photo_id]
        known = Fingerprints()
        known.add([row["photo_id"] for row in rows], [Fingerprint.from_bytes(row["fingerprint"]) for row in rows])
        pairs = near([photo.photo_id], [Fingerprint.from_bytes(photo.fingerprint)], known)
        return [pair.photo_b if pair.photo_a == photo.photo_id else pair.photo_a for pair in pairs]
