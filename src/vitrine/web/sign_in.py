"""Coming in and going out: the one-time link, the sign-in page, the language, the way out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from vitrine.errors import sentence
from vitrine.web.auth import (
    Access,
    Attempts,
    NotSignedIn,
    TooMany,
    Viewer,
    asking,
    check_same_site,
    set_cookie,
)
from vitrine.web.people import begin_session, check_password, end_session, set_language
from vitrine.web.render import render

router = APIRouter(include_in_schema=False)


@router.get("/open")
def open_link(request: Request, token: str = "") -> Response:
    """Trade the one-time link for a session."""
    access: Access = request.app.state.access
    try:
        asking(request)
    except NotSignedIn:
        response = RedirectResponse("/", 303)
        set_cookie(request, response, access.use_link(request.app.state.workspace.catalog, token))
        return response
    return RedirectResponse("/", 303)  # the browser is in already; a second look at the link costs nothing


@router.get("/login", name="login_page")
def login_page(request: Request, back: str = "/") -> Response:
    """The sign-in page; on this machine alone, it says where the link is. `back` is where to go afterwards."""
    return render(request, "login.html", failed=False, back=back)


@router.post("/login")
def login(
    request: Request,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "/",
) -> Response:
    """Sign in by name and password; after five failures a name waits."""
    check_same_site(request)
    attempts: tuple[Attempts, Attempts] = request.app.state.attempts
    keys = (name.casefold(), request.client.host if request.client else "")
    wait = max(tried.wait(key) for tried, key in zip(attempts, keys, strict=True))
    if wait > 0:
        raise TooMany(
            sentence("too many failed sign-ins; try again in {minutes} minutes", minutes=max(1, round(wait / 60))),
            hint=sentence("an administrator can set a new password: vitrine users password NAME"),
        )
    person = check_password(request.app.state.workspace.catalog, name, password)
    if person is None:
        for tried, key in zip(attempts, keys, strict=True):
            tried.fail(key)
        return render(request, "login.html", failed=True, back=back, status_code=401)
    attempts[0].forget(keys[0])
    response = RedirectResponse(_inside(back), 303)
    set_cookie(request, response, begin_session(request.app.state.workspace.catalog, person))
    return response


@router.post("/logout")
def logout(request: Request, person: Viewer) -> Response:
    """End this session."""
    end_session(request.app.state.workspace.catalog, request.state.session)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(request.app.state.access.cookie, path="/")
    return response


@router.post("/language")
def language(
    request: Request, person: Viewer, language: Annotated[str, Form()], back: Annotated[str, Form()] = "/"
) -> Response:
    """Show the pages in another language from now on."""
    set_language(request.app.state.workspace.catalog, person.name, language)
    return RedirectResponse(_inside(back), 303)


def _inside(back: str) -> str:
    """A page of ours, wherever else `back` would lead."""
    return back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
