"""Write the marketplace's page: one HTML file with style and plots inside, no scripts, nothing from outside."""

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from vitrine.errors import NotFound
from vitrine.learn.report.write import count, figure, percent
from vitrine.market.report.contents import contents
from vitrine.market.report.summary import summary, to_json
from vitrine.records import now
from vitrine.stores.whole import whole

if TYPE_CHECKING:
    from vitrine.market.home import Market


def write_report(market: "Market") -> Path:
    """Write `reports/market.html` and its numbers beside it as JSON; returns the page. NotFound before anything was trained."""
    found = contents(market)
    if not found.sections and found.map is None:
        raise NotFound("there is no champion to report on", hint="vitrine market train churn makes the first one")
    loader = ChoiceLoader([PackageLoader("vitrine.market.report"), PackageLoader("vitrine", ".")])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "count": count, "figure": figure}
    html = environment.get_template("market.html").render(page=found, written=now())
    path = market.folder / "reports" / "market.html"
    for file, text in ((path.with_suffix(".json"), to_json(summary(found))), (path, html)):
        with whole(file, hint="free some space and run vitrine market report again") as temporary:
            temporary.write_text(text, encoding="utf-8")
    return path
