"""What is wanted of a search: how many, which products at all, steered how, how diverse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.lookalike.index import Mask
from vitrine.lookalike.known import known_values
from vitrine.lookalike.shelf import Shelf
from vitrine.lookalike.steer import Steering
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

MOST = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """Which products may be found; `values` maps attributes to the value they must have."""

    brand: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    in_stock: bool = False
    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        *,
        only: Sequence[str] = (),
        brand: str | None = None,
        at_least: float | None = None,
        at_most: float | None = None,
        in_stock: bool = False,
    ) -> "Filters":
        """From words such as `category=sandal`; InputError for what is no such word or a price range without room."""
        values: dict[str, str] = {}
        for word in only:
            name, equals, value = (part.strip() for part in word.partition("="))
            if not (name and equals and value):
                raise InputError(f"{word!r} is no filter", hint="--only category=sandal")
            values[name] = value
        if at_least is not None and at_most is not None and at_least > at_most:
            raise InputError(f"no price is at least {at_least:g} and at most {at_most:g}", hint="swap the two")
        return cls(brand or None, at_least, at_most, in_stock, values)

    def __bool__(self) -> bool:
        return self != Filters()

    def fits(self, product: Mapping[str, Any]) -> bool:
        """Whether a product's brand, price and stock are as wanted; what is not known does not fit."""
        price, stock = product["price"], product["stock"]
        return (
            (self.brand is None or (product["brand"] or "").casefold() == self.brand.casefold())
            and (self.at_least is None or (price is not None and price >= self.at_least))
            and (self.at_most is None or (price is not None and price <= self.at_most))
            and (not self.in_stock or (stock or 0) > 0)
        )

    def allowed(self, catalog: Catalog, shelf: Shelf) -> Mask:
        """One flag a place: which products may be found."""
        mask = shelf.there.copy()
        if self.brand is not None or self.at_least is not None or self.at_most is not None or self.in_stock:
            mask &= self._by_columns(catalog, shelf)
        for name, value in self.values.items():
            mask &= _with_value(catalog, shelf, name, value)
        return mask

    def _by_columns(self, catalog: Catalog, shelf: Shelf) -> Mask:
        """By a query, so that a price that has just changed counts."""
        products, places = schema.products, schema.places
        query = sa.select(places.c.place).join_from(places, products, places.c.sku == products.c.sku)
        if self.brand is not None:
            query = query.where(sa.func.lower(products.c.brand) == self.brand.lower())
        if self.at_least is not None:
            query = query.where(products.c.price >= self.at_least)
        if self.at_most is not None:
            query = query.where(products.c.price <= self.at_most)
        if self.in_stock:
            query = query.where(products.c.stock > 0)
        found = catalog.read(query).column("place").to_numpy()
        mask = np.zeros(len(shelf.there), np.bool_)
        mask[found[found < len(mask)]] = True
        return mask


@dataclass(frozen=True, slots=True)
class Wanted:
    """`diversity` 0..1 trades likeness for variety; `attribute` is what the probability speaks of (empty: the usual one)."""

    count: int = 10
    filters: Filters = field(default_factory=Filters)
    steering: Steering = field(default_factory=Steering)
    diversity: float = 0.0
    attribute: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST:
            raise InputError(f"{self.count} look-alikes cannot be shown", hint=f"ask for 1 to {MOST}")
        if not 0 <= self.diversity <= 1:
            raise InputError(f"diversity {self.diversity:g} is not between 0 and 1", hint="0 is off, 0.5 is a lot")


def _with_value(catalog: Catalog, shelf: Shelf, name: str, value: str) -> Mask:
    """What is known to have the value, and what is predicted to and not known otherwise."""
    wanted = shelf.space.value(name, value)
    mask: NDArray[np.bool_] = shelf.points[:, shelf.space.blocks[name]].argmax(axis=1) == wanted
    for (sku, _), known in known_values(catalog, attribute=name).items():
        if sku in shelf.place_of:
            mask[shelf.place_of[sku]] = known == value
    return mask
