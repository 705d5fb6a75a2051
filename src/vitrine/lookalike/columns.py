"""What a search filters by, as arrays by place: read once, and again when the catalog says something else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from vitrine.lookalike.known import known_values
from vitrine.lookalike.shelf import Shelf
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import fold

UNSAID = -1  # nobody has said a value
ELSE = -2  # somebody has said a value that the space does not know


@dataclass(frozen=True, slots=True)
class Sold:
    """Of every place its brand (without case and accents, empty if unknown), price and stock (NaN if unknown)."""

    brand: NDArray[np.object_]
    price: NDArray[np.float64]
    stock: NDArray[np.float64]


class Columns:
    """The columns of one shelf.

    Whether something changed is seen by counts, sums and newest moments, not row by row: reading 120,000 rows takes longer
    than the search. A search looks at the rows it shows once more.
    """

    def __init__(self, catalog: Catalog, shelf: Shelf) -> None:
        self._catalog = catalog
        self._shelf = shelf
        self._sold: tuple[object, Sold] | None = None
        self._said: dict[str, tuple[object, NDArray[np.int64]]] = {}

    def sold(self) -> Sold:
        """Brand, price and stock by place."""
        products = schema.products
        seen: list[sa.ColumnElement[Any]] = [
            sa.func.count(products.c.sku),
            sa.func.sum(products.c.price),
            sa.func.sum(products.c.stock),
            sa.func.sum(sa.func.length(products.c.brand)),
            sa.func.max(products.c.added_at),
        ]
        version = self._version(sa.select(*seen))
        if self._sold is None or self._sold[0] != version:
            self._sold = version, self._read_sold()
        return self._sold[1]

    def said(self, attribute: str) -> NDArray[np.int64]:
        """By place what people and tables say: the value's place in the space, `UNSAID` or `ELSE`."""
        newest = [
            sa.select(sa.func.max(column)).scalar_subquery()
            for column in (schema.labels.c.recorded_at, schema.decisions.c.decided_at, schema.taxonomy_changes.c.number)
        ]
        version = self._version(sa.select(*newest))
        read = self._said.get(attribute)
        if read is None or read[0] != version:
            read = version, self._read_said(attribute)
            self._said[attribute] = read
        return read[1]

    def _version(self, query: sa.Select[Any]) -> Sequence[object]:
        """Of the catalog, and of the shelf whose places it is read for."""
        with self._catalog.reading() as connection:
            return (*connection.execute(query).one(), len(self._shelf), len(self._shelf.there))

    def _read_sold(self) -> Sold:
        size = len(self._shelf.there)
        brand, price, stock = np.full(size, "", object), np.full(size, np.nan), np.full(size, np.nan)
        columns = [schema.products.c[name] for name in ("sku", "brand", "price", "stock")]
        for row in self._catalog.rows(sa.select(*columns)):
            place = self._shelf.place_of.get(row["sku"])
            if place is not None:
                brand[place] = fold(row["brand"] or "")
                price[place] = np.nan if row["price"] is None else row["price"]
                stock[place] = np.nan if row["stock"] is None else row["stock"]
        return Sold(brand, price, stock)

    def _read_said(self, attribute: str) -> NDArray[np.int64]:
        code = {value: number for number, value in enumerate(self._shelf.space.values[attribute])}
        said = np.full(len(self._shelf.there), UNSAID)
        for (sku, _), value in known_values(self._catalog, attribute=attribute).items():
            place = self._shelf.place_of.get(sku)
            if place is not None:
                said[place] = code.get(value, ELSE)
        return said
