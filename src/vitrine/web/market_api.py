"""The JSON twins of the marketplace's pages, under /api/v1/market; and those at risk as CSV."""

from io import StringIO
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from vitrine.market.at_risk import write_csv
from vitrine.web.auth import Viewer
from vitrine.web.inputs import Share, Word
from vitrine.web.queries import market as queries

router = APIRouter(prefix="/api/v1/market", tags=["market"])


class Risky(BaseModel):
    """Whom to list: of a task, with a part of the seller's id, from a probability on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Literal["churn", "activation", "delay"] = "churn"
    seller: Word = None
    at_least: Share = None


class RiskQuery(Risky):
    """A page of them; `after` and `after_entity` are the score and the entity that ended the page before."""

    after: Share = None
    after_entity: Word = None
    limit: int = Field(50, ge=1, le=1_000)


@router.get("")
def market_json(request: Request, person: Viewer) -> queries.MarketSummary:
    """The marketplace as its last report saw it: how good the models are, month by month, and all that pages below show."""
    return queries.market(request.app.state.workspace.folder)


@router.get("/at-risk")
def at_risk_json(request: Request, person: Viewer, query: Annotated[RiskQuery, Query()]) -> queries.RiskPage:
    """Those whom a task's champion scored highest, with reasons, and from which probability a contact pays."""
    return risk_page(request, query)


@router.get("/at-risk/export")
def export_at_risk(request: Request, person: Viewer, query: Annotated[Risky, Query()]) -> Response:
    """All of them as CSV."""
    file = StringIO()
    catalog = request.app.state.workspace.catalog
    write_csv(catalog, query.task, file, seller=query.seller, at_least=query.at_least)
    headers = {"Content-Disposition": f'attachment; filename="{query.task}-at-risk.csv"'}
    return Response("\ufeff" + file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/routes")
def routes_json(request: Request, person: Viewer) -> queries.RoutesPage:
    """Late-order risk from state to state."""
    return queries.routes(queries.market(request.app.state.workspace.folder))


@router.get("/segments")
def segments_json(request: Request, person: Viewer) -> queries.SegmentsPage:
    """The kinds of sellers and their map."""
    return queries.segments(queries.market(request.app.state.workspace.folder))


@router.get("/champions")
def champions_json(request: Request, person: Viewer) -> queries.Champions:
    """Each task's champion, the one before it, its challenger, and how champions changed."""
    return queries.champions(request.app.state.workspace.catalog)


@router.get("/drift")
def drift_json(request: Request, person: Viewer) -> list[queries.TaskDrift]:
    """How far features and scores of each month are from where the models learnt."""
    return queries.drift(queries.market(request.app.state.workspace.folder))


def risk_page(request: Request, query: RiskQuery) -> queries.RiskPage:
    """What the page and its twin show."""
    workspace = request.app.state.workspace
    after = (query.after, query.after_entity) if query.after is not None and query.after_entity else None
    return queries.risk(
        workspace.folder,
        workspace.catalog,
        query.task,
        seller=query.seller,
        at_least=query.at_least,
        after=after,
        limit=query.limit,
    )
