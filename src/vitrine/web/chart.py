"""The live error meter as lines: points of an SVG, 100 wide and 30 high, without a script or a style of its own.

>>> from datetime import date
>>> day = AuditDay(date(2026, 1, 1), 10, 0, 0.0, 0.3, 1.0)
>>> lines = meter([day, AuditDay(date(2026, 1, 2), 50, 0, 0.0, 0.06, 2.0)], allowed=0.03)
>>> lines.bound, lines.allowed
('0.0,0.0 20.0,0.0 100.0,18.0', 24.0)
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
    """The lines of one attribute's meter; at least one day. Before the first audit the bound is 1."""
    last = days[-1].audits

    def point(day: AuditDay, error: float) -> str:
        return f"{round(_WIDTH * day.audits / max(1, last), 2)},{_down(error, allowed)}"

    bound = " ".join(["0.0,0.0", *(point(day, day.bound) for day in days)])
    return Lines(bound, " ".join(point(day, day.estimate) for day in days), _down(allowed, allowed))


def _down(error: float, allowed: float) -> float:
    return round(_HEIGHT * (1 - min(1.0, error / (_ROOM * allowed))), 2)
