"""The pages; each shows what its query function gives, as does its twin in `api`."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from vitrine.desk import grid
from vitrine.errors import NotFound, sentence
from vitrine.receive.log import count_open
from vitrine.web import work
from vitrine.web.auth import Admin, Curator, Viewer
from vitrine.web.day import day_began
from vitrine.web.desk_api import family, queue_left
from vitrine.web.inputs import Key, Share, Word
from vitrine.web.queries.agreement import agreement_page
from vitrine.web.queries.guide import guide
from vitrine.web.queries.overview import overview
from vitrine.web.queries.product import product, version_of
from vitrine.web.queries.scorecards import compare_models, model, models
from vitrine.web.queries.search import Filters, search
from vitrine.web.queries.status import status
from vitrine.web.queries.zoo import zoo
from vitrine.web.render import render

router = APIRouter(include_in_schema=False)

# a scorecard is one file with its style and pictures inside; it runs nothing and asks for nothing
_REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"


@router.get("/")
def overview_page(request: Request, person: Viewer) -> Response:
    """How everything stands."""
    state = request.app.state
    taxonomy = state.workspace.taxonomy
    tallies = state.counted.tallies(taxonomy)
    page = overview(state.workspace.catalog, taxonomy, state.scorecards, tallies, today=day_began(request))
    return render(request, "overview.html", page=page)


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


@router.get("/curate")
def curate_page(request: Request, person: Curator, attribute: Word = None) -> Response:
    """Questions one by one; the page's script takes them from the queue."""
    workspace = request.app.state.workspace
    if attribute:
        workspace.taxonomy.attribute(attribute)
    deliveries = count_open(workspace.catalog)
    return render(request, "curate.html", left=queue_left(request, person), attribute=attribute, deliveries=deliveries)


@router.get("/values")
def values_page(request: Request, person: Viewer, attribute: Word = None, sku: Word = None) -> Response:
    """What the values of an attribute mean; `sku` is the product asked about, of which nothing is shown."""
    state = request.app.state
    names = list(state.workspace.taxonomy.attributes)
    known = state.workspace.taxonomy.attribute(attribute or names[0])
    shown = guide(known, state.examples.of(known.name, asked=sku), person.language)
    return render(request, "values.html", attribute=known.name, attributes=names, values=shown, sku=sku)


@router.get("/curate/grid")
def grid_page(
    request: Request,
    person: Curator,
    attribute: Word = None,
    value: Word = None,
    after: Word = None,
    after_confidence: Share = None,
) -> Response:
    """All products of one predicted value; without a value, which values there are."""
    workspace = request.app.state.workspace
    values = request.app.state.counted.values(workspace.taxonomy, attribute)
    start = (after_confidence, after) if after is not None and after_confidence is not None else None
    page = None
    if attribute and value:
        page = grid.page(workspace.catalog, workspace.taxonomy, attribute, value, after=start)
    return render(
        request,
        "grid.html",
        page=page,
        values=values,
        attribute=attribute,
        value=value,
        attributes=list(workspace.taxonomy.attributes),
    )


@router.get("/curate/agreement")
def agreement_of_people(request: Request, person: Viewer) -> Response:
    """How far people agree, and what is in dispute."""
    workspace = request.app.state.workspace
    return render(request, "agreement.html", page=agreement_page(workspace.catalog, workspace.taxonomy))


@router.get("/family")
def family_page(request: Request, person: Curator, sku: Key, attribute: Key, value: Word = None) -> Response:
    """A correction and the products that it speaks for."""
    workspace = request.app.state.workspace
    known = workspace.taxonomy.attribute(attribute)
    proposals = family(request, person, sku, attribute, value) if value else []
    page = product(workspace.catalog, workspace.taxonomy, sku)
    answer = next(one for one in page.answers if one.attribute == attribute)
    version = version_of(workspace.catalog, sku, attribute)
    return render(
        request,
        "family.html",
        page=page,
        answer=answer,
        attribute=attribute,
        value=value,
        values=known.values,
        proposals=proposals,
        version=version,
    )


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
        raise NotFound(
            sentence("{model} has no scorecard yet", model=known.model_id),
            hint=f"vitrine evaluate --model {known.model_id}",
        )
    return HTMLResponse(path.read_text(encoding="utf-8"), headers={"Content-Security-Policy": _REPORT_POLICY})


@router.get("/zoo")
def zoo_page(request: Request, person: Viewer) -> Response:
    """What small networks reach on Fashion-MNIST."""
    return render(request, "zoo.html", page=zoo())


@router.get("/status")
def status_page(request: Request, person: Viewer) -> Response:
    """What runs by itself."""
    return render(request, "status.html", page=status(request.app.state.workspace))


@router.get("/jobs")
def jobs_page(request: Request, person: Viewer) -> Response:
    """Long work, running and past."""
    return render(request, "jobs.html", jobs=work.jobs(request.app.state.workspace.catalog))


@router.post("/jobs")
def start_job(
    request: Request,
    person: Admin,
    kind: Annotated[work.Kind, Form()],
    model_id: Annotated[Word, Form()] = None,
) -> Response:
    """Start long work."""
    job = work.start(request.app.state.workspace, kind, person=person.name, model_id=model_id)
    return RedirectResponse(f"/jobs#{job.job_id}", 303)
