"""The marketplace's charts as points of SVGs, without a script or a style of their own; words are the templates'.

>>> lines = profit_line([(0.0, 0.0), (0.5, 100.0), (1.0, -100.0)], contacted=0.25)
>>> lines.curve, lines.zero, lines.here
('0.0,50.0 150.0,0.0 300.0,100.0', 50.0, 75.0)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrine.market.report.summary import MonthAuc

_WIDE, _HIGH = 300.0, 100.0


@dataclass(frozen=True, slots=True)
class Dot:
    """One month: x, the heights of the mean and of both ends of its interval, and whether it is out of time."""

    month: str
    x: float
    mean: float
    low: float
    high: float
    later: bool


@dataclass(frozen=True, slots=True)
class Months:
    """The months with an interval; `least` is the AUC at the foot, `coin` the height of 0.5, `later` where that begins."""

    dots: Sequence[Dot]
    least: float
    coin: float
    later: float | None


@dataclass(frozen=True, slots=True)
class ProfitLine:
    """The curve, the height of zero, and the x of the advised threshold; `top` and `foot` are the profits there."""

    curve: str
    zero: float
    here: float | None
    top: float
    foot: float


@dataclass(frozen=True, slots=True)
class Place:
    """One seller on the map, or the middle of a segment."""

    x: float
    y: float
    segment: int


@dataclass(frozen=True, slots=True)
class SegmentsMap:
    """Sellers, and the middle of each segment."""

    points: Sequence[Place]
    middles: Sequence[Place]


def by_month(months: Sequence[MonthAuc]) -> Months:
    """The AUC of each month over a foot that leaves room for the lowest interval."""
    known = [(one, one.auc) for one in months]
    least = min([0.5, *(auc.low for _, auc in known if auc.low is not None)])
    least = float(np.floor(10 * least) / 10)

    def down(auc: float) -> float:
        return round(_HIGH * (1 - (auc - least) / (1 - least)), 1)

    step = _WIDE / max(1, len(known))
    dots = [
        Dot(one.month, round((place + 0.5) * step, 1), down(auc.mean), down(auc.low), down(auc.high), one.later)
        for place, (one, auc) in enumerate(known)
        if auc.mean is not None and auc.low is not None and auc.high is not None
    ]
    first = next((place for place, (one, _) in enumerate(known) if one.later), None)
    return Months(dots, least, down(0.5), None if first is None else round(first * step, 1))


def profit_line(curve: Sequence[tuple[float, float]], *, contacted: float | None) -> ProfitLine:
    """The profit for each 1,000 over the share contacted; what is lost is shown as deep as what is won is high."""
    gains = [gain for _, gain in curve]
    top = max(1.0, *gains)
    foot = max(min(0.0, *gains), -top)

    def down(gain: float) -> float:
        return round(_HIGH * (top - max(gain, foot)) / (top - foot), 1)

    points = " ".join(f"{round(_WIDE * share, 1)},{down(gain)}" for share, gain in curve)
    return ProfitLine(points, down(0.0), None if contacted is None else round(_WIDE * contacted, 1), top, foot)


def segments_map(points: Sequence[tuple[float, float, int]]) -> SegmentsMap:
    """Sellers on 300 by 200; the outermost 0.4 % stand at the edge."""
    if not points:
        return SegmentsMap([], [])
    drawn = np.array(points, dtype=np.float64)
    low, high = np.quantile(drawn[:, :2], (0.002, 0.998), axis=0)
    inside = (np.clip(drawn[:, :2], low, high) - low) / np.maximum(high - low, 1e-9)
    x, y, of = 5 + 290 * inside[:, 0], 5 + 190 * (1 - inside[:, 1]), drawn[:, 2].astype(int)
    places = [Place(round(float(a), 1), round(float(b), 1), int(k)) for a, b, k in zip(x, y, of, strict=True)]
    middles = [
        Place(round(float(np.median(x[of == k])), 1), round(float(np.median(y[of == k])), 1), int(k))
        for k in np.unique(of)
    ]
    return SegmentsMap(places, middles)
