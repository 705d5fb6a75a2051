"""The marketplace's pages; each shows what its query gives, as does its twin in `market_api`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from vitrine.errors import NotFound
from vitrine.web.auth import Viewer
from vitrine.web.market_api import RiskQuery, risk_page
from vitrine.web.market_chart import by_month, profit_line, segments_map
from vitrine.web.queries import market as queries
from vitrine.web.render import render

router = APIRouter(prefix="/market", include_in_schema=False)


@router.get("")
def market_page(request: Request, person: Viewer) -> Response:
    """How good the models are, month by month."""
    return _of_report(request, "market.html", lambda summary: summary, by_month=by_month)


@router.get("/at-risk")
def at_risk_page(request: Request, person: Viewer, query: Annotated[RiskQuery, Query()]) -> Response:
    """Whom to care about first, why, and down to where it pays."""
    page = risk_page(request, query)
    rows = page.at_risk.rows
    following = (rows[-1].score, rows[-1].entity) if len(rows) == query.limit else None
    return render(request, "market_at_risk.html", page=page, asked=query, following=following, profit_line=profit_line)


@router.get("/routes")
def routes_page(request: Request, person: Viewer) -> Response:
    """Late-order risk from state to state."""
    return _of_report(request, "market_routes.html", queries.routes)


@router.get("/segments")
def segments_page(request: Request, person: Viewer) -> Response:
    """The kinds of sellers, on a map."""
    return _of_report(request, "market_segments.html", queries.segments, segments_map=segments_map)


@router.get("/champions")
def champions_page(request: Request, person: Viewer) -> Response:
    """Each task's champion and how it came to be; admins promote and go back."""
    return render(request, "market_champions.html", page=queries.champions(request.app.state.workspace.catalog))


@router.get("/drift")
def drift_page(request: Request, person: Viewer) -> Response:
    """What has moved since the models learnt."""
    return _of_report(request, "market_drift.html", queries.drift)


def _of_report(request: Request, template: str, query: Any, **drawing: Any) -> Response:
    """A page of the last report; before the first one it says how to get there."""
    try:
        summary = queries.market(request.app.state.workspace.folder)
    except NotFound:
        return render(request, "market_none.html")
    return render(request, template, page=query(summary), summary=summary, **drawing)
