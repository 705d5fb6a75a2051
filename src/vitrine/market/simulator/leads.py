"""Leads, the deals that come of them, and which deals ever sell: planted by lead type, behavior, segment and origin."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.market.simulator import marginals as m
from vitrine.market.simulator.draws import Draws, Floats, Integers

# Beyond what the official deals show by their attributes; a sharper rule than real life, so that a model can be judged.
_SHARPNESS = 3.0


@dataclass(frozen=True, slots=True)
class Leads:
    """All leads; `deals` are the rows that closed."""

    contact: NDArray[np.datetime64]
    origin: Integers
    deals: Integers


@dataclass(frozen=True, slots=True)
class Deals:
    """Closed deals in the order of `Leads.deals`; `sale` is NaT where the deal never sells."""

    won: NDArray[np.datetime64]
    lead_type: Integers
    behavior: Integers
    segment: Integers
    business: Integers
    probability: Floats
    sale: NDArray[np.datetime64]


def make_leads(draws: Draws, sellers: int) -> Leads:
    """About 2.6 leads a seller, as in the official tables."""
    row = np.arange(round(m.LEADS_A_SELLER * sellers))
    months = np.array(list(m.LEADS_A_MONTH))[draws.choice("lead/month", row, list(m.LEADS_A_MONTH.values()))]
    days = (draws.uniform("lead/day", row) * 28).astype(np.int64)
    contact = (m.FIRST_MONTH + months).astype("M8[D]") + days.astype("m8[D]")
    origin = draws.choice("lead/origin", row, [count for count, _ in m.ORIGINS.values()])
    closes = np.array([share for _, share in m.ORIGINS.values()])[origin]
    return Leads(contact, origin, np.flatnonzero(draws.uniform("lead/closes", row) < closes))


def make_deals(draws: Draws, leads: Leads) -> Deals:
    """The deals of `leads`, with the probability that each ever sells and the time of its first sale."""
    row = leads.deals
    days = np.exp(m.DEAL_DAYS[0] + m.DEAL_DAYS[1] * draws.normal("deal/days", row))
    moment = (np.minimum(days, 300) * 86_400 + draws.uniform("deal/hour", row) * 36_000).astype("m8[s]")
    won = leads.contact[row].astype("M8[s]") + np.timedelta64(9, "h") + moment
    lead_type, type_odds = _attribute(draws, "deal/type", row, m.LEAD_TYPES)
    behavior, behavior_odds = _attribute(draws, "deal/behavior", row, m.BEHAVIORS)
    segment, segment_odds = _attribute(draws, "deal/segment", row, m.SEGMENTS)
    origin_odds = np.array([m.ORIGIN_ACTIVATION.get(name, 0.0) for name in m.ORIGINS])[leads.origin[row]]
    odds = np.log(m.ACTIVATED / (1 - m.ACTIVATED)) + _SHARPNESS * (
        type_odds + behavior_odds + segment_odds + origin_odds
    )
    probability = 1 / (1 + np.exp(-odds))
    wait = np.exp(m.FIRST_SALE_DAYS[0] + m.FIRST_SALE_DAYS[1] * draws.normal("deal/wait", row))
    sale = won + (wait * 86_400).astype("m8[s]")
    end = (m.FIRST_MONTH + m.MONTHS).astype("M8[s]")
    never = (draws.uniform("deal/sells", row) >= probability) | (sale >= end)
    business = draws.choice("deal/business", row, list(m.BUSINESS_TYPES.values()))
    sale = np.where(never, np.datetime64("NaT"), sale)
    return Deals(won, lead_type, behavior, segment, business, probability, sale)


def sells_within(days: float) -> float:
    """The share of deals that ever sell whose first sale comes within `days` of the deal."""
    from scipy.special import ndtr

    return float(ndtr((np.log(days) - m.FIRST_SALE_DAYS[0]) / m.FIRST_SALE_DAYS[1]))


def _attribute(
    draws: Draws, purpose: str, row: Integers, values: dict[str, tuple[int, float]]
) -> tuple[Integers, Floats]:
    chosen = draws.choice(purpose, row, [count for count, _ in values.values()])
    return chosen, np.array([odds for _, odds in values.values()])[chosen]
