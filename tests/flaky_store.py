"""A real S3 server behind a door that fails as stores do: throttles, breaks, drops the connection in the middle."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Fault = Callable[[int, str, str], int | str | None]  # number of the request, method, path → status, "drop" or None

SLOW_DOWN = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
)


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
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        fault = self.server.fault(self.server.seen, self.command, self.path)
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
            return
        if isinstance(fault, int):
            self._answer(fault, {"content-type": "application/xml"}, SLOW_DOWN)
            return
        connection = http.client.HTTPConnection(self.server.store, timeout=30)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        self._answer(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass_on  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        kept = {name: text for name, text in headers.items() if name.lower() not in ("transfer-encoding", "connection")}
        if self.command != "HEAD":
            kept = {name: text for name, text in kept.items() if name.lower() != "content-length"}
            kept["Content-Length"] = str(len(body))
        for name, text in kept.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

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
