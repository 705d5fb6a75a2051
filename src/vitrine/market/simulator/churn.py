"""Who stops selling: a monthly hazard with named causes, and the best that can be known about it in advance.

A seller leaves at the turn of a month (the marketplace's contracts are monthly), with log odds that are a sum of
causes. Everything that enters is known before that moment.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.market.simulator import marginals as m
from vitrine.market.simulator.delivery import Deliveries
from vitrine.market.simulator.draws import Floats, Integers
from vitrine.market.simulator.orders import Moments, Month, Orders, World
from vitrine.market.simulator.reviews import Reviews

Counts = NDArray[np.int32]

RULE_DAYS = 45
_BASE = 0.015
_BAD_REVIEWS, _LATE, _FALLING, _CATEGORY, _PHOTO, _NEW = 5.0, 4.0, 0.7, 0.4, 2.0, 0.9
_PRIOR = 5.0  # orders with the usual share that a seller is credited with before its own speak
_USUAL_BAD, _USUAL_LATE = 0.13, 0.08
_KEEP, _SHOCK = 0.85, 0.25  # drift of a seller's size: what stays of it from month to month, and what is new
_LOOKBACK = 3  # months of reviews and deliveries that count
_AHEAD = 12  # months after the last in which deliveries and reviews may still arrive
# three nodes stand for a normal shock (Gauss–Hermite)
_NODES = ((-np.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (np.sqrt(3.0), 1 / 6))

CAUSES = ("bad_reviews", "late_deliveries", "falling_sales", "category", "photo_quality", "new_seller")


@dataclass(slots=True)
class Ledger:
    """What was known when, shape (months, sellers): orders by purchase, deliveries and reviews by when they were known."""

    orders: Counts
    delivered: Counts
    late: Counts
    reviewed: Counts
    bad: Counts
    first_sale: Floats  # seconds since 1970, inf where there was none that month
    last_sale: Floats  # -inf where there was none


def new_ledger(sellers: int) -> Ledger:
    """Nothing has happened yet."""
    shape = (m.MONTHS + _AHEAD, sellers)
    return Ledger(
        orders=np.zeros(shape, dtype=np.int32),
        delivered=np.zeros(shape, dtype=np.int32),
        late=np.zeros(shape, dtype=np.int32),
        reviewed=np.zeros(shape, dtype=np.int32),
        bad=np.zeros(shape, dtype=np.int32),
        first_sale=np.full(shape, np.inf),
        last_sale=np.full(shape, -np.inf),
    )


@dataclass(frozen=True, slots=True)
class Outlook:
    """The turn into one month, parallel over sellers: what a seller does next and why.

    `causes` has shape (causes, sellers), in log odds; `label_probability` is the probability that the rule's window
    (45 days from the last sale) ends without a sale, given all that can be known; `blind_probability` is the same
    without knowledge of the photos. NaN where the seller is not in the rule's population.
    """

    month: int
    hazard: Floats
    causes: Floats
    leaves: NDArray[np.bool_]
    recency: Floats
    expected_orders: Floats
    label_probability: Floats
    blind_probability: Floats


def enter(ledger: Ledger, orders: Orders, deliveries: Deliveries, reviews: Reviews) -> None:
    """Enter orders with their deliveries and reviews, each in the month in which it became known."""
    sold = orders.has_items[orders.order]
    order, seller = orders.order[sold], orders.item_seller[sold]
    pairs = np.unique(order * len(ledger.orders[0]) + seller)
    order, seller = pairs // len(ledger.orders[0]), pairs % len(ledger.orders[0])
    month = np.full(len(seller), orders.month)
    moments = orders.purchase[order].astype(np.float64)
    _count(ledger.orders, month, seller)
    np.minimum.at(ledger.first_sale, (month, seller), moments)
    np.maximum.at(ledger.last_sale, (month, seller), moments)
    done = ~np.isnat(deliveries.delivered)
    known = _month(deliveries.delivered[done])
    _count(ledger.delivered, known, orders.seller[done])
    _count(ledger.late, known[deliveries.late[done]], orders.seller[done][deliveries.late[done]])
    known, seller, bad = _month(reviews.created), orders.seller[reviews.order], reviews.score <= 2
    _count(ledger.reviewed, known, seller)
    _count(ledger.bad, known[bad], seller[bad])


def _month(moments: Moments) -> Integers:
    return np.minimum((moments.astype("M8[M]") - m.FIRST_MONTH).astype(np.int64), m.MONTHS + _AHEAD - 1)


def _count(table: Counts, month: Integers, seller: Integers) -> None:
    cells = np.bincount(month * table.shape[1] + seller, minlength=table.size)
    table += cells.reshape(table.shape).astype(np.int32)


class Population:
    """The sellers over time: who is there, how big each is now, who leaves."""

    def __init__(self, world: World, planned: Integers) -> None:
        """`planned` is the number of orders of each month beyond those of newcomers."""
        self.world = world
        self.planned = planned
        count = len(world.sellers.size)
        self.ledger = new_ledger(count)
        self.left = np.full(count, m.MONTHS + _AHEAD)
        self.drift = np.zeros(count)
        self._before: tuple[Floats, Floats, Floats] | None = None
        self._taste = _CATEGORY * world.draws.normal("category/hazard", np.arange(len(m.CATEGORIES)))

    def turn(self, month: int) -> tuple[Outlook, Floats]:
        """Decide who leaves as `month` begins; returns the outlook and the weights that draw this month's sellers."""
        sellers, draws = self.world.sellers, self.world.draws
        present = sellers.start_month < month
        causes = self._causes(month)
        base = np.log(_BASE / (1 - _BASE))
        hazard = 1 / (1 + np.exp(-(base + causes.sum(axis=0))))
        blind = 1 / (1 + np.exp(-(base + causes.sum(axis=0) - causes[CAUSES.index("photo_quality")])))
        row = month * len(hazard) + np.arange(len(hazard))
        leaves = present & (self.left > month) & (draws.uniform("seller/leaves", row) < hazard)
        staying = present & (self.left >= month)
        expected = _KEEP * self.drift + sellers.size
        daily = self._daily(month, np.where(staying, np.exp(expected), 0.0), hazard, present, np.exp(expected))
        outlook = self._outlook(month, causes, hazard, blind, leaves, present, daily)
        self._before = (hazard, blind, daily)
        self.left[leaves] = month
        self.drift = _KEEP * self.drift + _SHOCK * draws.normal("seller/drift", row)
        weights = np.where(present & (self.left > month), np.exp(sellers.size + self.drift), 0.0)
        return outlook, weights

    def _causes(self, month: int) -> Floats:
        """Log odds by cause and seller, from what was known before `month`."""
        ledger, sellers = self.ledger, self.world.sellers
        window = slice(max(0, month - _LOOKBACK), month)
        bad = _share(ledger.bad[window], ledger.reviewed[window], _USUAL_BAD)
        late = _share(ledger.late[window], ledger.delivered[window], _USUAL_LATE)
        recent = ledger.orders[max(0, month - 2) : month].mean(axis=0) if month else np.zeros(len(bad))
        earlier = ledger.orders[max(0, month - 5) : max(0, month - 2)]
        before = earlier.mean(axis=0) if len(earlier) else recent
        old = sellers.start_month < month - 2
        falling = np.where(old, np.clip(np.log((before + 0.5) / (recent + 0.5)), -1.5, 1.5), 0.0)
        tenure = np.maximum(month - sellers.start_month, 1)
        return np.stack(
            [
                _BAD_REVIEWS * (bad - _USUAL_BAD),
                _LATE * (late - _USUAL_LATE),
                _FALLING * falling,
                self._taste[sellers.category],
                -_PHOTO * sellers.photo,
                _NEW * np.exp(-tenure / 3.0),
            ]
        )

    def _daily(self, month: int, there: Floats, hazard: Floats, present: NDArray[np.bool_], size: Floats) -> Floats:
        """Orders a day that each seller can expect, were it still there."""
        pool = float(((1 - hazard) * there).sum())
        if not pool or month >= m.MONTHS:
            return np.zeros(len(size))
        days = Month(month, 0, 0, np.arange(0), size).days
        return np.where(present, self.planned[month] / days * size / pool, 0.0)

    def _outlook(
        self,
        month: int,
        causes: Floats,
        hazard: Floats,
        blind: Floats,
        leaves: NDArray[np.bool_],
        present: NDArray[np.bool_],
        daily: Floats,
    ) -> Outlook:
        start = (m.FIRST_MONTH + month).astype("M8[D]").astype(np.int64)
        last = self.ledger.last_sale[:month].max(axis=0) if month else np.full(len(hazard), -np.inf)
        recency = start - np.floor(last / 86_400)
        inside = present & (recency < RULE_DAYS)
        window = np.where(inside, RULE_DAYS - recency, np.nan)
        chances = [self._quiet(month, one, daily, recency, window, which) for which, one in enumerate((hazard, blind))]
        return Outlook(month, hazard, causes, leaves, np.where(inside, recency, np.nan), daily * window, *chances)

    def _quiet(self, month: int, hazard: Floats, daily: Floats, recency: Floats, window: Floats, which: int) -> Floats:
        """The probability of no sale in `window` days from the turn on.

        A seller that sold nothing in all of the month before may have left at its beginning; the chance of that given
        the silence is Bayes' rule on last month's hazard and rate.
        """
        days = (m.FIRST_MONTH + month).astype("M8[D]") - (m.FIRST_MONTH + month - 1).astype("M8[D]")
        gone = np.zeros(len(hazard))
        if self._before is not None:
            earlier, rate = self._before[which], self._before[2]
            silent = (1 - earlier) * np.exp(-rate * days.astype(np.float64))
            gone = np.where(recency > days.astype(np.float64), earlier / (earlier + silent), 0.0)
        nothing = np.zeros(len(hazard))
        for node, share in _NODES:
            nothing += share * np.exp(-daily * window * np.exp(_SHOCK * node))
        return gone + (1 - gone) * (hazard + (1 - hazard) * nothing)


def _share(part: Counts, whole: Counts, usual: float) -> Floats:
    shrunk: Floats = (part.sum(axis=0) + _PRIOR * usual) / (whole.sum(axis=0) + _PRIOR)
    return shrunk
