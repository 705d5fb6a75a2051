"""Who is asking: the one-time link, sign-in, the session cookie, API tokens, and the role a route demands.

A route states its demand by its parameter: `person: Viewer`, `person: Curator` or `person: Admin`. Whoever comes with
a cookie and wants to change something also shows the session's forgery token, which another site cannot know.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import Depends, Request
from fastapi.responses import Response

from vitrine.errors import NotFound, VitrineError, sentence
from vitrine.records import now
from vitrine.stores import schema
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
_LINK_USED = "link.used"


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


@dataclass(frozen=True)
class Access:
    """How this server lets people in: by a link that works once on this machine, or by accounts.

    All its processes have the same one; which link was used stands in the catalog.
    """

    by_link: bool
    cookie: str = "vitrine"
    link: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def use_link(self, catalog: Catalog, given: str) -> str:
        """Trade the link's secret for a session secret, once; Forbidden afterwards."""
        right = self.by_link and hmac.compare_digest(given.encode(), self.link.encode())
        if not right or not _first_use(catalog, self.link):
            raise Forbidden(
                sentence("this link was used already, or is of another run of the server"),
                hint=sentence("stop vitrine serve and start it again: it prints a new link"),
            )
        return begin_session(catalog, _local_person(catalog))


def _first_use(catalog: Catalog, link: str) -> bool:
    """Note that the link is used; False when it was used before, by whichever process."""
    table, subject = schema.events, hashlib.sha256(link.encode()).hexdigest()
    with catalog.transaction() as connection:
        catalog.lock(table, connection)
        used = sa.select(table.c.position).where(table.c.kind == _LINK_USED, table.c.subject == subject)
        if connection.scalar(used) is not None:
            return False
        connection.execute(sa.insert(table).values(kind=_LINK_USED, subject=subject, body="{}", happened_at=now()))
    return True


def _local_person(catalog: Catalog) -> Person:
    try:
        return find_person(catalog, LOCAL)
    except NotFound:
        return add_person(catalog, LOCAL, None, role="admin")


class Attempts:
    """Failed attempts by key in a sliding window; after `most` of them a key waits until the oldest is forgotten.

    They stand in the catalog, under a hash of `kind` and key, so that all processes of a server count together.
    """

    def __init__(
        self, catalog: Catalog, kind: str, most: int, window: timedelta, clock: Callable[[], datetime] = now
    ) -> None:
        self._catalog, self._kind, self._most, self._window, self._clock = catalog, kind, most, window, clock

    def wait(self, key: str) -> float:
        """Seconds until `key` may try again; 0 when it may now."""
        table = schema.failed_attempts
        recent = sa.select(table.c.failed_at).where(table.c.key_hash == self._hash(key), self._recent)
        with self._catalog.reading() as connection:
            moments = list(connection.scalars(recent.order_by(table.c.failed_at)))
        if len(moments) < self._most:
            return 0.0
        oldest: datetime = moments[0]
        return (oldest + self._window - self._clock()).total_seconds()

    def fail(self, key: str) -> None:
        """Note a failure, and forget those that no longer count."""
        table = schema.failed_attempts
        with self._catalog.transaction() as connection:
            connection.execute(sa.delete(table).where(~self._recent))
            connection.execute(sa.insert(table).values(key_hash=self._hash(key), failed_at=self._clock()))

    def forget(self, key: str) -> None:
        """A success makes good."""
        table = schema.failed_attempts
        with self._catalog.transaction() as connection:
            connection.execute(sa.delete(table).where(table.c.key_hash == self._hash(key)))

    @property
    def _recent(self) -> sa.ColumnElement[bool]:
        return schema.failed_attempts.c.failed_at > self._clock() - self._window

    def _hash(self, key: str) -> str:
        # what is typed as a name may be a password
        return hashlib.sha256(f"{self._kind}|{key}".encode()).hexdigest()


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
        raise Forbidden(
            sentence("this request came from another site"), hint=sentence("open the page here and try again")
        )


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
        raise NotSignedIn(sentence("nobody is signed in, or the session is over"), hint=_how_to_sign_in(access))
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
            sentence("the forgery token is missing or not of this session"),
            hint=sentence("reload the page and try again; programs use an API token instead of a cookie"),
        )
    return person


def _needs(role: str) -> Callable[[Person], Person]:
    def check_role(person: Annotated[Person, Depends(_check_forgery)]) -> Person:
        if not person.may(role):
            raise Forbidden(
                sentence("this needs the role {role}; {name} does not have it", role=role, name=person.name),
                hint=sentence("ask an administrator, or use a token with a wider scope"),
            )
        return person

    return check_role


Viewer = Annotated[Person, Depends(_needs("viewer"))]
Curator = Annotated[Person, Depends(_needs("curator"))]
Admin = Annotated[Person, Depends(_needs("admin"))]


def _how_to_sign_in(access: Access) -> str:
    if access.by_link:
        return sentence("open the link that vitrine serve printed")
    return sentence("sign in at /login, or send an API token")
