"""The pages of goods receipt: the one for the phone in the hall, and the log with what is open."""

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from vitrine.receive import log, receipts
from vitrine.receive.accepted import kept
from vitrine.receive.checks import brands_of
from vitrine.web.auth import Curator, Viewer
from vitrine.web.guard import LIVE_CAMERA
from vitrine.web.inputs import Key
from vitrine.web.receive_api import ReceiptsQuery, entries
from vitrine.web.render import render

router = APIRouter(include_in_schema=False)


@router.get("/receive")
def receive_page(request: Request, person: Curator) -> Response:
    """Find a line, take a photo, read the answer; the page's script does it all."""
    page = render(request, "receive.html", brands=brands_of(request.app.state.workspace) is not None)
    page.headers.update(LIVE_CAMERA)
    return page


@router.get("/receipts")
def receipts_page(request: Request, person: Viewer, query: Annotated[ReceiptsQuery, Query()]) -> Response:
    """Open discrepancies, or the whole log with `only_open=false`; and how many there are by supplier and line."""
    query = query.model_copy(update={"only_open": query.only_open is not False})
    catalog = request.app.state.workspace.catalog
    shown = entries(request, query)
    last = shown[-1].receipt if len(shown) == query.limit else None
    suppliers = log.tallies(catalog, "supplier")
    return render(
        request,
        "receipts.html",
        asked=query,
        entries=shown,
        open=sum(one.open for one in suppliers),
        suppliers=suppliers,
        kept=kept(catalog),
        promised=request.app.state.workspace.settings.receive.false_alarms,
        lines=[one for one in log.tallies(catalog, "line") if one.mismatches],
        next=(last.received_at.isoformat(), last.receipt_id) if last else None,
        new_id=lambda: uuid.uuid4().hex,
    )


@router.post("/receipts")
def handle_on_page(
    request: Request,
    person: Curator,
    receipt_id: Annotated[Key, Form()],
    handling_id: Annotated[Key, Form()],
    action: Annotated[Literal["accepted", "refused", "set_aside"], Form()],
) -> Response:
    """Settle a discrepancy."""
    catalog = request.app.state.workspace.catalog
    receipts.handle(catalog, receipt_id, action, handling_id=handling_id, person=person.name)
    return RedirectResponse("/receipts", 303)
