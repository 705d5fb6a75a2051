"""Write the marketplace's page, and its numbers beside it."""

from pathlib import Path
from typing import TYPE_CHECKING

from vitrine.errors import NotFound
from vitrine.market.report.contents import contents
from vitrine.market.report.summary import summary, to_json
from vitrine.report.write_html import write_html
from vitrine.stores.whole import whole

if TYPE_CHECKING:
    from vitrine.market.home import Market

_AGAIN = "free some space and run vitrine market report again"


def write_report(market: "Market") -> Path:
    """Write `reports/market.html` and its numbers beside it as JSON; returns the page. NotFound before anything was trained."""
    found = contents(market)
    if not found.sections and found.map is None:
        raise NotFound("there is no champion to report on", hint="vitrine market train churn makes the first one")
    path = market.folder / "reports" / "market.html"
    with whole(path.with_suffix(".json"), hint=_AGAIN) as temporary:
        temporary.write_text(to_json(summary(found)), encoding="utf-8")
    return write_html(path, "vitrine.market.report", "market.html", hint=_AGAIN, page=found)
