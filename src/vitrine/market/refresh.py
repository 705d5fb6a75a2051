"""Bring everything up to date in one go: build the newest reference dates, score, report."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from vitrine.errors import NotFound, VitrineError
from vitrine.learn.promote import champion_of
from vitrine.market.report.write import write_report
from vitrine.market.score import score
from vitrine.market.tasks import TASKS, line

if TYPE_CHECKING:
    from vitrine.market.home import Market

Progress = Callable[[int, int], None]


def refresh(market: "Market", *, on_progress: Progress) -> dict[str, Any]:
    """Build, score and report; a task without a champion, or whose champion must be refused, is named with the reason."""
    built = market.features.build(month_starts(market), on_progress=on_progress)
    scores, refused = [], {}
    for name in TASKS:
        if champion_of(market.catalog, line=line(name)) is None:
            refused[name] = f"no champion; vitrine market train {name} makes the first one"
            continue
        try:
            scores.append(score(market, name).as_dict())
        except VitrineError as error:
            refused[name] = error.message
    if not scores:
        raise NotFound("no task has a champion that could score", hint="vitrine market train churn makes one")
    return {
        "reference_date": built.dates[-1].isoformat(),
        "build": built.as_dict(),
        "scores": scores,
        "not_scored": refused,
        "report": str(write_report(market)),
    }


def month_starts(market: "Market") -> list[date]:
    """Every first of a month that has a sale before it and none missing after it."""
    times = market.sources.read("orders").column("order_purchase_timestamp")
    span = pc.min_max(times).as_py()
    day, last = span["min"].date() + timedelta(days=1), span["max"].date() + timedelta(days=1)
    days = (day + timedelta(days=step) for step in range((last - day).days + 1))
    return [one for one in days if one.day == 1]
