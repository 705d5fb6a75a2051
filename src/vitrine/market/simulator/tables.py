"""The simulated world as Arrow tables of the official columns."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitrine.market import schema
from vitrine.market.simulator import marginals as m
from vitrine.market.simulator.delivery import Deliveries
from vitrine.market.simulator.draws import Draws, Integers
from vitrine.market.simulator.leads import Deals, Leads
from vitrine.market.simulator.orders import PAYMENT_NAMES, STATUS_NAMES, Moments, Orders, World
from vitrine.market.simulator.places import STATE_NAMES, Places
from vitrine.market.simulator.reviews import COMPLAINT, PRAISE, TITLES, Reviews
from vitrine.market.simulator.sellers import HEEL_HEIGHTS, PHOTO_QUALITIES, Products, Sellers

_STOCKS = ("1-5", "5-20", "20-50", "50-200", "200+", "unknown")
_OUTSIDE = 1 << 40  # row numbers of sellers that never sold, apart from those that did


def texts(values: NDArray[np.bytes_]) -> pa.Array:
    """Strings of equal length, without a copy of each."""
    offsets = np.arange(len(values) + 1, dtype=np.int64) * values.dtype.itemsize
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.large_string(), len(values), buffers).cast(pa.string())


def named(names: Sequence[str], positions: Integers) -> pa.Array:
    """The names at `positions`; null where a position is negative or its name is empty."""
    empty = np.array([not name for name in names])
    mask = (positions < 0) | empty[np.maximum(positions, 0)]
    indices = pa.array(positions.astype(np.int32), mask=mask)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string())).cast(pa.string())


def moments(values: Moments) -> pa.Array:
    """Times to the second, null where there is none."""
    return pa.array(values.astype("M8[s]"), pa.timestamp("s"))


def _table(name: str, *columns: object) -> pa.Table:
    return pa.table(dict(zip([one.name for one in schema.table(name).columns], columns, strict=True)))


def _prefixes(places: Places) -> list[str]:
    return [f"{prefix:05d}" for prefix in places.prefix]


def _cities() -> list[str]:
    return [one[4] for one in m.STATES.values()]


def static_tables(world: World, leads: Leads, deals: Deals) -> dict[str, pa.Table]:
    """The tables that do not grow with orders, by name."""
    return {
        "product_category_name_translation": _table(
            "product_category_name_translation", list(m.CATEGORIES), [one[6] for one in m.CATEGORIES.values()]
        ),
        "geolocation": _geolocation(world.places),
        "sellers": _sellers(world),
        "products": _products(world.draws, world.products),
        "marketing_qualified_leads": _leads(world.draws, leads),
        "closed_deals": _deals(world.draws, leads, deals, world.sellers),
    }


def _geolocation(places: Places) -> pa.Table:
    return _table(
        "geolocation",
        _prefixes(places),
        np.round(places.latitude, 6),
        np.round(places.longitude, 6),
        named(_cities(), places.state),
        named(STATE_NAMES, places.state),
    )


def _sellers(world: World) -> pa.Table:
    place = world.sellers.place
    state = world.places.state[place]
    return _table(
        "sellers",
        texts(world.draws.ids("seller", np.arange(len(place)))),
        named(_prefixes(world.places), place),
        named(_cities(), state),
        named(STATE_NAMES, state),
    )


def _products(draws: Draws, products: Products) -> pa.Table:
    nameless = products.category < 0  # the official table lacks name, text and photos of these too
    counted = [products.name_length, products.description_length, products.photos]
    return _table(
        "products",
        texts(draws.ids("product", np.arange(len(products.seller)))),
        named(list(m.CATEGORIES), products.category),
        *(pa.array(values, mask=nameless) for values in counted),
        products.weight.astype(np.int64),
        *(np.sort(products.sides, axis=1)[:, 2 - axis].astype(np.int64) for axis in (0, 2, 1)),
    )


def _leads(draws: Draws, leads: Leads) -> pa.Table:
    row = np.arange(len(leads.contact))
    page = (draws.uniform("lead/page", row) ** 3 * m.LANDING_PAGES).astype(np.int64)
    return _table(
        "marketing_qualified_leads",
        texts(draws.ids("lead", row)),
        leads.contact.astype("M8[D]"),
        texts(draws.ids("page", page)),
        named(list(m.ORIGINS), leads.origin),
    )


def deal_sellers(draws: Draws, deals: Deals, sellers: Sellers) -> NDArray[np.bytes_]:
    """The seller id of each deal; deals that never sell have ids that no table of sellers knows."""
    rows = _OUTSIDE + np.arange(len(deals.won))
    known = sellers.deal >= 0
    rows[sellers.deal[known]] = np.flatnonzero(known)
    return draws.ids("seller", rows)


def _deals(draws: Draws, leads: Leads, deals: Deals, sellers: Sellers) -> pa.Table:
    row = leads.deals
    silent = draws.uniform("deal/declares", row) >= m.DECLARED
    revenue = np.where(silent, 0.0, np.round(np.exp(10.7 + draws.normal("deal/revenue", row)), -3))
    return _table(
        "closed_deals",
        texts(draws.ids("lead", row)),
        texts(deal_sellers(draws, deals, sellers)),
        texts(draws.ids("developer", (draws.uniform("deal/developer", row) * m.SALES_DEVELOPERS).astype(np.int64))),
        texts(draws.ids("salesperson", (draws.uniform("deal/person", row) * m.SALES_PEOPLE).astype(np.int64))),
        moments(deals.won),
        named(list(m.SEGMENTS), deals.segment),
        named(list(m.LEAD_TYPES), deals.lead_type),
        named(list(m.BEHAVIORS), deals.behavior),
        pa.array(draws.uniform("deal/company", row) < 0.92, mask=silent),
        pa.array(draws.uniform("deal/gtin", row) < 0.84, mask=silent),
        named(_STOCKS, np.where(silent, -1, draws.choice("deal/stock", row, (10, 22, 8, 15, 7, 4)))),
        named(list(m.BUSINESS_TYPES), deals.business),
        pa.array(np.round(np.exp(4 + draws.normal("deal/catalog", row))), mask=silent),
        revenue,
    )


def order_tables(world: World, orders: Orders, deliveries: Deliveries, reviews: Reviews) -> dict[str, pa.Table]:
    """The tables that grow with orders, by name."""
    order_ids = world.draws.ids("order", orders.row)
    return {
        "customers": _customers(world, orders),
        "orders": _orders(world.draws, orders, deliveries, order_ids),
        "order_items": _items(world.draws, orders, deliveries, order_ids),
        "order_payments": _payments(orders, order_ids),
        "order_reviews": _reviews(world.draws, orders, reviews, order_ids),
    }


def _customers(world: World, orders: Orders) -> pa.Table:
    state = world.places.state[orders.place]
    return _table(
        "customers",
        texts(world.draws.ids("customer", orders.row)),
        texts(world.draws.ids("person", orders.person)),
        named(_prefixes(world.places), orders.place),
        named(_cities(), state),
        named(STATE_NAMES, state),
    )


def _orders(draws: Draws, orders: Orders, deliveries: Deliveries, order_ids: NDArray[np.bytes_]) -> pa.Table:
    return _table(
        "orders",
        texts(order_ids),
        texts(draws.ids("customer", orders.row)),
        named(STATUS_NAMES, orders.status),
        moments(orders.purchase),
        moments(deliveries.approved),
        moments(deliveries.carrier),
        moments(deliveries.delivered),
        moments(deliveries.promised),
    )


def _items(draws: Draws, orders: Orders, deliveries: Deliveries, order_ids: NDArray[np.bytes_]) -> pa.Table:
    shown = orders.has_items[orders.order]
    order = orders.order[shown]
    return _table(
        "order_items",
        texts(order_ids[order]),
        orders.number[shown],
        texts(draws.ids("product", orders.product[shown])),
        texts(draws.ids("seller", orders.item_seller[shown])),
        moments(deliveries.limit[order]),
        orders.price[shown],
        orders.freight[shown],
    )


def _payments(orders: Orders, order_ids: NDArray[np.bytes_]) -> pa.Table:
    mixed = orders.voucher > 0
    kinds = [PAYMENT_NAMES.index(name) for name in ("credit_card", "credit_card+voucher")]
    card = np.isin(orders.payment, kinds)
    order = np.concatenate([np.arange(len(order_ids)), np.flatnonzero(mixed)])
    second = np.arange(len(order)) >= len(order_ids)
    ranks = np.lexsort((second, order))
    order, second = order[ranks], second[ranks]
    value = np.where(second, orders.voucher[order], orders.total[order] - orders.voucher[order])
    kind = np.where(mixed[order], kinds[0], orders.payment[order])
    return _table(
        "order_payments",
        texts(order_ids[order]),
        1 + second.astype(np.int64),
        named(PAYMENT_NAMES, np.where(second, PAYMENT_NAMES.index("voucher"), kind)),
        np.where(card[order] & ~second, orders.installments[order], 1),
        np.round(value, 2),
    )


def _reviews(draws: Draws, orders: Orders, reviews: Reviews, order_ids: NDArray[np.bytes_]) -> pa.Table:
    return _table(
        "order_reviews",
        texts(draws.ids("review", orders.row[reviews.order])),
        texts(order_ids[reviews.order]),
        reviews.score,
        named(TITLES, reviews.title),
        named(PRAISE + COMPLAINT, reviews.message),
        moments(reviews.created),
        moments(reviews.answered),
    )


def product_attributes(world: World) -> pa.Table:
    """What an image model would say of each product: product_id, attribute, value, confidence, known_at.

    A value is wrong as often as its confidence says. `heel_height` has no influence on anything.
    """
    draws, products = world.draws, world.products
    row = np.arange(len(products.seller))
    known = world.sellers.start[products.seller] - ((1 + 20 * draws.uniform("photo/day", row)) * 86_400).astype("m8[s]")
    ids = texts(draws.ids("product", row))
    parts = []
    for attribute, names, truth in (
        ("photo_quality", PHOTO_QUALITIES, products.photo_quality),
        ("heel_height", HEEL_HEIGHTS, products.heel_height),
    ):
        confidence = 0.6 + 0.39 * np.sqrt(draws.uniform(f"photo/{attribute}/confidence", row))
        wrong = draws.uniform(f"photo/{attribute}/wrong", row) >= confidence
        shift = 1 + (2 * draws.uniform(f"photo/{attribute}/shift", row)).astype(np.int64)
        value = np.where(wrong, (truth + shift) % 3, truth)
        columns = [ids, pa.array([attribute] * len(row)), named(names, value), np.round(confidence, 3), moments(known)]
        parts.append(
            pa.table(dict(zip(("product_id", "attribute", "value", "confidence", "known_at"), columns, strict=True)))
        )
    return pa.concat_tables(parts)
