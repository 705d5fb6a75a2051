"""The live error meter as lines: points of an SVG, 100 wide and 30 high, without a script or a style of its own.

>>> from datetime import date
>>> day = AuditDay(date(2026, 1, 1), 10, 0, 0.0, 0.3, 1.0)
>>> lines = meter([day, AuditDay(date(2026, 1, 2), 50, 0, 0.0, 0.06, 2.0)], allowed=0.03)
>>> lines.bound, lines.allowed
('0.0,0.0 100.0,18.0', 24.0)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vitrine.desk.audit import AuditDay

_WIDTH, _HEIGHT = 100.0, 30.0
_ROOM = 5.0  # the chart shows errors up to so many times the allowed one; a bound starts at 1, far above


@dataclass(frozen=True, slots=True)
class Lines:
    """The bound and the estimate as SVG points over the number of audits; `allowed` is the height of the promise."""

    bound: str
    estimate: str
    allowed: float


def meter(days: Sequence[AuditDay], *, allowed: float) -> Lines:
    """The lines of one attribute's meter; at least one day."""
    first, last = days[0].audits, days[-1].audits

    def points(values: Sequence[float]) -> str:
        placed = zip(days, values, strict=True)
        return " ".join(f"{_across(day.audits, first, last)},{_down(value, allowed)}" for day, value in placed)

    return Lines(points([day.bound for day in days]), points([day.estimate for day in days]), _down(allowed, allowed))


def _across(audits: int, first: int, last: int) -> float:
    return round(_WIDTH * (audits - first) / max(1, last - first), 2)


def _down(error: float, allowed: float) -> float:
    return round(_HEIGHT * (1 - min(1.0, error / (_ROOM * allowed))), 2)
