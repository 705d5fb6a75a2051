"""What happens around every request: a size limit, security headers, an id, one JSON log line, the counters."""

import json
import logging
import os
import sys
import time
import uuid
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitrine.errors import sentence
from vitrine.records import now

METERS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name; read when it is imported
MOST_BYTES = 1_000_000
MOST_UPLOAD_BYTES = 64 * 1024 * 1024
UPLOADS = frozenset({"/api/v1/classify", "/api/v1/receipts", "/api/v1/search", "/look-alikes"})

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


# for the pages that have the live camera
LIVE_CAMERA = {"Permissions-Policy": "camera=(self), geolocation=(), microphone=()"}


class Meters:
    """The Prometheus counters of one server; a registry of its own, so that two servers in one process stay apart."""

    def __init__(self, standing: Collector) -> None:
        """`standing` is what is read from the catalog when somebody asks, the same in every process."""
        self._standing = standing
        self.registry = CollectorRegistry()
        self.registry.register(standing)
        names = ["method", "route", "status"]
        self.requests = Counter("vitrine_http_requests", "Requests answered", names, registry=self.registry)
        self.seconds = Histogram(
            "vitrine_http_request_seconds", "Seconds until the answer was sent", ["route"], registry=self.registry
        )

    def text(self) -> bytes:
        """The counters as Prometheus reads them; of all processes where the server has several."""
        folder = os.environ.get(METERS_FOLDER)
        if folder is None:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]
        together.register(self._standing)
        return generate_latest(together)


class Guard:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, watched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = uuid.uuid4().hex[:16]
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, text in _HEADERS.items():
                    headers.setdefault(name, text)
            await send(message)

        try:
            await self._app(scope, _limited(scope, receive), send_guarded)
        finally:
            self._note(scope, request_id, status, time.perf_counter() - started)

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")  # never the path itself: a counter for each would grow
        self._meters.requests.labels(scope["method"], route, str(status)).inc()
        self._meters.seconds.labels(route).observe(seconds)
        person = scope["state"].get("person")
        log.info(
            "request",
            extra={
                "fields": {
                    "request_id": request_id,
                    "process": os.getpid(),
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "ms": round(1000 * seconds, 1),
                    "person": person.name if person else None,
                }
            },
        )


def _limited(scope: Scope, receive: Receive) -> Receive:
    """Stop reading a body at the limit, also one whose stated length lies or is missing."""
    most = MOST_UPLOAD_BYTES if scope["path"] in UPLOADS else MOST_BYTES
    stated = Headers(scope=scope).get("content-length", "0")
    seen = 0

    async def receive_limited() -> Message:
        nonlocal seen
        if stated.isdigit() and int(stated) > most:
            raise _too_large(most)
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise _too_large(most)
        return message

    return receive_limited


def _too_large(most: int) -> HTTPException:
    # not one of our own errors: FastAPI lets only this kind through while it reads a body
    return HTTPException(413, sentence("the body is larger than the {most:,} bytes that this address takes", most=most))


class JsonLines(logging.Formatter):
    """One JSON object a line: when, level, what, and the fields of a request."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        line: dict[str, Any] = {
            "at": now().isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


log = logging.getLogger("vitrine.web")


def log_to_stderr() -> None:
    """Write the server's log as JSON lines to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
