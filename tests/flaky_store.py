"""A real S3 server behind a door that fails as stores do: throttles, breaks, drops connections, doubts the clock."""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# number of the request, method, path → a status in ERRORS, "drop" (no answer), "cut" (half a body, of the request where it
# has one, else of the answer), or None
Fault = Callable[[int, str, str], int | str | None]

ERRORS = {
    403: ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
    500: ("InternalError", "We encountered an internal error. Please try again."),
    503: ("SlowDown", "Please reduce your request rate."),
}


class Door(ThreadingHTTPServer):
    """Passes requests on to `store`, but for those that `fault` says fail; `seen` counts all of them."""

    daemon_threads = True

    def __init__(self, store: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = urlsplit(store).netloc
        self.fault: Fault = lambda number, method, path: None
        self.seen = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def _pass_on(self) -> None:
        self.server.seen += 1
        length = int(self.headers.get("content-length", 0))
        fault = self.server.fault(self.server.seen, self.command, self.path)
        body = self.rfile.read(length // 2 if fault == "cut" else length)
        if fault == "drop" or (fault == "cut" and length):
            self._hang_up()
            return
        if isinstance(fault, int):
            code, message = ERRORS[fault]
            text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
            self._answer(fault, {"content-type": "application/xml"}, text.encode())
            return
        connection = http.client.HTTPConnection(self.server.store, timeout=30)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        self._answer(answer.status, dict(answer.getheaders()), answer.read(), cut=fault == "cut")
        connection.close()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass_on  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], body: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        kept = {name: text for name, text in headers.items() if name.lower() not in ("transfer-encoding", "connection")}
        if self.command != "HEAD":
            kept = {name: text for name, text in kept.items() if name.lower() != "content-length"}
            kept["Content-Length"] = str(len(body))
        for name, text in kept.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self._hang_up()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def flaky(store: str) -> Iterator[Door]:
    """A door before the store at this URL, until the block ends."""
    door = Door(store)
    thread = threading.Thread(target=door.serve_forever, daemon=True)
    thread.start()
    yield door
    door.shutdown()
    door.server_close()
