"""Promise, lateness and delivery of orders: a late delivery has a planted probability that the order itself determines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.market.simulator import marginals as m
from vitrine.market.simulator.draws import Floats
from vitrine.market.simulator.orders import (
    CANCELED,
    DELIVERED,
    PAYMENT_NAMES,
    SHIPPED,
    STATUS_NAMES,
    Moments,
    Month,
    Orders,
    World,
    make_orders,
)
from vitrine.market.simulator.places import STATE_NAMES

_HANDLING = 0.6  # log odds of a late delivery a deviation of the seller's handling; planted
_CALIBRATION = 20_000  # orders on which a month's constant is set
_CREATED = STATUS_NAMES.index("created")


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Parallel arrays over orders; NaT where a step was never taken. `late` holds for delivered orders only."""

    approved: Moments
    carrier: Moments
    delivered: Moments
    promised: Moments
    limit: Moments
    probability: Floats
    late: NDArray[np.bool_]


def make_deliveries(world: World, orders: Orders, constant: float) -> Deliveries:
    """What happens to `orders` after the purchase; `constant` is the month's log odds of lateness."""
    draws, rows = world.draws, orders.row
    promised, odds = _promise(world, orders)
    probability = 1 / (1 + np.exp(-(constant + odds)))
    done = orders.status == DELIVERED
    late = done & (draws.uniform("order/late", rows) < probability)
    arrival = _arrival(world, orders, promised, late)
    approved, carrier = _steps(world, orders)
    # a parcel that arrives early was approved and handed over early
    span = (arrival - orders.purchase).astype(np.float64)
    approved = np.where(done, np.minimum(approved, orders.purchase + (0.3 * span).astype("m8[s]")), approved)
    span = (arrival - approved).astype(np.float64)
    carrier = np.where(done, np.minimum(carrier, approved + (0.6 * span).astype("m8[s]")), carrier)
    limit_days = 2 + np.floor(5 * draws.uniform("order/limit", rows)).astype(np.int64)
    never = np.datetime64("NaT")
    unapproved = (orders.status == _CREATED) | (
        (orders.status == CANCELED) & (draws.uniform("order/unapproved", rows) < 0.1)
    )
    return Deliveries(
        approved=np.where(unapproved, never, approved),
        carrier=np.where(done | (orders.status == SHIPPED), carrier, never),
        delivered=np.where(done, arrival, never),
        promised=promised,
        limit=approved + (limit_days * 86_400).astype("m8[s]"),
        probability=probability,
        late=late,
    )


def month_constants(world: World) -> Floats:
    """The log odds of each month at which the share of late orders is the measured one, on a fixed set of orders."""
    rows = np.arange(_CALIBRATION)
    constants = []
    for number, share in enumerate(m.LATE_A_MONTH):
        everyone = Month(number, 0, _CALIBRATION, np.arange(0), np.exp(world.sellers.size))
        odds = _promise(world, make_orders(world, everyone, rows))[1]
        constants.append(_solve(odds, share))
    return np.array(constants)


def _solve(odds: Floats, share: float) -> float:
    """The constant at which the mean probability of `odds` is `share`, by bisection."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if np.mean(1 / (1 + np.exp(-(middle + odds)))) > share else (middle, high)
    return (low + high) / 2


def _promise(world: World, orders: Orders) -> tuple[Moments, Floats]:
    """The promised day of each order and its log odds of lateness, without the month's constant."""
    first = np.searchsorted(orders.order, np.arange(len(orders.row)))
    from_state = world.places.state[world.sellers.place[orders.seller]]
    to_state = world.places.state[orders.place]
    far, same = world.capitals[from_state, to_state] / 1_000, (from_state == to_state).astype(np.float64)
    start, distance, within = m.PROMISE
    log = start + distance * far + within * same + m.PROMISE_DEVIATION * world.draws.normal("order/promise", orders.row)
    slow_month = m.PROMISE_A_MONTH[orders.month] / float(np.average(m.PROMISE_A_MONTH, weights=m.LINES_A_MONTH))
    days = np.clip(np.round(np.exp(log) * slow_month), 3, 150)
    promised = orders.purchase.astype("M8[D]") + days.astype("m8[D]")
    odds = np.array([one[7] for one in m.STATES.values()])[to_state]
    odds += np.array([m.SELLER_STATE_LATE.get(name, 0.0) for name in STATE_NAMES])[from_state]
    odds += m.LATE_PROMISE * np.log(days) + m.LATE_WEIGHT * np.log(world.products.weight[orders.product[first]] + 50)
    odds += m.LATE_DISTANCE * far + m.LATE_SAME_STATE * same + _HANDLING * world.sellers.handling[orders.seller]
    return promised.astype("M8[s]"), odds


def _arrival(world: World, orders: Orders, promised: Moments, late: NDArray[np.bool_]) -> Moments:
    draws, rows = world.draws, orders.row
    share = np.clip(m.IN_TIME[0] + m.IN_TIME[1] * draws.normal("order/in time", rows), 0.08, 0.98)
    span = (promised - orders.purchase).astype(np.float64)
    days = np.clip(np.exp(m.LATE_DAYS[0] + m.LATE_DAYS[1] * draws.normal("order/late days", rows)), 1.0, 120.0)
    # a day and more, so that "after the promised moment" and "after the promised day" name the same orders
    after = span + np.maximum(days, 1.01) * 86_400
    arrival: Moments = orders.purchase + np.where(late, after, share * span).astype("m8[s]")
    return arrival


def _steps(world: World, orders: Orders) -> tuple[Moments, Moments]:
    draws, rows = world.draws, orders.row
    minutes = np.array([m.APPROVAL_MINUTES[name.partition("+")[0]] for name in PAYMENT_NAMES])[orders.payment]
    minutes = minutes * np.exp(m.APPROVAL_DEVIATION * draws.normal("order/approval", rows))
    approved = orders.purchase + (minutes * 60).astype("m8[s]")
    hours = np.exp(m.TO_CARRIER_HOURS[0] + m.TO_CARRIER_HOURS[1] * draws.normal("order/carrier", rows))
    return approved, approved + (np.minimum(hours, 600) * 3_600).astype("m8[s]")
