"""Look-alikes over HTTP: of a product, and of a photo that is sent; as JSON, and as the page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Form, Path, Query, Request, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from vitrine.lookalike.finder import Finder
from vitrine.lookalike.search import Found
from vitrine.lookalike.space import Vectors
from vitrine.lookalike.steer import Steering
from vitrine.lookalike.wanted import MOST, Filters, Wanted
from vitrine.records import Photo
from vitrine.stores import schema
from vitrine.web.auth import Viewer
from vitrine.web.finding import Finding
from vitrine.web.guard import LIVE_CAMERA
from vitrine.web.inputs import Key, Share, Word, blank
from vitrine.web.queries.search import Card, first_photos, search
from vitrine.web.queries.search import Filters as Listed
from vitrine.web.render import render

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

json_router = APIRouter(prefix="/api/v1", tags=["look-alikes"])
page_router = APIRouter(include_in_schema=False)

Price = Annotated[Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)] | None, BeforeValidator(blank)]
KEEP, CHANGE = "keep", "change"
_STARTS = 12
_STRIP = 8
_KIN = 24  # of its own family, which the page shows anyway


class Asked(BaseModel):
    """How to search; `keep`, `change` and `only` are repeated, `change` and `only` as ATTRIBUTE=VALUE."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(10, ge=1, le=MOST)
    keep: list[Word] = Field([], max_length=50)
    change: list[Word] = Field([], max_length=50)
    only: list[Word] = Field([], max_length=50)
    brand: Word = None
    price_from: Price = None
    price_to: Price = None
    in_stock: bool = False
    diversity: Share = None
    attribute: Word = None

    def wanted(self) -> Wanted:
        """The same as the search takes it; InputError for words that make no sense."""
        filters = Filters.read(
            only=_said(self.only),
            brand=self.brand,
            at_least=self.price_from,
            at_most=self.price_to,
            in_stock=self.in_stock,
        )
        steering = Steering.read(keep=_said(self.keep), change=_said(self.change))
        return Wanted(self.count, filters, steering, self.diversity or 0.0, self.attribute)


class AskedOnPage(BaseModel):
    """The page's form; `steer` has one entry an attribute: `keep:heel`, `change:heel`, `change:heel=block` or nothing."""

    model_config = ConfigDict(frozen=True)

    sku: Word = None
    steer: list[Word] = Field([], max_length=100)
    only: list[Word] = Field([], max_length=50)
    brand: Word = None
    price_from: Price = None
    price_to: Price = None
    in_stock: bool = False
    diversity: Share = None
    count: Literal[12, 24, 48, 96] = 24

    def asked(self) -> Asked:
        """The same in the words of the API."""
        words = [word.partition(":") for word in _said(self.steer)]
        given = self.model_dump(exclude={"sku", "steer"})
        keep = [word for way, _, word in words if way == KEEP]
        return Asked(**given, keep=keep, change=[word for way, _, word in words if way == CHANGE])


@json_router.get("/products/{sku:path}/similar")
def similar_json(
    request: Request, person: Viewer, sku: Annotated[Key, Path()], asked: Annotated[Asked, Query()]
) -> Found:
    """Products like this one, without itself and what shows the same picture."""
    return _finder(request).of_product(sku, asked.wanted())


@json_router.post("/search")
def search_json(request: Request, person: Viewer, photo: UploadFile, asked: Annotated[Asked, Query()]) -> Found:
    """Products like the photo that is sent, which is not kept."""
    wanted = asked.wanted()
    return _finder(request).of_photo(*_look_at(request, photo), wanted)


@page_router.get("/look-alikes")
def look_alikes_page(request: Request, person: Viewer, form: Annotated[AskedOnPage, Query()]) -> Response:
    """Look-alikes of a product, or the place to bring a photo."""
    finder = _finder(request)
    found = finder.of_product(form.sku, form.asked().wanted()) if form.sku else None
    return _page(request, finder, form, found)


@page_router.get("/look-alikes/strip")
def strip(request: Request, person: Viewer, sku: Key) -> Response:
    """The few products of other families most like one, as a part of its page, which does not wait for the search."""
    found = _finder(request).of_product(sku, Wanted(_STRIP + _KIN))
    members = schema.members
    own = sa.select(members.c.family_id).where(members.c.sku == sku).scalar_subquery()
    kin = sa.select(members.c.sku).where(members.c.family_id == own)
    shown = set(request.app.state.workspace.catalog.read(kin.limit(1_000)).column("sku").to_pylist())
    others = [one for one in found.products if one.sku not in shown]
    return render(request, "look_alikes_strip.html", products=others[:_STRIP])


@page_router.post("/look-alikes")
def look_alikes_of_photo(
    request: Request, person: Viewer, photo: UploadFile, form: Annotated[AskedOnPage, Form()]
) -> Response:
    """Look-alikes of a photo that is sent."""
    finder = _finder(request)
    found = finder.of_photo(*_look_at(request, photo), form.asked().wanted())
    return _page(request, finder, form, found)


def _look_at(request: Request, photo: UploadFile) -> tuple[Photo, Vectors]:
    workspace: Workspace = request.app.state.workspace
    return workspace.look_at(photo.file.read())


def _finder(request: Request) -> Finder:
    finding: Finding = request.app.state.finding
    return finding.finder()


def _page(request: Request, finder: Finder, form: AskedOnPage, found: Found | None) -> Response:
    steered = [word.partition(":") for word in _said(form.steer)]
    page = render(
        request,
        "look_alikes.html",
        form=form,
        found=found,
        query_photo=first_photos(request.app.state.workspace.catalog, [form.sku]).get(form.sku) if form.sku else None,
        starts=[] if found else _starts(request),
        values=finder.space.values,
        usual=finder.attribute,
        steered={word.partition("=")[0]: f"{way}:{word}" for way, _, word in steered},
        only=_by_attribute(form.only),
        brands=request.app.state.counted.brands(),
        # browsers lend the camera to these only; what is shown from the start does not push the page about later
        live=request.url.scheme == "https" or request.app.state.access.by_link,
    )
    page.headers.update(LIVE_CAMERA)
    return page


def _starts(request: Request) -> list[Card]:
    """Some products to begin with."""
    workspace: Workspace = request.app.state.workspace
    cards = search(workspace.catalog, workspace.taxonomy, Listed(limit=4 * _STARTS)).cards
    return [card for card in cards if card.photo_id][::4][:_STARTS]


def _by_attribute(words: list[str | None]) -> Mapping[str, str]:
    pairs = [word.partition("=") for word in _said(words)]
    return {name: value for name, _, value in pairs}


def _said(words: list[Any]) -> list[str]:
    return [word for word in words if word]
