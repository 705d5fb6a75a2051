"""Zip prefixes with their state, city and position, and the distance between two of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.market.simulator.draws import Draws, Floats, Integers, pick
from vitrine.market.simulator.marginals import STATES

PREFIXES = 2_000
_SPREAD = 1.1  # degrees that a state's prefixes scatter around its capital
STATE_NAMES = tuple(STATES)


@dataclass(frozen=True, slots=True)
class Places:
    """Parallel arrays over zip prefixes; a state's prefixes stand together, `first` and `count` say where."""

    prefix: NDArray[np.int64]
    state: Integers
    latitude: Floats
    longitude: Floats
    first: Integers
    count: Integers

    def settle(self, states: Integers, uniform: Floats) -> Integers:
        """A prefix in each of `states`."""
        return self.first[states] + (uniform * self.count[states]).astype(np.int64)


def make_places(draws: Draws) -> Places:
    """The prefixes, more of them where more customers live."""
    customers = np.array([one[0] for one in STATES.values()], dtype=np.float64)
    count = np.maximum(3, np.floor(PREFIXES * customers / customers.sum())).astype(np.int64)
    state = np.repeat(np.arange(len(count)), count)
    row = np.arange(len(state))
    low, high = (np.array([one[field] for one in STATES.values()]) for field in (5, 6))
    within = row - (np.cumsum(count) - count)[state]
    prefix = low[state] + (high - low)[state] * within // count[state]
    latitude, longitude = (np.array([one[field] for one in STATES.values()]) for field in (2, 3))
    return Places(
        prefix.astype(np.int64),
        state,
        latitude[state] + _SPREAD * draws.normal("place/latitude", row),
        longitude[state] + _SPREAD * draws.normal("place/longitude", row),
        np.cumsum(count) - count,
        count,
    )


def draw_states(uniform: Floats, *, sellers: bool) -> Integers:
    """States in proportion to where customers, or sellers, live."""
    return pick(uniform, [one[1 if sellers else 0] for one in STATES.values()])


def distances() -> Floats:
    """Kilometers between the capitals of two states, shape (27, 27)."""
    latitude, longitude = (np.array([one[field] for one in STATES.values()]) for field in (2, 3))
    middle = np.radians((latitude[:, None] + latitude[None, :]) / 2)
    north = (latitude[:, None] - latitude[None, :]) * 111.0
    east = (longitude[:, None] - longitude[None, :]) * 111.0 * np.cos(middle)
    return np.asarray(np.hypot(north, east), dtype=np.float64)
