"""A client of one OData V2 service of SAP Gateway: paged reads, CSRF token, change sets in $batch, waiting and trying again.

Reads are tried again by themselves. A write is not: when its answer is lost nobody knows whether it was done, so
`NoAnswer` tells the caller to read first.
"""

import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from json import JSONDecodeError, dumps, loads
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.util import Retry

from vitrine.errors import InputError, Refused, StorageError, sentence

FIRST_WAIT = 0.5  # seconds; doubled each time
_LONGEST_WAIT = 60.0
BUSY = (429, 500, 502, 503, 504)
_QUOTE = "'"
_SAP = "{http://www.sap.com/Protocols/SAPData}"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_AGAIN = sentence("run vitrine export sap again; it reads what SAP has and goes on")


class NoAnswer(Exception):
    """A write was sent, and it is not known whether it was done; `wait` is how long the service asks to wait."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Operation:
    """One write: POST, PATCH or DELETE of an entity's `path`, with the `etag` of what was read."""

    method: str
    path: str
    body: Mapping[str, str] | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change set: all of it was done (a status below 300), or none."""

    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an entity set can do by the service's own metadata."""

    creatable: bool
    updatable: bool
    deletable: bool


def key(**parts: str) -> str:
    """The key of an entity in a URL, its texts quoted.

    >>> key(Product="A'1", ClassType="001")
    "(Product='A%27%271',ClassType='001')"
    """
    quoted = ",".join(f"{name}='{quote(text.replace(_QUOTE, _QUOTE * 2), safe='')}'" for name, text in parts.items())
    return f"({quoted})"


def literal(text: str) -> str:
    """A text in a filter.

    >>> literal("it's")
    "'it''s'"
    """
    return _QUOTE + text.replace(_QUOTE, _QUOTE * 2) + _QUOTE


class _Patient(Retry):
    """Waits as long as a service asks, within reason."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, _LONGEST_WAIT)


class Service:
    """One service and a session with it."""

    def __init__(
        self, url: str, *, user: str, password: str, client: str, language: str, timeout: float, retries: int
    ) -> None:
        """Use the service at `url`. Raises InputError where a password would go over the network in the clear."""
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise InputError(f"{url} is not https, so the password could be read on the way", hint="use https")
        self.url = url.rstrip("/")
        self.retries = retries
        self._timeout = timeout
        self._session = requests.Session()
        self._session.trust_env = parts.hostname not in _LOOPBACK  # the network's proxy and its certificates
        self._session.auth = (user, password)
        self._session.headers.update({"Accept": "application/json", "sap-language": language.upper()})
        if client:
            self._session.params = {"sap-client": client}
        waits = _Patient(
            total=retries, backoff_factor=FIRST_WAIT, backoff_max=_LONGEST_WAIT, status_forcelist=BUSY,
            allowed_methods={"GET"}, raise_on_status=False,
        )  # fmt: skip
        self._session.mount(url, HTTPAdapter(max_retries=waits))
        self._token: str | None = None

    def rows(self, entity_set: str, filter: str) -> Iterator[dict[str, Any]]:
        """All entities of a set that pass `filter`, page by page."""
        url: str | None = f"{self.url}/{entity_set}"
        params: dict[str, str] = {"$filter": filter, "$format": "json"}
        while url:
            answer = self._get(url, params)
            try:
                found = answer.json()["d"]
                yield from found["results"]
            except (JSONDecodeError, KeyError, TypeError) as error:
                raise StorageError(f"{url} answered what is no OData: {answer.text[:200]!r}", hint=_AGAIN) from error
            url, params = self._next(found.get("__next")), {}

    def allowed(self) -> dict[str, Allowed]:
        """What each entity set can do, from `$metadata`."""
        answer = self._get(f"{self.url}/$metadata", {}, accept="application/xml")
        try:
            root = ElementTree.fromstring(answer.content)
        except ElementTree.ParseError as error:
            raise StorageError(f"{self.url}/$metadata is no XML: {error}", hint=_AGAIN) from error
        sets = [one for one in root.iter() if one.tag.rpartition("}")[2] == "EntitySet"]
        flags = ("creatable", "updatable", "deletable")
        return {
            one.attrib["Name"]: Allowed(*(one.attrib.get(f"{_SAP}{flag}", "true") == "true" for flag in flags))
            for one in sets
        }

    def write(self, change_sets: Sequence[Sequence[Operation]]) -> list[Outcome]:
        """Send change sets in one $batch; each is done wholly or not at all. Raises NoAnswer."""
        boundary = f"batch_{uuid.uuid4().hex}"
        body = _batch(change_sets, boundary)
        kind = {"Content-Type": f"multipart/mixed; boundary={boundary}", "Accept": "multipart/mixed"}
        answer = self._post(body, kind)
        if answer.status_code == 403 and answer.headers.get("x-csrf-token", "").casefold() == "required":
            self._token = None  # the session was over
            answer = self._post(body, kind)
        if answer.status_code in BUSY:
            raise NoAnswer(f"HTTP {answer.status_code}: {_message(answer.text)}", _wait(answer))
        if answer.status_code >= 300:
            raise self._refused(answer, self.url)
        outcomes = list(_outcomes(answer))
        if len(outcomes) != len(change_sets):
            raise NoAnswer(f"{len(outcomes)} answers to {len(change_sets)} change sets")
        return outcomes

    def pause(self, attempt: int, asked: float | None = None) -> None:
        """Wait before the next try: what the service asked for, else twice as long each time."""
        time.sleep(min(_LONGEST_WAIT, asked if asked is not None else FIRST_WAIT * 2**attempt))

    def _post(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        if self._token is None:
            root = self._get(f"{self.url}/", {"$format": "json"}, token="Fetch")
            self._token = root.headers.get("x-csrf-token", "")
        try:
            return self._session.post(
                f"{self.url}/$batch",
                data=body,
                headers={**headers, "X-CSRF-Token": self._token},
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from error

    def _get(
        self, url: str, params: Mapping[str, str], *, accept: str = "application/json", token: str = ""
    ) -> requests.Response:
        headers = {"Accept": accept} | ({"X-CSRF-Token": token} if token else {})
        try:
            answer = self._session.get(
                url, params=params, headers=headers, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            reason = f"{type(error).__name__}: {error}"
            raise StorageError(
                sentence("{place} could not be reached: {reason}", place=url, reason=reason), hint=_AGAIN
            ) from error
        if answer.status_code != 200:
            raise self._refused(answer, url)
        return answer

    def _refused(self, answer: requests.Response, url: str) -> InputError | Refused | StorageError:
        said = sentence(
            "{place} answered HTTP {status}: {reason}",
            place=url,
            status=str(answer.status_code),
            reason=_message(answer.text),
        )
        if answer.status_code in (401, 403):
            return Refused(said, hint=sentence("check user in section sap of vitrine.toml, and VITRINE_SAP_PASSWORD"))
        if answer.status_code in (301, 302, 303, 307, 308, 404):
            return InputError(said, hint=sentence("check service in section sap of vitrine.toml"))
        return StorageError(said, hint=_AGAIN)

    def _next(self, url: str | None) -> str | None:
        """The next page; the password goes to no other server."""
        if url and urlsplit(url)[:2] != urlsplit(self.url)[:2]:
            raise StorageError(f"{self.url} sends on to {url[:200]}, another server", hint="ask who runs the service")
        return url


def _batch(change_sets: Sequence[Sequence[Operation]], boundary: str) -> bytes:
    lines: list[str] = []
    for operations in change_sets:
        inner = f"changeset_{uuid.uuid4().hex}"
        lines += [f"--{boundary}", f"Content-Type: multipart/mixed; boundary={inner}", ""]
        for number, one in enumerate(operations, 1):
            lines += [f"--{inner}", "Content-Type: application/http", "Content-Transfer-Encoding: binary"]
            lines += [f"Content-ID: {number}", "", f"{one.method} {one.path} HTTP/1.1", "Accept: application/json"]
            if one.etag is not None:
                lines.append(f"If-Match: {one.etag}")
            body = dumps(one.body, ensure_ascii=False) if one.body is not None else ""
            if body:
                lines += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
            lines += ["", body]
        lines += [f"--{inner}--", ""]
    return "\r\n".join([*lines, f"--{boundary}--", ""]).encode()


def _outcomes(answer: requests.Response) -> Iterator[Outcome]:
    """One for each change set: the worst of its parts, or the single answer that a failed one has."""
    header = f"Content-Type: {answer.headers.get('Content-Type', '')}\r\n\r\n".encode()
    for part in _parts(message_from_bytes(header + answer.content)):
        inner = [_answered(one) for one in _parts(part)] if part.is_multipart() else [_answered(part)]
        yield max(inner, key=lambda one: one.status, default=Outcome(204, ""))


def _parts(message: Message) -> list[Message]:
    found = message.get_payload()
    return [one for one in found if isinstance(one, Message)] if isinstance(found, list) else []


def _answered(part: Message) -> Outcome:
    payload = part.get_payload(decode=True)
    text = payload.decode("utf-8", errors="replace") if isinstance(payload, bytes) else ""
    status = re.match(r"\s*HTTP/\d\.\d (\d{3})", text)
    if status is None:
        return Outcome(500, f"no HTTP answer: {text[:200]!r}")
    code = int(status.group(1))
    return Outcome(code, "" if code < 300 else _message(text.partition("\r\n\r\n")[2] or text))


def _message(text: str) -> str:
    """What an OData error says, or the beginning of another answer."""
    try:
        error = loads(text)["error"]
        said = error["message"]
        return f"{error.get('code', '')} {said['value'] if isinstance(said, dict) else said}".strip()
    except (JSONDecodeError, KeyError, TypeError):
        return " ".join(text.split())[:200]


def _wait(answer: requests.Response) -> float | None:
    """Seconds that the service asks to wait, where it says so in seconds."""
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isdigit() else None
