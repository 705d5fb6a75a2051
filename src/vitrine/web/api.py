"""The JSON twins of the pages, under /api/v1; the same query functions, described by OpenAPI."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from vitrine.web.auth import Viewer
from vitrine.web.inputs import Key
from vitrine.web.queries.overview import Overview, overview
from vitrine.web.queries.product import ProductPage, product
from vitrine.web.queries.scorecards import Compared, Models, compare_models, models
from vitrine.web.queries.search import CatalogPage, Filters, search

router = APIRouter(prefix="/api/v1")


@router.get("/overview", tags=["catalog"])
def overview_json(request: Request, person: Viewer) -> Overview:
    """How everything stands: what is published, decided and waiting, by attribute."""
    workspace = request.app.state.workspace
    return overview(workspace.catalog, workspace.taxonomy, request.app.state.scorecards)


@router.get("/products", tags=["catalog"])
def products_json(request: Request, person: Viewer, filters: Annotated[Filters, Query()]) -> CatalogPage:
    """Products that fit the filters, page after page by key."""
    workspace = request.app.state.workspace
    return search(workspace.catalog, workspace.taxonomy, filters)


@router.get("/product", tags=["catalog"])
def product_json(request: Request, person: Viewer, sku: Key) -> ProductPage:
    """One product with its photos, answers, journal and kin."""
    workspace = request.app.state.workspace
    return product(workspace.catalog, workspace.taxonomy, sku)


@router.get("/models", tags=["models"])
def models_json(request: Request, person: Viewer) -> Models:
    """All models with their scores, and the champion's history."""
    return models(request.app.state.workspace.catalog, request.app.state.scorecards)


@router.get("/models/compare", tags=["models"])
def compare_json(request: Request, person: Viewer, left: Key, right: Key) -> Compared:
    """`left` as challenger against `right` on common test products."""
    workspace = request.app.state.workspace
    return compare_models(workspace.catalog, request.app.state.scorecards, left, right, workspace.evaluation_rows)
