"""Goods receipt under /api/v1: orders come in, lines are found, photos are answered, and what people did is kept."""

from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request, Response, UploadFile
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from vitrine.intake.table import TableRow
from vitrine.receive import log, orders, receipts
from vitrine.receive.accepted import Kept, kept
from vitrine.receive.checks import brands_of
from vitrine.receive.log import Entry
from vitrine.records import OrderLine, now
from vitrine.web.auth import Curator, Viewer
from vitrine.web.inputs import Comment, Key, Word, blank
from vitrine.web.queries.search import first_photos

router = APIRouter(prefix="/api/v1", tags=["receive"])

Cell = str | int | float | None
SentId = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$", description="made up by the client; sent again, it changes nothing")
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OrdersBody(_Body):
    """Order lines as objects, under the column names that a table of orders would have."""

    lines: list[dict[Key, Cell]] = Field(min_length=1, max_length=orders.MOST_LINES)


class HandlingBody(_Body):
    """What was done with the delivery."""

    handling_id: SentId
    action: Literal["accepted", "refused", "set_aside"]
    comment: Comment = None


class ReceiptsQuery(BaseModel):
    """Which receipts; `after` and `after_id` are the last one of the page before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    answer: Annotated[Literal["match", "mismatch", "unknown"] | None, BeforeValidator(blank)] = None
    supplier: Word = None
    line_id: Word = None
    only_open: Annotated[bool | None, BeforeValidator(blank)] = None
    after: AwareDatetime | None = None
    after_id: Word = None
    limit: int = Field(60, ge=1, le=log.MOST_ON_A_PAGE)


@dataclass(frozen=True, slots=True)
class Aside:
    """A row or cell of an order that was put aside."""

    row: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of an order: lines kept, new ones among them, and what was put aside."""

    lines: int
    new: int
    aside: list[Aside]


@dataclass(frozen=True, slots=True)
class Line:
    """An order line as a phone shows it; `photo_id` is a reference photo of the ordered product."""

    line_id: str
    supplier: str | None
    sku: str | None
    barcode: str | None
    brand: str | None
    description: str | None
    quantity: float | None
    unit: str | None
    photo_id: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """A receipt: what was answered, why, what it rests on, and what was done with the delivery."""

    receipt_id: str
    line_id: str
    answer: str
    reason: str
    brand: str | None
    confidence: float | None
    expected: str | None
    evidence: list[dict[str, Any]]
    probabilities: dict[str, float]
    product: dict[str, Any] | None
    notes: list[str]
    promises: list[dict[str, Any]]
    sku: str | None
    supplier: str | None
    photo_id: str
    person: str
    taken_at: datetime
    received_at: datetime
    action: str | None
    open: bool


@router.post("/orders")
def push_orders(request: Request, person: Curator, body: OrdersBody) -> Brought:
    """Bring order lines in; lines of an id that is known are replaced."""
    workspace = request.app.state.workspace
    place = f"pushed by {person.name} at {now().isoformat(timespec='milliseconds')}"
    rows = (TableRow(number, cells) for number, cells in enumerate(body.lines, 1))
    read = orders.read_orders(rows, place=place, brands=brands_of(workspace))
    new = orders.keep_orders(workspace.catalog, read, place=place)
    return Brought(len(read.lines), new, [Aside(one.row, one.code, one.reason) for one in read.problems])


@router.get("/order-lines")
def order_lines(
    request: Request, person: Viewer, q: Word = None, limit: Annotated[int, Query(ge=1, le=500)] = 20
) -> list[Line]:
    """Order lines by barcode, id, sku or words; without any the newest ones."""
    catalog = request.app.state.workspace.catalog
    found = orders.find_lines(catalog, q or "", most=limit)
    photos = first_photos(catalog, [line.sku for line in found if line.sku])
    return [_line(line, photos.get(line.sku or "")) for line in found]


@router.post("/receipts")
def send_receipt(
    request: Request,
    person: Curator,
    photo: UploadFile,
    line_id: Annotated[Key, Form()],
    receipt_id: Annotated[SentId, Form()],
    taken_at: Annotated[AwareDatetime | None, Form()] = None,
) -> Answered:
    """Hold a photo of a delivery against its order line; the same receipt again gets the same answer."""
    workspace = request.app.state.workspace
    line = orders.order_line(workspace.catalog, line_id)
    receiver = request.app.state.receiver
    made = receiver.receive(photo.file.read(), line, receipt_id=receipt_id, person=person.name, taken_at=taken_at)
    return answered(log.receipt(workspace.catalog, made.receipt_id))


@router.post("/receipts/{receipt_id}/handling")
def handle_receipt(request: Request, person: Curator, receipt_id: Key, body: HandlingBody) -> Answered:
    """Say what was done with the delivery; the last word holds, all are kept."""
    catalog = request.app.state.workspace.catalog
    receipts.handle(
        catalog,
        receipt_id,
        body.action,
        handling_id=body.handling_id,
        person=person.name,
        comment=body.comment,
    )
    return answered(log.receipt(catalog, receipt_id))


@router.get("/receipts")
def receipts_json(request: Request, person: Viewer, query: Annotated[ReceiptsQuery, Query()]) -> list[Answered]:
    """The receipt log, the newest first, page after page by key."""
    return [answered(entry) for entry in entries(request, query)]


@router.get("/receipts/counts")
def receipt_counts(request: Request, person: Viewer, by: Literal["supplier", "line"] = "supplier") -> list[log.Tally]:
    """Receipts and discrepancies by supplier or by line."""
    return log.tallies(request.app.state.workspace.catalog, by)


@router.get("/receipts/kept")
def receipts_kept(request: Request, person: Viewer) -> Kept:
    """How often deliveries that people accepted had been called a mismatch."""
    return kept(request.app.state.workspace.catalog)


@router.get("/receipts/export")
def export_receipts(request: Request, person: Viewer) -> Response:
    """The whole log as CSV."""
    file = StringIO()
    log.write_receipts(request.app.state.workspace.catalog, file)
    headers = {"Content-Disposition": 'attachment; filename="receipts.csv"'}
    return Response("\ufeff" + file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def entries(request: Request, query: ReceiptsQuery) -> list[Entry]:
    """The entries of the log that a page and its twin show."""
    after = (query.after, query.after_id) if query.after is not None and query.after_id is not None else None
    return log.receipts(
        request.app.state.workspace.catalog,
        answer=query.answer,
        supplier=query.supplier,
        line_id=query.line_id,
        only_open=bool(query.only_open),
        after=after,
        most=query.limit,
    )


def answered(entry: Entry) -> Answered:
    """An entry of the log with its evidence laid out."""
    receipt = entry.receipt
    own = {name: getattr(receipt, name) for name in Answered.__dataclass_fields__ if hasattr(receipt, name)}
    rest = {"supplier": entry.supplier, "action": entry.action, "open": entry.open}
    return Answered(**{**own, **entry.evidence, **rest})


def _line(line: OrderLine, photo_id: str | None) -> Line:
    own = {name: getattr(line, name) for name in Line.__dataclass_fields__ if name != "photo_id"}
    return Line(**own, photo_id=photo_id)
