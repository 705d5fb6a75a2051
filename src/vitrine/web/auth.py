"""Who is asking: the one-time link, sign-in, the session cookie, API tokens, and the role a route demands.

A route states its demand by its parameter: `person: Viewer`, `person: Curator` or `person: Admin`. Whoever comes with
a cookie and wants to change something also shows the session's forgery token, which another site cannot know.
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import Response

from vitrine.errors import NotFound, VitrineError
from vitrine.stores.catalog import Catalog
from vitrine.web.people import (
    LOCAL,
    Person,
    add_person,
    begin_session,
    find_person,
    person_of_session,
    person_of_token,
)

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_COOKIE_AGE = 14 * 24 * 3600


class NotSignedIn(VitrineError):
    """Nobody known is asking."""

    code = "not-signed-in"
    http_status = 401


class Forbidden(VitrineError):
    """Somebody known is asking for what their role does not allow, or a request that another site could have forged."""

    code = "forbidden"
    http_status = 403


class TooMany(VitrineError):
    """The same thing was tried too often."""

    code = "too-many"
    http_status = 429


@dataclass
class Access:
    """How this server lets people in: by a link that works once on this machine, or by accounts."""

    by_link: bool
    cookie: str = "vitrine"
    link: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _used: bool = False
    _lock: Lock = field(default_factory=Lock)

    def use_link(self, catalog: Catalog, given: str) -> str:
        """Trade the link's secret for a session secret, once; Forbidden afterwards."""
        with self._lock:
            right = self.by_link and hmac.compare_digest(given.encode(), self.link.encode())
            if not right or self._used:
                raise Forbidden(
                    "this link was used already, or is of another run of the server",
                    hint="stop vitrine serve and start it again: it prints a new link",
                )
            self._used = True
        return begin_session(catalog, _local_person(catalog))


def _local_person(catalog: Catalog) -> Person:
    try:
        return find_person(catalog, LOCAL)
    except NotFound:
        return add_person(catalog, LOCAL, None, role="admin")


class Attempts:
    """Failed attempts by key in a sliding window; after `most` of them a key waits until the oldest is forgotten."""

    _KEYS: ClassVar[int] = 10_000  # those not seen for longest are forgotten first: memory stays bounded

    def __init__(self, most: int, window_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._window, self._clock = most, window_seconds, clock
        self._failed: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = Lock()

    def wait(self, key: str) -> float:
        """Seconds until `key` may try again; 0 when it may now."""
        with self._lock:
            recent = self._recent(key)
            return 0.0 if len(recent) < self._most else recent[0] + self._window - self._clock()

    def fail(self, key: str) -> None:
        """Note a failure."""
        with self._lock:
            self._failed[key] = [*self._recent(key), self._clock()]
            self._failed.move_to_end(key)
            while len(self._failed) > self._KEYS:
                self._failed.popitem(last=False)

    def forget(self, key: str) -> None:
        """A success makes good."""
        with self._lock:
            self._failed.pop(key, None)

    def _recent(self, key: str) -> list[float]:
        since = self._clock() - self._window
        return [moment for moment in self._failed.get(key, []) if moment > since]


def forgery_token(secret: str) -> str:
    """What a page of this session shows to prove that it is ours; made of the cookie, so nothing is stored."""
    return hmac.new(secret.encode(), b"forgery", hashlib.sha256).hexdigest()


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Give the browser its session."""
    response.set_cookie(
        request.app.state.access.cookie,
        secret,
        max_age=_COOKIE_AGE,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        path="/",
    )


def check_same_site(request: Request) -> None:
    """Refuse a change that a browser says was asked for by another site."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    own = origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
    if site not in ("same-origin", "none") or not own:
        raise Forbidden("this request came from another site", hint="open the page here and try again")


def asking(request: Request) -> Person:
    """Who is asking, by session cookie or `Authorization: Bearer`; NotSignedIn when nobody known is."""
    access: Access = request.app.state.access
    catalog: Catalog = request.app.state.workspace.catalog
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    secret = request.cookies.get(access.cookie, "")
    person = None
    if scheme.casefold() == "bearer":
        person, secret = person_of_token(catalog, token.strip()), ""
    elif secret:
        person = person_of_session(catalog, secret)
        # the local session is worth nothing to those who come over the network
        person = None if person and not access.by_link and not person.has_password else person
    if person is None:
        raise NotSignedIn("nobody is signed in, or the session is over", hint=_how_to_sign_in(access))
    request.state.person = person
    request.state.session = secret
    return person


async def _check_forgery(request: Request, person: Annotated[Person, Depends(asking)]) -> Person:
    """A change by cookie must show the session's forgery token, in a header or a form field."""
    if request.method in _SAFE_METHODS or not request.state.session:
        return person
    check_same_site(request)
    given = request.headers.get("x-forgery-token")
    if given is None and "form" in request.headers.get("content-type", ""):
        given = str((await request.form()).get("forgery", ""))
    if not hmac.compare_digest((given or "").encode(), forgery_token(request.state.session).encode()):
        raise Forbidden(
            "the forgery token is missing or not of this session",
            hint="reload the page and try again; programs use an API token instead of a cookie",
        )
    return person


def _needs(role: str) -> Callable[[Person], Person]:
    def check_role(person: Annotated[Person, Depends(_check_forgery)]) -> Person:
        if not person.may(role):
            raise Forbidden(
                f"this needs the role {role}; {person.name} comes as {person.role}",
                hint="ask an administrator, or use a token with a wider scope",
            )
        return person

    return check_role


Viewer = Annotated[Person, Depends(_needs("viewer"))]
Curator = Annotated[Person, Depends(_needs("curator"))]
Admin = Annotated[Person, Depends(_needs("admin"))]


def _how_to_sign_in(access: Access) -> str:
    return "open the link that vitrine serve printed" if access.by_link else "sign in at /login, or send an API token"
