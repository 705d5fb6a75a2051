"""Every failure has one shape: JSON for programs, a page with the same words for people."""

from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from vitrine.errors import InputError, Sentence, UnreadablePhoto, VitrineError, sentence
from vitrine.web.auth import NotSignedIn, asking
from vitrine.web.guard import log
from vitrine.web.render import query, render, told_to


def answer_failures(app: FastAPI) -> None:
    """Give the app its handlers."""
    app.add_exception_handler(VitrineError, _on_vitrine_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_surprise)


def _on_vitrine_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, VitrineError)
    if isinstance(error, NotSignedIn) and not _wants_json(request) and request.method == "GET":
        return RedirectResponse(f"{request.url_for('login_page').path}{query(back=_asked_for(request))}", 303)
    reason = error.reason if isinstance(error, UnreadablePhoto) else None
    return _answer(request, error.http_status, error.body(), photo=reason)


def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    _know_who_asks(request)
    first = error.errors()[0]
    problem = _problem(first)
    place = ".".join(str(part) for part in first["loc"])
    if "input" in first and first["type"] != "missing":
        given = str(first["input"])[:80]
        message = sentence("{place}: {problem}, got {given!r}", place=place, problem=problem, given=given)
    else:
        message = sentence("{place}: {problem}", place=place, problem=problem)
    hint = sentence("the OpenAPI description is at /api/v1/openapi.json")
    return _answer(request, 422, InputError(message, hint=hint).body())


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    _know_who_asks(request)
    phrase = HTTPStatus(error.status_code).phrase
    message = _message(request, error, phrase)
    body = {"error": phrase.lower().replace(" ", "-"), "message": message, "hint": ""}
    return _answer(request, error.status_code, body, dict(error.headers or {}))


def _message(request: Request, error: HTTPException, phrase: str) -> str:
    path = request.url.path
    if isinstance(error.detail, Sentence):
        return error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        return sentence("there is no page {path}", path=path)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return sentence("{path} does not take {method}", path=path, method=request.method)
    told = "" if error.detail == phrase else f" ({error.detail})"
    return f"{request.method} {path}: {phrase.lower()}{told}"


def _problem(found: Mapping[str, Any]) -> str:
    """What pydantic found, in a sentence that can be told in any language; what is rare stays in its words."""
    limits = found.get("ctx", {})
    match found["type"]:
        case "missing":
            return sentence("is missing")
        case "greater_than_equal":
            return sentence("must be at least {least}", least=_plain(limits["ge"]))
        case "greater_than":
            return sentence("must be greater than {least}", least=_plain(limits["gt"]))
        case "less_than_equal":
            return sentence("must be at most {most}", most=_plain(limits["le"]))
        case "less_than":
            return sentence("must be less than {most}", most=_plain(limits["lt"]))
        case "string_too_short" | "too_short":
            return sentence("is too short: at least {least}", least=limits["min_length"])
        case "string_too_long" | "too_long":
            return sentence("is too long: at most {most}", most=limits["max_length"])
        case "float_parsing" | "float_type" | "finite_number":
            return sentence("must be a number")
        case "int_parsing" | "int_type" | "int_from_float":
            return sentence("must be a whole number")
        case "literal_error" | "enum":
            return sentence("must be one of {known}", known=limits["expected"].replace(" or ", ", "))
        case "extra_forbidden":
            return sentence("is not known here")
    return str(found["msg"])


def _plain(limit: float) -> float:
    """1 where pydantic has made it 1.0."""
    return int(limit) if limit == int(limit) else limit


def _know_who_asks(request: Request) -> None:
    """Nobody may have looked yet; the failure is told in the language of whoever it is."""
    with suppress(VitrineError):
        asking(request)


def _asked_for(request: Request) -> str | None:
    """The page that somebody wanted, to come back to; None for the first one, where everybody begins."""
    path, parameters = request.url.path, request.url.query
    asked = f"{path}?{parameters}" if parameters else path
    return None if asked == "/" else asked


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
