"""The JSON twins of the pages, under /api/v1; the same query functions, described by OpenAPI."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, UploadFile
from pydantic import BaseModel, ConfigDict

from vitrine.web import work
from vitrine.web.auth import Admin, Viewer
from vitrine.web.day import day_began
from vitrine.web.inputs import Key, Word
from vitrine.web.queries.agreement import AgreementPage, agreement_page
from vitrine.web.queries.guide import ValueGuide, guide
from vitrine.web.queries.overview import Overview, overview
from vitrine.web.queries.product import ProductPage, product
from vitrine.web.queries.scorecards import Compared, Models, compare_models, models
from vitrine.web.queries.search import CatalogPage, Filters, search
from vitrine.web.queries.status import StatusPage, status
from vitrine.web.queries.zoo import ZooPage, zoo

router = APIRouter(prefix="/api/v1")


@dataclass(frozen=True, slots=True)
class PhotoAnswer:
    """One attribute of a photo that was sent; `decision` is published or to_review."""

    attribute: str
    value: str
    confidence: float
    decision: str
    alternatives: dict[str, float]
    head_id: str


@router.get("/overview", tags=["catalog"])
def overview_json(request: Request, person: Viewer) -> Overview:
    """How everything stands: what is published, decided and waiting, by attribute."""
    state = request.app.state
    return overview(
        state.workspace.catalog,
        state.workspace.taxonomy,
        state.scorecards,
        state.counted.tallies(state.workspace.taxonomy),
        today=day_began(request),
    )


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


@router.get("/values", tags=["catalog"])
def values_json(request: Request, person: Viewer, attribute: Key, sku: Word = None) -> list[ValueGuide]:
    """What the values of an attribute mean: rule, other words, examples (none of the family of `sku`)."""
    state = request.app.state
    known = state.workspace.taxonomy.attribute(attribute)
    return guide(known, state.examples.of(known.name, asked=sku), person.language)


@router.get("/agreement", tags=["curate"])
def agreement_json(request: Request, person: Viewer) -> AgreementPage:
    """How far second, independent answers agree with the first, and which questions are in dispute."""
    workspace = request.app.state.workspace
    return agreement_page(workspace.catalog, workspace.taxonomy)


@router.get("/models", tags=["models"])
def models_json(request: Request, person: Viewer) -> Models:
    """All models with their scores, and the champion's history."""
    return models(request.app.state.workspace.catalog, request.app.state.scorecards)


@router.get("/models/compare", tags=["models"])
def compare_json(request: Request, person: Viewer, left: Key, right: Key) -> Compared:
    """`left` as challenger against `right` on common test products."""
    workspace = request.app.state.workspace
    return compare_models(workspace.catalog, request.app.state.scorecards, left, right, workspace.evaluation_rows)


@router.get("/zoo", tags=["models"])
def zoo_json(request: Request, person: Viewer) -> ZooPage:
    """What small networks reach on Fashion-MNIST, with their evidence."""
    return zoo()


@router.get("/status", tags=["jobs"])
def status_json(request: Request, person: Viewer) -> StatusPage:
    """What runs by itself: watched places, runs of plans with their steps, what is set aside, room on the disk."""
    return status(request.app.state.workspace)


class JobBody(BaseModel):
    """What to start; `model_id` for evaluate and promote, by default the model trained last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: work.Kind
    model_id: Word = None


@router.get("/jobs", tags=["jobs"])
def jobs_json(request: Request, person: Viewer) -> list[work.Job]:
    """Long work, running and past."""
    return work.jobs(request.app.state.workspace.catalog)


@router.get("/jobs/{job_id}", tags=["jobs"])
def job_json(request: Request, person: Viewer, job_id: Key) -> work.Job:
    """One piece of long work."""
    return work.find(request.app.state.workspace.catalog, job_id)


@router.post("/jobs", tags=["jobs"], status_code=202)
def start_job_json(request: Request, person: Admin, body: JobBody) -> work.Job:
    """Start long work; 409 while another one runs."""
    return work.start(request.app.state.workspace, body.kind, person=person.name, model_id=body.model_id)


@router.post("/classify", tags=["catalog"])
def classify_json(request: Request, person: Viewer, photo: UploadFile) -> list[PhotoAnswer]:
    """Attributes of one photo, without keeping it: the champion's answers, and which of them may be published."""
    rows = request.app.state.workspace.classify_photo(photo.file.read())
    return [PhotoAnswer(**row) for row in rows]
