"""The web app of one workspace: its routes, and what they share."""

from datetime import timedelta
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.middleware.trustedhost import TrustedHostMiddleware

from vitrine import __version__
from vitrine.errors import NotFound
from vitrine.receive.receiver import Receiver
from vitrine.stores import schema
from vitrine.web import api, desk_api, look, market_api, market_pages, pages, receive_api, receive_pages, sign_in
from vitrine.web.auth import Access, Attempts, Viewer
from vitrine.web.counted import Counted
from vitrine.web.evidence import Neighborhood
from vitrine.web.examples import Examples
from vitrine.web.failures import answer_failures
from vitrine.web.finding import Finding
from vitrine.web.guard import Guard, Meters
from vitrine.web.inputs import Key
from vitrine.web.photos import Photos
from vitrine.web.queries.scorecards import Scorecards
from vitrine.web.render import STATIC, asset_bytes
from vitrine.web.standing import Standing

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

_FOREVER = "private, max-age=31536000, immutable"


def create_app(workspace: "Workspace", access: Access) -> FastAPI:
    """The app; `access` says how people come in."""
    app = FastAPI(
        title="Vitrine",
        version=__version__,
        description="The desk of one Vitrine workspace; every page has its JSON twin here.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    meters = Meters(Standing(workspace))
    app.state.workspace = workspace
    app.state.access = access
    app.state.meters = meters
    quarter = timedelta(minutes=15)  # for failed sign-ins by name, by address
    app.state.attempts = tuple(Attempts(workspace.catalog, *kind, quarter) for kind in (("name", 5), ("address", 30)))
    app.state.photos = Photos(workspace)
    app.state.neighborhood = Neighborhood(workspace)
    app.state.examples = Examples(workspace, app.state.neighborhood)
    app.state.finding = Finding(workspace)
    app.state.receiver = Receiver(workspace)
    app.state.counted = Counted(workspace.catalog, workspace.data / "desk" / "tallies.json")
    app.state.scorecards = Scorecards(workspace.data / "models", workspace.data / "evaluations")
    _add_shared(app)
    app.include_router(sign_in.router)
    app.include_router(pages.router)
    app.include_router(api.router)
    app.include_router(desk_api.router)
    app.include_router(look.json_router)
    app.include_router(look.page_router)
    app.include_router(market_pages.router)
    app.include_router(market_api.router)
    app.include_router(receive_pages.router)
    app.include_router(receive_api.router)
    answer_failures(app)
    if access.by_link:  # a name that an attacker points at 127.0.0.1 is not served
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    app.add_middleware(Guard, meters=meters)
    return app


def _add_shared(app: FastAPI) -> None:
    @app.get("/static/{version}/{name}", include_in_schema=False)
    def static(version: str, name: str) -> Response:
        if name not in STATIC:
            raise NotFound(f"there is no file '{name}'")
        return Response(asset_bytes(name), media_type=STATIC[name], headers={"Cache-Control": _FOREVER})

    @app.get("/healthz", tags=["server"], summary="Whether the server and its catalog answer")
    def healthz(request: Request) -> dict[str, str]:
        request.app.state.workspace.catalog.count(schema.people)
        return {"status": "ok", "version": __version__}

    @app.get("/metrics", tags=["server"], summary="Counters for Prometheus")
    def metrics(request: Request, person: Viewer) -> Response:
        return Response(request.app.state.meters.text(), media_type="text/plain; version=0.0.4")

    @app.get("/photos/{photo_id}/{width}", tags=["catalog"], summary="A photo as JPEG")
    def photo(request: Request, person: Viewer, photo_id: Key, width: int) -> Response:
        data = request.app.state.photos.jpeg(photo_id, width)
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": _FOREVER})

    @app.get("/api/v1/openapi.json", include_in_schema=False)
    def openapi(request: Request, person: Viewer) -> JSONResponse:
        return JSONResponse(request.app.openapi())
