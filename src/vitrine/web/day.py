"""When the visitor's day began, by the offset from UTC that the pages keep in a cookie; in UTC for whoever has none."""

import re
from datetime import datetime, timedelta

from fastapi import Request

from vitrine.records import now

_OFFSET = "utc-offset"  # minutes east of UTC; desk.js writes it
_FARTHEST = 14 * 60


def day_began(request: Request) -> datetime:
    """The last midnight where the visitor is."""
    return midnight(now(), request.cookies.get(_OFFSET, ""))


def midnight(moment: datetime, offset: str) -> datetime:
    """The midnight before a `moment` where clocks are `offset` minutes ahead of UTC; an offset that is none counts as 0.

    >>> from datetime import UTC
    >>> midnight(datetime(2026, 3, 2, 1, 30, tzinfo=UTC), "-180").isoformat()
    '2026-03-01T03:00:00+00:00'
    """
    minutes = int(offset) if re.fullmatch(r"-?[0-9]{1,3}", offset) else 0
    ahead = timedelta(minutes=max(-_FARTHEST, min(_FARTHEST, minutes)))
    return (moment + ahead).replace(hour=0, minute=0, second=0, microsecond=0) - ahead
