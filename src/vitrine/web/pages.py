"""The pages; each shows what its query function gives, as does its twin in `api`."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from vitrine.errors import NotFound
from vitrine.web.auth import Viewer
from vitrine.web.inputs import Key
from vitrine.web.queries.overview import overview
from vitrine.web.queries.product import product
from vitrine.web.queries.scorecards import compare_models, model, models
from vitrine.web.queries.search import Filters, search
from vitrine.web.render import render

router = APIRouter(include_in_schema=False)

# a scorecard is one file with its style and pictures inside; it runs nothing and asks for nothing
_REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"


@router.get("/")
def overview_page(request: Request, person: Viewer) -> Response:
    """How everything stands."""
    workspace, scorecards = request.app.state.workspace, request.app.state.scorecards
    return render(request, "overview.html", page=overview(workspace.catalog, workspace.taxonomy, scorecards))


@router.get("/catalog")
def catalog_page(request: Request, person: Viewer, filters: Annotated[Filters, Query()]) -> Response:
    """Products in a grid."""
    workspace = request.app.state.workspace
    page = search(workspace.catalog, workspace.taxonomy, filters)
    return render(request, "catalog.html", page=page, filters=filters, attributes=list(workspace.taxonomy.attributes))


@router.get("/product")
def product_page(request: Request, person: Viewer, sku: Key) -> Response:
    """One product."""
    workspace = request.app.state.workspace
    return render(request, "product.html", page=product(workspace.catalog, workspace.taxonomy, sku))


@router.get("/models")
def models_page(request: Request, person: Viewer) -> Response:
    """All models and the champion's history."""
    return render(
        request, "models.html", page=models(request.app.state.workspace.catalog, request.app.state.scorecards)
    )


@router.get("/models/compare")
def compare_page(request: Request, person: Viewer, left: Key, right: Key) -> Response:
    """Two models side by side."""
    workspace, scorecards = request.app.state.workspace, request.app.state.scorecards
    page = compare_models(workspace.catalog, scorecards, left, right, workspace.evaluation_rows)
    return render(request, "compare.html", page=page)


@router.get("/models/scorecard")
def scorecard_page(request: Request, person: Viewer, model_id: Key) -> Response:
    """The scorecard that `evaluate` wrote."""
    workspace = request.app.state.workspace
    known = model(workspace.catalog, request.app.state.scorecards, model_id)
    path = workspace.report_path(f"scorecard-{known.model_id}")
    if not path.exists():
        raise NotFound(f"{known.model_id} has no scorecard yet", hint=f"vitrine evaluate --model {known.model_id}")
    return HTMLResponse(path.read_text(encoding="utf-8"), headers={"Content-Security-Policy": _REPORT_POLICY})
