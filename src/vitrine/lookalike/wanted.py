"""What is wanted of a search: how many, which products at all, steered how, how diverse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vitrine.errors import InputError, sentence
from vitrine.lookalike.columns import UNSAID, Columns, Sold
from vitrine.lookalike.index import Mask
from vitrine.lookalike.shelf import Shelf
from vitrine.lookalike.steer import Steering
from vitrine.taxonomy import fold

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
            raise InputError(
                sentence(
                    "no price is at least {at_least:g} and at most {at_most:g}", at_least=at_least, at_most=at_most
                ),
                hint=sentence("swap the two"),
            )
        return cls(brand or None, at_least, at_most, in_stock, values)

    def __bool__(self) -> bool:
        return self != Filters()

    def fits(self, product: Mapping[str, Any]) -> bool:
        """Whether a product's brand, price and stock are as wanted; what is not known does not fit."""
        price, stock = product["price"], product["stock"]
        return (
            (self.brand is None or fold(product["brand"] or "") == fold(self.brand))
            and (self.at_least is None or (price is not None and price >= self.at_least))
            and (self.at_most is None or (price is not None and price <= self.at_most))
            and (not self.in_stock or (stock or 0) > 0)
        )

    def allowed(self, shelf: Shelf, columns: Columns) -> Mask:
        """One flag a place: which products may be found."""
        mask = shelf.there.copy()
        if self.brand is not None or self.at_least is not None or self.at_most is not None or self.in_stock:
            mask &= self._sold(columns.sold())
        for name, value in self.values.items():
            wanted, said = shelf.space.value(name, value), columns.said(name)
            predicted = shelf.points[:, shelf.space.blocks[name]].argmax(axis=1)
            mask &= np.where(said == UNSAID, predicted, said) == wanted
        return mask

    def _sold(self, sold: Sold) -> Mask:
        mask = np.ones(len(sold.price), np.bool_)
        if self.brand is not None:
            mask &= sold.brand == fold(self.brand)
        if self.at_least is not None:
            mask &= sold.price >= self.at_least
        if self.at_most is not None:
            mask &= sold.price <= self.at_most
        if self.in_stock:
            mask &= sold.stock > 0
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
