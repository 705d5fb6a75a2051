"""The shelf: the points of all products that have photos, kept in a file and following the catalog.

It is derived. A file that is torn, or of another space, is made again from the embeddings; products that came, went or got
other photos since are put and taken before the next search. Rows are the products' places in the catalog, so that every
process and every index means the same product by the same number.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from vitrine.intake.discontinue import photos_in_range
from vitrine.learn.fuse import photos_to_fuse
from vitrine.lookalike.index import Ids, Mask, Points
from vitrine.lookalike.rows import Rows, map_points, write_points
from vitrine.lookalike.space import Described, Space, in_parts
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.stores.whole import whole

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
# sku → its photos, and their points (n, dim); makes vectors where photos have none yet
PointsOf = Callable[[Sequence[Sequence[str]]], Points]

_AGAIN = "free some space; vitrine lookalike build makes the file again"
# A file that lacks fewer products than this share is not written anew: what it lacks is made again in a moment.
_WORTH_WRITING = 0.02


@dataclass(frozen=True, slots=True)
class Change:
    """What one refresh changed: places whose points are new or other, and places that are gone."""

    put: Ids
    removed: Ids


class Shelf:
    """Points (places, dim) of one space; `there` says which places have a product."""

    def __init__(self, space: Space, folder: Path) -> None:
        """Open the shelf of a space in `folder`; empty where there is no file that can be used."""
        self.space = space
        self._path = folder / f"shelf-{space.id}.points"
        self.rows = Rows(space.dim)
        self.there: Mask = np.zeros(0, np.bool_)
        self.place_of: dict[str, int] = {}
        self.skus: NDArray[np.object_] = np.zeros(0, object)
        self._photos: dict[str, str] = {}
        self._seen: tuple[Any, ...] | None = None
        self._unwritten = 0
        self._read()

    def __len__(self) -> int:
        return len(self.place_of)

    @property
    def points(self) -> Points:
        """The points (room, dim) by place; only those that are `there` mean something."""
        return self.rows.array

    def refresh(
        self, catalog: Catalog, points_of: PointsOf, *, on_progress: Progress = lambda done, total: None
    ) -> Change:
        """Follow the catalog; costs a count where nothing changed. `keep` writes it down."""
        seen = _version(catalog)
        if seen == self._seen:
            return Change(np.zeros(0, np.int64), np.zeros(0, np.int64))
        photos_of = photos_to_fuse(catalog.read(photos_in_range()))
        told = {sku: _told(photos) for sku, photos in photos_of.items()}
        changed = [sku for sku, photos in told.items() if self._photos.get(sku) != photos]
        places = _places(catalog, changed)
        put = self._put(changed, places, photos_of, told, points_of, on_progress)
        removed = self._remove([sku for sku in self._photos if sku not in told])
        self._seen = seen
        self._unwritten += len(put) + len(removed)
        return Change(put, removed)

    def keep(self) -> None:
        """Write the file where it lacks enough to be worth it.

        Only after an index in a database holds the same: what the file has counts as put there.
        """
        if self._unwritten > _WORTH_WRITING * max(1, len(self)):
            self._write()

    def places(self, skus: Sequence[str]) -> Ids:
        """The places of those of `skus` that are on the shelf."""
        return np.array([self.place_of[sku] for sku in skus if sku in self.place_of], np.int64)

    def described(self, places: Ids) -> Described:
        """Looks and predicted shares of the products at `places`."""
        space, points = self.space, self.points[places]
        looks = points[:, : space.projection.columns] / np.float32(space.scale(None))
        return Described(looks, {name: space.shares(points, name) for name in space.values})

    def _put(
        self,
        skus: Sequence[str],
        places: Mapping[str, int],
        photos_of: Mapping[str, Sequence[str]],
        told: Mapping[str, str],
        points_of: PointsOf,
        on_progress: Progress,
    ) -> Ids:
        self._grow(max(places.values(), default=-1) + 1)
        put = np.array([places[sku] for sku in skus], np.int64)
        for part in in_parts(len(skus)):
            self.points[put[part]] = points_of([photos_of[sku] for sku in skus[part]])
            for sku in skus[part]:
                self._photos[sku], self.place_of[sku] = told[sku], places[sku]
                self.skus[places[sku]] = sku
            self.there[put[part]] = True
            on_progress(part.stop, len(skus))
        return put

    def _remove(self, skus: Sequence[str]) -> Ids:
        removed = self.places(skus)
        self.there[removed] = False
        for sku in skus:
            del self._photos[sku]
            self.place_of.pop(sku, None)
        return removed

    def _grow(self, end: int) -> None:
        self.rows.reserve(end)
        room = len(self.points)
        if room > len(self.there):
            there, skus = np.zeros(room, np.bool_), np.empty(room, object)
            there[: len(self.there)], skus[: len(self.skus)] = self.there, self.skus
            self.there, self.skus = there, skus

    def _write(self) -> None:
        skus = sorted(self.place_of)
        places = np.array([self.place_of[sku] for sku in skus], np.int64)
        photos = [self._photos[sku] for sku in skus]
        end = int(places.max(initial=-1)) + 1
        about = {"space": self.space.id, "places": places.tolist(), "skus": skus, "photos": photos}
        with whole(self._path, hint=_AGAIN) as temporary:
            write_points(temporary, self.points[:end], about)
        self._unwritten = 0
        for old in self._path.parent.glob("shelf-*"):
            if old != self._path and not old.name.startswith("."):
                old.unlink(missing_ok=True)

    def _read(self) -> None:
        try:
            points, about = map_points(self._path, self.space.dim)
            if about["space"] != self.space.id:
                raise ValueError(f"it is of space {about['space']}, not {self.space.id}")
            self.rows.array = points
            self._grow(len(points))
            for sku, place, photos in zip(about["skus"], about["places"], about["photos"], strict=True):
                self.place_of[sku], self._photos[sku], self.skus[place] = place, photos, sku
            self.there[about["places"]] = True
        except FileNotFoundError:
            return
        except Exception as error:  # whatever a torn file raises: the shelf is made again
            logger.warning("%s is made again: %s", self._path, error)
            self._path.unlink(missing_ok=True)
            self.place_of, self._photos = {}, {}
            self.rows.array = np.zeros((0, self.space.dim), np.float32)
            self.there, self.skus = np.zeros(0, np.bool_), np.zeros(0, object)


def _version(catalog: Catalog) -> tuple[Any, ...]:
    """Changes whenever a product gets, loses or changes photos, leaves the range or comes back.

    It is cheap, because it is asked before every search.
    """
    links, photos, gone = schema.product_photos, schema.photos, schema.discontinued
    seen = [
        sa.select(sa.func.count()).select_from(links),
        sa.select(sa.func.max(photos.c.added_at)),
        sa.select(sa.func.count()).select_from(gone),
        sa.select(sa.func.max(gone.c.discontinued_at)),
    ]
    with catalog.reading() as connection:
        return tuple(connection.execute(sa.select(*(one.scalar_subquery() for one in seen))).one())


def _places(catalog: Catalog, skus: Sequence[str]) -> dict[str, int]:
    """The place of each product; those that have none get one, for good."""
    table = schema.places
    known = _known_places(catalog)
    missing = [sku for sku in skus if sku not in known]
    if missing:
        with catalog.transaction() as connection:
            catalog.lock(table, connection)
            there = set(connection.scalars(sa.select(table.c.sku)))
            new = [{"sku": sku} for sku in missing if sku not in there]
            if new:
                connection.execute(sa.insert(table), new)
        known = _known_places(catalog)
    return {sku: known[sku] for sku in skus}


def _known_places(catalog: Catalog) -> dict[str, int]:
    rows = catalog.read(schema.places)
    return dict(zip(rows.column("sku").to_pylist(), rows.column("place").to_pylist(), strict=True))


def _told(photos: Sequence[str]) -> str:
    return sha256(",".join(photos).encode()).hexdigest()[:16]
