"""The marketplace as its pages and their JSON twins show it: figures of the last report, scores and champions of now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitrine.errors import NotFound
from vitrine.market.at_risk import AtRisk, at_risk
from vitrine.market.champions import Champions, champions
from vitrine.market.clusters import Choice
from vitrine.market.home import Market
from vitrine.market.jobs import scorecard
from vitrine.market.report.summary import (
    DriftSummary,
    MarketSummary,
    ProfitSummary,
    RouteSummary,
    SegmentSummary,
    profit,
    read,
)

if TYPE_CHECKING:
    from pathlib import Path

    from vitrine.stores.catalog import Catalog

__all__ = ["Champions", "MarketSummary", "champions", "drift", "market", "risk", "routes", "segments"]

_SIDE = 10


@dataclass(frozen=True, slots=True)
class RiskPage:
    """Those at risk; from the champion's scorecard what contacting them earns, and why nothing of it is a result.

    `profit` is None and `thinned` empty where there is no champion or its scorecard is not here.
    """

    at_risk: AtRisk
    profit: ProfitSummary | None = None
    thinned: str = ""


@dataclass(frozen=True, slots=True)
class RoutesPage:
    """Routes with open orders, those with the most late ones expected first; the states with most orders at both ends.

    `seller_states` and `customer_states` are those with the most open orders, at most ten each.
    """

    routes: Sequence[RouteSummary]
    seller_states: Sequence[str]
    customer_states: Sequence[str]

    @property
    def of(self) -> dict[tuple[str, str], RouteSummary]:
        """The routes by their ends."""
        return {(one.seller_state, one.customer_state): one for one in self.routes}


@dataclass(frozen=True, slots=True)
class SegmentsPage:
    """The kinds of sellers, sellers as points (x, y, segment) of the map, and the numbers of kinds that were tried."""

    segments: Sequence[SegmentSummary]
    tried: Sequence[Choice]
    points: Sequence[tuple[float, float, int]]


@dataclass(frozen=True, slots=True)
class TaskDrift:
    """How far what one task's champion reads and says has moved since it learnt."""

    task: str
    model: str
    drift: DriftSummary


def market(folder: "Path") -> MarketSummary:
    """What `vitrine market report` or `refresh` wrote last in this workspace; NotFound before the first one."""
    found = read(folder / "reports" / "market.json")
    if found is None:
        raise NotFound(
            "there is no report of the marketplace yet",
            hint="vitrine market refresh writes it; vitrine market demo --folder . shows one on simulated orders",
        )
    return found


def risk(
    folder: "Path",
    catalog: "Catalog",
    task: str,
    *,
    seller: str | None,
    at_least: float | None,
    after: tuple[float, str] | None,
    limit: int,
) -> RiskPage:
    """Those whom a task's champion scored highest, and from which probability a contact pays."""
    found = at_risk(catalog, task, seller=seller, at_least=at_least, after=after, limit=limit)
    if found.model is None:
        return RiskPage(found)
    try:
        card = scorecard(Market.open(folder), found.model)
    except NotFound:  # its folder was not moved along with the catalog: the scores stand without it
        return RiskPage(found)
    return RiskPage(found, profit(card), card["thinned"])


def routes(summary: MarketSummary) -> RoutesPage:
    """Late-order risk from state to state."""
    sent: dict[str, int] = {}
    received: dict[str, int] = {}
    for one in summary.routes:
        sent[one.seller_state] = sent.get(one.seller_state, 0) + one.orders
        received[one.customer_state] = received.get(one.customer_state, 0) + one.orders
    return RoutesPage(summary.routes, _largest(sent), _largest(received))


def segments(summary: MarketSummary) -> SegmentsPage:
    """The kinds of sellers and their map."""
    return SegmentsPage(summary.segments, summary.tried, summary.points)


def drift(summary: MarketSummary) -> list[TaskDrift]:
    """Drift of features and scores of every task, month by month."""
    return [TaskDrift(one.task, one.model, one.drift) for one in summary.tasks]


def _largest(orders: dict[str, int]) -> list[str]:
    return sorted(orders, key=lambda state: (-orders[state], state))[:_SIDE]
