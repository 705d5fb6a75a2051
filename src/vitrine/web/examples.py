"""Example pictures of each value, kept for some minutes: choosing them reads all that is known of an attribute."""

import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock, Thread
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vitrine.desk.examples import examples
from vitrine.errors import VitrineError
from vitrine.stores import schema
from vitrine.web.evidence import Neighborhood
from vitrine.web.queries.search import first_photos

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

_LASTING = 600.0


@dataclass(frozen=True, slots=True)
class Example:
    """A product that shows a value well; `family_id` is its own sku where it was not placed yet."""

    sku: str
    name: str | None
    photo_id: str
    family_id: str


@dataclass(frozen=True, slots=True)
class _Kept:
    taxonomy_id: str
    until: float
    by_value: dict[str, list[Example]]


class Examples:
    """The examples in a workspace: made when first asked for, and made anew aside while the old ones are shown."""

    def __init__(self, workspace: "Workspace", neighborhood: Neighborhood) -> None:
        self._workspace = workspace
        self._neighborhood = neighborhood
        self._lock = Lock()
        self._kept: dict[str, _Kept] = {}

    def begin(self) -> None:
        """Make the examples of all attributes aside, before the first questions are asked."""
        Thread(target=self._make_all, name="examples", daemon=True).start()

    def of(
        self, attribute: str, *, asked: str | None = None, patience: float | None = None
    ) -> dict[str, list[Example]]:
        """value → its examples, but none of the family of the product `asked` about: they would answer for it.

        Where others are making examples, that is waited for; none are given when it lasts longer than `patience` seconds.
        """
        name = self._workspace.taxonomy.attribute(attribute).name
        kept = self._current(name)
        if kept is None:
            if not self._lock.acquire(timeout=-1 if patience is None else patience):
                return {}
            try:
                kept = self._current(name) or self._make(name)
            finally:
                self._lock.release()
        elif time.monotonic() > kept.until and self._lock.acquire(blocking=False):
            Thread(target=self._make_aside, args=(name,), name="examples", daemon=True).start()
        if asked is None:
            return kept.by_value
        family = self._family(asked)
        return {
            value: [one for one in some if one.sku != asked and one.family_id != family]
            for value, some in kept.by_value.items()
        }

    def _current(self, attribute: str) -> _Kept | None:
        """What is kept of an attribute, None where there is nothing or the taxonomy is another one by now."""
        kept = self._kept.get(attribute)
        return kept if kept is not None and kept.taxonomy_id == self._workspace.taxonomy.id else None

    def _make_all(self) -> None:
        with self._lock, suppress(VitrineError):  # whoever asks a question then is told
            for name in self._workspace.taxonomy.attributes:
                if self._current(name) is None:
                    self._make(name)

    def _make_aside(self, attribute: str) -> None:
        try:
            self._make(attribute)
        finally:
            self._lock.release()

    def _make(self, attribute: str) -> _Kept:
        catalog, taxonomy = self._workspace.catalog, self._workspace.taxonomy
        chosen = examples(catalog, taxonomy.attribute(attribute), self._neighborhood.surroundings)
        skus = [sku for some in chosen.values() for sku in some]
        products, members = schema.products, schema.members
        query = sa.select(products.c.sku, products.c.name, members.c.family_id)
        query = query.outerjoin(members, members.c.sku == products.c.sku).where(products.c.sku.in_(skus))
        known = {row["sku"]: row for row in catalog.rows(query)}
        photos = first_photos(catalog, skus)
        by_value = {
            value: [
                Example(sku, known[sku]["name"], photos[sku], known[sku]["family_id"] or sku)
                for sku in some
                if sku in known and sku in photos  # a person may have written one that is gone
            ]
            for value, some in chosen.items()
        }
        kept = self._kept[attribute] = _Kept(taxonomy.id, time.monotonic() + _LASTING, by_value)
        return kept

    def _family(self, sku: str) -> str:
        table = schema.members
        found = self._workspace.catalog.rows(sa.select(table.c.family_id).where(table.c.sku == sku))
        return str(found[0]["family_id"]) if found else sku
