"""The nearest products whose value people know: what a curator compares a photo with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vitrine.desk.journal import DECIDED
from vitrine.desk.surroundings import Surroundings, last_kept, read_kept
from vitrine.stores import schema
from vitrine.web.queries.answers import held_entries, said_labels
from vitrine.web.queries.search import first_photos

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

_LOOKED_AT = 120
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Evidence:
    """A product that looks like the one asked about, with what people say of it; `similarity` in -1..1."""

    sku: str
    name: str | None
    photo_id: str | None
    value: str
    similarity: float


class Neighborhood:
    """The surroundings as the queue was filled with last: whoever looks never waits for them to be made anew."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._lock = Lock()
        self._read_from: Path | None = None
        self._found: Surroundings | None = None

    @property
    def surroundings(self) -> Surroundings | None:
        """The surroundings, or None before the queue was filled: then there is no evidence, and nothing fails."""
        path = last_kept(self._workspace.data / "desk")
        with self._lock:
            if path != self._read_from:
                self._found = read_kept(path) if path else None
                self._read_from = path
            return self._found

    def evidence(self, sku: str, attribute: str) -> list[Evidence]:
        """The products most like `sku` whose value of `attribute` is known from a person or a table, nearest first."""
        alike = self.surroundings
        if alike is None or sku not in alike.rows:
            return []
        near = dict(alike.nearest(sku, _LOOKED_AT))
        known = self._known(list(near), attribute)
        shown = [other for other in near if other in known][:_SHOWN]
        photos = first_photos(self._workspace.catalog, shown)
        products = schema.products
        named = sa.select(products.c.sku, products.c.name).where(products.c.sku.in_(shown))
        names = {row["sku"]: row["name"] for row in self._workspace.catalog.rows(named)}
        return [Evidence(one, names.get(one), photos.get(one), known[one], near[one]) for one in shown]

    def _known(self, skus: Sequence[str], attribute: str) -> dict[str, str]:
        """sku → its value, a person's before a table's."""
        labels = schema.labels
        told = said_labels().where(labels.c.sku.in_(skus), labels.c.attribute == attribute)
        values = {row["sku"]: row["value"] for row in self._workspace.catalog.rows(told)}
        for (sku, of), entry in held_entries(self._workspace.catalog, skus).items():
            if of == attribute:
                values.pop(sku, None)
                if entry["outcome"] == DECIDED:
                    values[sku] = entry["value"]
        return values
