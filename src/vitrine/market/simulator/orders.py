"""Orders of one month, any stretch of them: who buys what from whom, when, and how it is paid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.market.simulator import marginals as m
from vitrine.market.simulator.draws import Draws, Floats, Integers, pick
from vitrine.market.simulator.places import Places, distances, draw_states
from vitrine.market.simulator.sellers import Products, Sellers

STATUS_NAMES = tuple(m.STATUSES)
DELIVERED, SHIPPED, CANCELED = (STATUS_NAMES.index(name) for name in ("delivered", "shipped", "canceled"))
WITHOUT_ITEMS = tuple(STATUS_NAMES.index(name) for name in ("unavailable", "created"))
PAYMENT_NAMES = tuple(m.PAYMENTS)

Moments = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class World:
    """What stays the same through all months."""

    draws: Draws
    places: Places
    sellers: Sellers
    products: Products
    capitals: Floats  # kilometers, (states, states)


def make_world(draws: Draws, places: Places, sellers: Sellers, products: Products) -> World:
    """The world with its distances."""
    return World(draws, places, sellers, products, distances())


@dataclass(frozen=True, slots=True)
class Month:
    """One month's plan: orders `first` to `first + count`, the first of them one for each of `newcomers`."""

    number: int
    first: int
    count: int
    newcomers: Integers
    weights: Floats

    @property
    def start(self) -> np.datetime64:
        """The first moment of the month."""
        first: np.datetime64 = (m.FIRST_MONTH + self.number).astype("M8[s]")
        return first

    @property
    def days(self) -> int:
        """How many days the month has."""
        return int(((self.start.astype("M8[M]") + 1).astype("M8[D]") - self.start.astype("M8[D]")).astype(np.int64))


@dataclass(frozen=True, slots=True)
class Orders:
    """Parallel arrays over orders; the item arrays run over items, `order` being the position of an item's order."""

    row: Integers
    month: int
    person: Integers
    place: Integers
    seller: Integers
    status: Integers
    purchase: Moments
    order: Integers
    number: Integers
    product: Integers
    item_seller: Integers
    price: Floats
    freight: Floats
    payment: Integers
    installments: Integers
    voucher: Floats

    @property
    def total(self) -> Floats:
        """What each order costs with freight, in reais."""
        return totals(self.order, self.price + self.freight, len(self.row))

    @property
    def has_items(self) -> NDArray[np.bool_]:
        """Whether the official tables would show items for the order."""
        return ~np.isin(self.status, WITHOUT_ITEMS)


def totals(order: Integers, value: Floats, orders: int) -> Floats:
    """The sum of the items' values for each of `orders` orders."""
    return np.bincount(order, value, minlength=orders).astype(np.float64)


def make_orders(world: World, month: Month, rows: Integers) -> Orders:
    """The orders `rows` (numbers over the whole simulation) of `month`."""
    draws, sellers = world.draws, world.sellers
    newcomer = rows - month.first < len(month.newcomers)
    seller = pick(draws.uniform("order/seller", rows), month.weights)
    seller[newcomer] = month.newcomers[rows[newcomer] - month.first]
    purchase = _moments(draws, month, rows)
    purchase[newcomer] = sellers.start[seller[newcomer]]
    # only in the first month do newcomers get more than their first order
    early = purchase < sellers.start[seller]
    purchase[early] += (sellers.start[seller] - month.start)[early]
    person = _people(draws, rows)
    states = draw_states(draws.uniform("person/state", person), sellers=False)
    place = world.places.settle(states, draws.uniform("person/zip", person))
    status = draws.choice("order/status", rows, list(m.STATUSES.values()))
    status[newcomer & np.isin(status, WITHOUT_ITEMS)] = DELIVERED
    order, number, product = _items(world, month, rows, seller, purchase)
    item_seller = world.products.seller[product]
    # one item in ten was cheaper: most products have more than one price in the official tables
    cheaper = np.where(draws.uniform("item/cheaper", rows[order] * 8 + number) < 0.1, 0.9, 1.0)
    price = np.round(world.products.price[product] * cheaper, 2)
    freight = _freight(world, rows[order] * 8 + number, item_seller, place[order], product, price)
    total = totals(order, price + freight, len(rows))
    payment = draws.choice("order/payment", rows, list(m.PAYMENTS.values()))
    part = np.round(total * (0.1 + 0.6 * draws.uniform("order/voucher", rows)), 2)
    return Orders(
        row=rows,
        month=month.number,
        person=person,
        place=place,
        seller=seller,
        status=status,
        purchase=purchase,
        order=order,
        number=number,
        product=product,
        item_seller=item_seller,
        price=price,
        freight=freight,
        payment=payment,
        installments=_installments(draws, rows, total),
        voucher=np.where(payment == PAYMENT_NAMES.index("credit_card+voucher"), part, 0.0),
    )


def _moments(draws: Draws, month: Month, rows: Integers) -> Moments:
    dates = month.start.astype("M8[D]") + np.arange(month.days)
    weekday = (dates.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    special = np.array([m.BLACK_FRIDAY.get(str(date), 1.0) for date in dates])
    days = draws.choice("order/day", rows, np.array(m.WEEKDAYS)[weekday] * special)
    hours = draws.choice("order/hour", rows, m.HOURS)
    seconds = (draws.uniform("order/second", rows) * 3_600).astype(np.int64)
    return month.start + (days * 86_400 + hours * 3_600 + seconds).astype("m8[s]")


def _people(draws: Draws, rows: Integers) -> Integers:
    again = draws.uniform("person/again", rows) < m.REPEATED_CUSTOMERS
    earlier = (draws.uniform("person/which", rows) * rows).astype(np.int64)
    return np.where(again, earlier, rows)


def _items(
    world: World, month: Month, rows: Integers, seller: Integers, purchase: Moments
) -> tuple[Integers, Integers, Integers]:
    draws = world.draws
    count = 1 + draws.choice("order/items", rows, m.ITEMS_AN_ORDER)
    order = np.repeat(np.arange(len(rows)), count)
    number = 1 + np.arange(len(order)) - (np.cumsum(count) - count)[order]
    other_seller = pick(draws.uniform("order/other seller", rows), month.weights)
    shared = (draws.uniform("order/shared", rows) < m.OTHER_SELLER) & (world.sellers.start[other_seller] <= purchase)
    other = shared[order] & (number > 1)
    item_seller = np.where(other, other_seller[order], seller[order])
    # all items are the same product, unless this order has another one
    varied = (draws.uniform("order/varied", rows) < m.OTHER_PRODUCT)[order]
    which = np.where(varied, rows[order] * 8 + number, rows[order] * 8)
    shelf = draws.uniform("item/product", which) ** 2
    product = world.sellers.first_product[item_seller] + (shelf * world.sellers.products[item_seller]).astype(np.int64)
    return order, number, product


def _freight(
    world: World, rows: Integers, seller: Integers, place: Integers, product: Integers, price: Floats
) -> Floats:
    start, weight, distance, same, value = m.FREIGHT
    from_state, to_state = world.places.state[world.sellers.place[seller]], world.places.state[place]
    log = start + weight * np.log(world.products.weight[product] + 50) + value * np.log(price)
    log += distance * world.capitals[from_state, to_state] / 1_000 + same * (from_state == to_state)
    log += m.FREIGHT_DEVIATION * world.draws.normal("item/freight", rows)
    return np.round(np.clip(np.exp(log), 2.0, 400.0), 2)


def _installments(draws: Draws, rows: Integers, total: Floats) -> Integers:
    """Dearer orders are paid in more installments: a Gaussian copula with ln(total)."""
    from scipy.special import ndtr

    height = np.clip((np.log(total) - 4.6) / 0.85, -3, 3)
    own = draws.normal("order/installments", rows)
    mixed = m.INSTALLMENTS_BY_VALUE * height + np.sqrt(1 - m.INSTALLMENTS_BY_VALUE**2) * own
    return 1 + pick(ndtr(mixed), m.INSTALLMENTS)
