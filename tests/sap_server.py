"""A product classification service on a real socket, as SAP's published metadata describes it, with faults on request.

The published API_CLFN_PRODUCT_SRV only reads; `writable` is what a service of one's own with the same entities does.
"""

import base64
import json
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

from small_delivery import SKUS
from vitrine.deliver.sap import odata

PRODUCT, CHARACTERISTIC = "API_CLFN_PRODUCT_SRV", "API_CLFN_CHARACTERISTIC_SRV"
ROOT = "/sap/opu/odata/sap"
TOKEN = "tok-1"
CLASS = {"ClassInternalID": "77", "ClassType": "001", "Class": "CALCADOS"}
CHARACTERISTICS = {"801": "COR", "802": "SALTO"}
VALUE_KEY = ("Product", "ClassType", "CharcInternalID", "CharcValuePositionNumber")


@dataclass
class State:
    """What the fake SAP knows, and what it is told to do wrong."""

    products: set[str]
    writable: bool = True
    page: int = 5
    values: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    classes: set[str] = field(default_factory=set)
    versions: dict[tuple[str, ...], int] = field(default_factory=dict)
    token: str = TOKEN
    read_faults: deque[str] = field(default_factory=deque)
    write_faults: deque[str] = field(default_factory=deque)
    written: list[tuple[str, str]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    languages: set[str] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def words(self) -> dict[tuple[str, str], str]:
        """(product, characteristic) → value."""
        return {(key[0], CHARACTERISTICS[key[2]]): one["CharcValue"] for key, one in self.values.items()}

    def put(self, product: str, characteristic: str, word: str, position: str = "1") -> None:
        """Somebody in SAP enters a value."""
        internal = next(number for number, name in CHARACTERISTICS.items() if name == characteristic)
        key = (product, "001", internal, position)
        self.values[key] = {**dict(zip(VALUE_KEY, key, strict=True)), "CharcValue": word}
        self.versions[key] = self.versions.get(key, 0) + 1
        self.classes.add(product)

    def etag(self, key: tuple[str, ...]) -> str:
        return f'W/"{self.versions[key]}"'


class _Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Handler(BaseHTTPRequestHandler):
    """One request; the state is the server's."""

    protocol_version = "HTTP/1.1"
    state: State

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        self.state.requests.append(f"GET {self.path}")
        self.state.languages.add(self.headers.get("sap-language", ""))
        if not self._known():
            return
        if self.state.read_faults and self._fail(self.state.read_faults.popleft()):
            return
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        name = url.path.rpartition("/")[2]
        if name == "":
            self._send(200, {"d": {"EntitySets": []}}, {"x-csrf-token": self.state.token, "Set-Cookie": "SID=1"})
        elif name == "$metadata":
            self._send_text(200, self._metadata(), "application/xml")
        else:
            self._page(name, query)

    def do_POST(self) -> None:
        self.state.requests.append(f"POST {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._known():
            return
        fault = self.state.write_faults.popleft() if self.state.write_faults else ""
        if fault and fault not in ("accept then hang", "expire") and self._fail(fault):
            return
        if fault == "expire":
            self.state.token = "tok-2"
        if self.headers.get("X-CSRF-Token") != self.state.token or "SID=1" not in self.headers.get("Cookie", ""):
            self._send_text(403, "CSRF token validation failed", "text/plain", {"x-csrf-token": "Required"})
            return
        with self.state.lock:
            answer, boundary = self._batch(body)
        if fault == "accept then hang":
            time.sleep(1.5)
            self.close_connection = True
            return
        self._send_bytes(202, answer, f"multipart/mixed; boundary={boundary}", {})

    def _known(self) -> bool:
        wanted = "Basic " + base64.b64encode(b"vitrine:secret").decode()
        if self.headers.get("Authorization") == wanted:
            return True
        self._send(401, {"error": {"code": "401", "message": {"lang": "en", "value": "Logon failed"}}})
        return False

    def _fail(self, fault: str) -> bool:
        if fault == "slow":
            time.sleep(0.3)
            return False
        if fault == "hang":
            time.sleep(1.5)
            self.close_connection = True
        elif fault == "reset":
            self.close_connection = True
            self.connection.shutdown(2)
        elif fault == "429":
            self._send_text(429, "too many requests", "text/plain", {"Retry-After": "0"})
        elif fault == "elsewhere":
            self._send(200, {"d": {"results": [], "__next": "http://127.0.0.2:9/steal"}})
        else:
            error = {"code": f"SY/{fault}", "message": {"lang": "en", "value": f"Internal error {fault}"}}
            self._send(int(fault), {"error": error})
        return True

    def _metadata(self) -> str:
        flag = "" if self.state.writable else 'sap:creatable="false" sap:updatable="false" sap:deletable="false"'
        sets = "".join(
            f'<EntitySet Name="{name}" EntityType="{PRODUCT}.{name}Type" {flag}/>'
            for name in ("A_ClfnProduct", "A_ProductClass", "A_ProductCharc", "A_ProductCharcValue")
        )
        return (
            '<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx" '
            'xmlns:sap="http://www.sap.com/Protocols/SAPData"><edmx:DataServices>'
            f'<Schema xmlns="http://schemas.microsoft.com/ado/2008/09/edm" Namespace="{PRODUCT}">'
            f'<EntityContainer Name="{PRODUCT}_Entities">{sets}</EntityContainer></Schema>'
            "</edmx:DataServices></edmx:Edmx>"
        )

    def _page(self, name: str, query: dict[str, str]) -> None:
        asked = {
            column: {
                text.replace("''", "'") for text in re.findall(rf"\b{column} eq '((?:[^']|'')*)'", query["$filter"])
            }
            for column in ("Product", "ClassType", "Class", "Characteristic")
        }
        with self.state.lock:
            rows = [
                row for row in self._rows(name) if all(not asked[one] or row.get(one) in asked[one] for one in asked)
            ]
        start = int(query.get("$skiptoken", 0))
        found: dict[str, Any] = {"results": rows[start : start + self.state.page]}
        if start + self.state.page < len(rows):
            path = self.path.split("?")[0]
            host = self.headers["Host"]
            more = quote(query["$filter"])
            found["__next"] = f"http://{host}{path}?$filter={more}&$skiptoken={start + self.state.page}"
        self._send(200, {"d": found})

    def _rows(self, name: str) -> list[dict[str, Any]]:
        if name == "A_ProductCharcValue":
            return [
                {**one, "__metadata": {"etag": self.state.etag(key)}} for key, one in sorted(self.state.values.items())
            ]
        if name == "A_ProductClass":
            return [{"Product": one, "ClassInternalID": "77", "ClassType": "001"} for one in sorted(self.state.classes)]
        if name == "A_ClfnClassForKeyDate":
            return [CLASS]
        return [{"CharcInternalID": number, "Characteristic": one} for number, one in CHARACTERISTICS.items()]

    def _batch(self, body: bytes) -> tuple[bytes, str]:
        header = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        lines: list[bytes] = []
        for change_set in message_from_bytes(header + body).get_payload():
            operations = [one.get_payload(decode=True).decode() for one in change_set.get_payload()]
            lines += [b"--resp", *self._change_set(operations)]
        return b"\r\n".join([*lines, b"--resp--", b""]), "resp"

    def _change_set(self, operations: list[str]) -> list[bytes]:
        state = self.state
        saved = ({key: dict(one) for key, one in state.values.items()}, set(state.classes), dict(state.versions))
        statuses = []
        try:
            for text in operations:
                statuses.append(self._do(text))
        except _Refusal as refusal:
            state.values, state.classes, state.versions = saved
            error = {"error": {"code": "CL/026", "message": {"lang": "en", "value": refusal.message}}}
            return [b"Content-Type: application/http", b"", f"HTTP/1.1 {refusal.status} Refused".encode(),
                    b"Content-Type: application/json", b"", json.dumps(error).encode()]  # fmt: skip
        state.written += [tuple(text.split(" ", 2)[:2]) for text in operations]
        lines = [b"Content-Type: multipart/mixed; boundary=inner", b""]
        for status in statuses:
            lines += [b"--inner", b"Content-Type: application/http", b"", f"HTTP/1.1 {status} Fine".encode(), b"", b""]
        return [*lines, b"--inner--"]

    def _do(self, text: str) -> int:
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        method, path = head.split(" ")[:2]
        headers = dict(re.findall(r"^([\w-]+): (.*)$", head, re.MULTILINE))
        if method == "POST":
            return self._create(path, json.loads(body))
        key = tuple(unquote(one).replace("''", "'") for one in re.findall(r"='(.*?)'(?=[,)])", path))
        if key not in self.state.values:
            raise _Refusal(404, "no such value")
        if "If-Match" not in headers:
            raise _Refusal(428, "If-Match is required")
        if headers["If-Match"] != self.state.etag(key):
            raise _Refusal(412, "the value was changed meanwhile")
        if method == "DELETE":
            del self.state.values[key]
        else:
            self.state.values[key]["CharcValue"] = json.loads(body)["CharcValue"]
            self.state.versions[key] += 1
        return 204

    def _create(self, path: str, body: dict[str, str]) -> int:
        if body["Product"] not in self.state.products:
            raise _Refusal(400, f"Material {body['Product']} does not exist")
        if path == "A_ProductClass":
            self.state.classes.add(body["Product"])
            return 201
        key = tuple(body[one] for one in VALUE_KEY)
        if body["Product"] not in self.state.classes:
            raise _Refusal(400, "the material is not in the class")
        if key in self.state.values:
            raise _Refusal(400, "there is a value already")
        self.state.values[key] = dict(body)
        self.state.versions[key] = self.state.versions.get(key, 0) + 1
        return 201

    def _send(self, status: int, data: object, headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(data).encode(), "application/json", headers or {})

    def _send_text(self, status: int, text: str, kind: str, headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, text.encode(), kind, headers or {})

    def _send_bytes(self, status: int, data: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, text in {**headers, "Content-Type": kind, "Content-Length": str(len(data))}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)


class SapServer:
    """The running server: `state`, and the `url` of its service."""

    def __init__(self, products: set[str]) -> None:
        self.state = State(products)
        handler = type("BoundHandler", (Handler,), {"state": self.state})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}{ROOT}/{PRODUCT}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Close the socket."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def sap(monkeypatch: pytest.MonkeyPatch) -> Iterator[SapServer]:
    """A server that knows the products of `small_delivery`, and the password for it."""
    monkeypatch.setenv("VITRINE_SAP_PASSWORD", "secret")
    monkeypatch.setattr(odata, "FIRST_WAIT", 0.01)
    server = SapServer({sku.upper() for sku in SKUS})
    yield server
    server.stop()
