"""Every failure has one shape: JSON for programs, a page with the same words for people."""

from contextlib import suppress
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from vitrine.errors import InputError, UnreadablePhoto, VitrineError, sentence
from vitrine.web.auth import NotSignedIn, asking
from vitrine.web.guard import log
from vitrine.web.render import render, told_to


def answer_failures(app: FastAPI) -> None:
    """Give the app its handlers."""
    app.add_exception_handler(VitrineError, _on_vitrine_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_surprise)


def _on_vitrine_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, VitrineError)
    if isinstance(error, NotSignedIn) and not _wants_json(request) and request.method == "GET":
        return RedirectResponse(f"{request.url_for('login_page').path}", 303)
    reason = error.reason if isinstance(error, UnreadablePhoto) else None
    return _answer(request, error.http_status, error.body(), photo=reason)


def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if "input" in first and first["type"] != "missing":
        given = str(first["input"])[:80]
        message = sentence("{place}: {problem}, got {given!r}", place=place, problem=first["msg"], given=given)
    else:
        message = sentence("{place}: {problem}", place=place, problem=first["msg"])
    hint = sentence("the OpenAPI description is at /api/v1/openapi.json")
    return _answer(request, 422, InputError(message, hint=hint).body())


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    with suppress(VitrineError):  # a page that is not there speaks the visitor's language, too
        asking(request)
    phrase = HTTPStatus(error.status_code).phrase
    told = "" if error.detail == phrase else f" ({error.detail})"
    message = f"{request.method} {request.url.path}: {phrase.lower()}{told}"
    body = {"error": phrase.lower().replace(" ", "-"), "message": message, "hint": ""}
    return _answer(request, error.status_code, body, dict(error.headers or {}))


def _on_surprise(request: Request, error: Exception) -> Response:
    """A mistake of ours: the log gets the trace, the answer only where to find it."""
    request_id = request.state.request_id
    log.error("failed", exc_info=error, extra={"fields": {"request_id": request_id, "path": request.url.path}})
    body = {
        "error": "internal",
        "message": sentence("the server made a mistake; nothing was half-done"),
        "hint": sentence("the log of vitrine serve has it under request {request}", request=request_id),
    }
    return _answer(request, 500, body)


def _answer(
    request: Request,
    status: int,
    body: dict[str, Any],
    headers: dict[str, str] | None = None,
    photo: str | None = None,
) -> Response:
    """`photo` is the word for why a photo cannot be used, which a page says in the reader's language."""
    body = {**body, "message": told_to(request, body["message"]), "hint": told_to(request, body["hint"])}
    if _wants_json(request):
        return JSONResponse(body, status, headers)
    return render(request, "error.html", failure=body, photo=photo, status=status, status_code=status)


def _wants_json(request: Request) -> bool:
    path = request.url.path
    return path.startswith(("/api/", "/healthz", "/metrics")) or "text/html" not in request.headers.get("accept", "")
