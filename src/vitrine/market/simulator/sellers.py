"""Sellers and their products: size, start, quality, handling, and what their photos are like."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.market.simulator import marginals as m
from vitrine.market.simulator.draws import Draws, Floats, Integers
from vitrine.market.simulator.leads import Deals
from vitrine.market.simulator.places import Places, draw_states

PHOTO_QUALITIES = ("poor", "fair", "good")
HEEL_HEIGHTS = ("flat", "mid", "high")
_QUALITY_STEPS = (-0.6, 0.6)


@dataclass(frozen=True, slots=True)
class Sellers:
    """Parallel arrays over sellers. The latent ones (size, quality, handling, photo) are standard normal or logarithms.

    `start` is the moment of the first sale; `deal` is the row in `Deals` the seller came from, -1 for the others;
    products of a seller stand together, `first_product` and `products` say where.
    """

    place: Integers
    category: Integers
    size: Floats
    quality: Floats
    handling: Floats
    photo: Floats
    start: NDArray[np.datetime64]
    deal: Integers
    first_product: Integers
    products: Integers

    @property
    def start_month(self) -> Integers:
        """Months from the first month of the simulation to the seller's first sale."""
        return (self.start.astype("M8[M]") - m.FIRST_MONTH).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Products:
    """Parallel arrays over products; `category` is -1 where the official table would have none."""

    seller: Integers
    category: Integers
    price: Floats
    weight: Floats
    sides: Floats
    photos: Integers
    name_length: Integers
    description_length: Integers
    photo_quality: Integers
    heel_height: Integers


def make_sellers(draws: Draws, places: Places, deals: Deals, sellers: int) -> Sellers:
    """`sellers` sellers: those of the deals that sell, and others that came by themselves."""
    sold = np.flatnonzero(~np.isnat(deals.sale))
    if len(sold) > sellers:
        raise InputError(f"{sellers} sellers are too few to simulate", hint="--sellers 100 or more")
    row = np.arange(sellers)
    deal = np.full(sellers, -1, dtype=np.int64)
    deal[sellers - len(sold) :] = sold
    months = draws.choice("seller/month", row, _arrivals())
    start = (m.FIRST_MONTH + months).astype("M8[s]")
    # a quarter of a month at most: a newcomer of this month sells regularly from the next one on
    start = start + ((9 + 160 * draws.uniform("seller/start", row)) * 3_600).astype("m8[s]")
    start[deal >= 0] = deals.sale[sold]
    size = m.SELLER_SIZE_DEVIATION * draws.normal("seller/size", row)
    spread = np.exp(0.55 * size)
    products = 1 + (m.PRODUCTS_A_SELLER - 1) * spread / spread.mean()
    products = np.maximum(1, np.round(products)).astype(np.int64)
    return Sellers(
        place=places.settle(
            draw_states(draws.uniform("seller/state", row), sellers=True), draws.uniform("seller/zip", row)
        ),
        category=draws.choice("seller/category", row, [one[0] for one in m.CATEGORIES.values()]),
        size=size,
        quality=draws.normal("seller/quality", row),
        handling=draws.normal("seller/handling", row),
        photo=draws.normal("seller/photo", row),
        start=start,
        deal=deal,
        first_product=np.cumsum(products) - products,
        products=products,
    )


def _arrivals() -> Floats:
    weights = np.array([m.NEWCOMERS_2017] * 12 + [m.NEWCOMERS_2018] * (m.MONTHS - 12))
    weights[0] = m.SELLERS_AT_START
    return weights


def make_products(draws: Draws, sellers: Sellers) -> Products:
    """All products of all sellers; most of a seller's products are of its own category."""
    seller = np.repeat(np.arange(len(sellers.products)), sellers.products)
    row = np.arange(len(seller))
    table = np.array([one[:6] for one in m.CATEGORIES.values()])
    other = draws.choice("product/category", row, table[:, 0])
    category = np.where(draws.uniform("product/own", row) < 0.75, sellers.category[seller], other)
    _, price_mean, price_spread, weight_mean, weight_spread, volume = table[category].T
    price = np.exp(price_mean + price_spread * draws.normal("product/price", row))
    weight = np.exp(weight_mean + weight_spread * draws.normal("product/weight", row))
    side = np.cbrt(volume * np.exp(0.5 * draws.normal("product/volume", row)))
    shape = np.stack([draws.normal(f"product/side{axis}", row) for axis in range(3)], axis=1)
    shape = np.exp(0.3 * (shape - shape.mean(axis=1, keepdims=True)))
    description = np.exp(m.DESCRIPTION_LENGTH[0] + m.DESCRIPTION_LENGTH[1] * draws.normal("product/description", row))
    name = m.NAME_LENGTH[0] + m.NAME_LENGTH[1] * draws.normal("product/name", row)
    photo = 0.9 * sellers.photo[seller] + 0.44 * draws.normal("product/photo", row)
    return Products(
        seller=seller,
        category=np.where(draws.uniform("product/uncategorized", row) < m.WITHOUT_CATEGORY, -1, category),
        price=np.maximum(0.85, np.round(price, 2)),
        weight=np.clip(np.round(weight), 50, 40_000),
        sides=np.clip(np.round(side[:, None] * shape), 2, 105),
        photos=1 + draws.choice("product/photos", row, m.PHOTOS),
        name_length=np.clip(np.round(name), 5, 76).astype(np.int64),
        description_length=np.clip(np.round(description), 4, 3_992).astype(np.int64),
        photo_quality=np.searchsorted(_QUALITY_STEPS, photo).astype(np.int64),
        heel_height=draws.choice("product/heel", row, (0.4, 0.35, 0.25)),
    )
