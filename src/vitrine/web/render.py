"""Fill a template: the words of the visitor's language, the forgery token, figures as that language writes them."""

import hashlib
import json
from functools import lru_cache
from importlib import resources
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from vitrine.taxonomy import Taxonomy
from vitrine.web.auth import Access, forgery_token
from vitrine.web.chart import meter
from vitrine.web.people import LANGUAGES, Person
from vitrine.web.speech import NAMES, Speech, preferred, speak


def render(request: Request, template: str, *, status_code: int = 200, **context: Any) -> HTMLResponse:
    """The page of `template`; `context` is what its query gave."""
    speech = speech_of(request)
    person: Person | None = getattr(request.state, "person", None)
    taxonomy: Taxonomy = request.app.state.workspace.taxonomy
    access: Access = request.app.state.access
    page = environment().get_template(template)
    html = page.render(
        person=person,
        speech=speech,
        t=speech.t,
        attribute_name=lambda name: speech.attribute(taxonomy, name),
        value_name=lambda attribute, value: speech.value(taxonomy, attribute, value),
        told=lambda text: speech.tell(text, taxonomy),
        words_of=lambda prefix: {
            key.removeprefix(f"{prefix}."): text for key, text in speech.words.items() if key.startswith(f"{prefix}.")
        },
        forgery=forgery_token(getattr(request.state, "session", "")),
        here=request.url.path,
        by_link=access.by_link,
        languages={code: NAMES[code] for code in LANGUAGES},
        **context,
    )
    return HTMLResponse(html, status_code)


def speech_of(request: Request) -> Speech:
    """The language of whoever asks: their own choice, else the browser's."""
    person: Person | None = getattr(request.state, "person", None)
    return speak(person.language if person else preferred(request.headers.get("accept-language", "")))


def told_to(request: Request, text: str) -> str:
    """A sentence of an error or a conflict as whoever asks reads it."""
    return speech_of(request).tell(text, request.app.state.workspace.taxonomy)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates; every text is escaped."""
    made = Environment(
        loader=PackageLoader("vitrine.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"asset": asset, "query": query, "photo_url": photo_url, "meter": meter}
    made.filters["json"] = lambda data: json.dumps(data, ensure_ascii=False)
    return made


def query(**parameters: Any) -> str:
    """A query string of those that have something to say.

    >>> query(q="a&b", value=None, status="")
    '?q=a%26b'
    """
    said = {key: value for key, value in parameters.items() if value not in (None, "")}
    return "?" + urlencode(said) if said else "?"


def photo_url(photo_id: str, width: int) -> str:
    """Where a photo is served at most `width` pixels wide."""
    return f"/photos/{photo_id}/{width}"


STATIC = {
    "report.css": "text/css",
    "desk.css": "text/css",
    "camera.js": "text/javascript",
    "desk.js": "text/javascript",
    "curate.js": "text/javascript",
    "grid.js": "text/javascript",
    "jobs.js": "text/javascript",
    "look.js": "text/javascript",
    "product.js": "text/javascript",
    "receive.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


def asset(name: str) -> str:
    """Where a static file is served; the address changes with any of them, so that browsers may keep it forever."""
    return f"/static/{_version()}/{name}"


@lru_cache(maxsize=1)
def _version() -> str:
    # one for all: modules import each other by relative address and must meet the same copy
    return hashlib.sha256(b"".join(asset_bytes(name) for name in STATIC)).hexdigest()[:12]


def asset_bytes(name: str) -> bytes:
    """A static file of the package; `report.css` is the one that all of Vitrine's pages share."""
    room = resources.files("vitrine.report") if name == "report.css" else resources.files("vitrine.web") / "static"
    return (room / name).read_bytes()
