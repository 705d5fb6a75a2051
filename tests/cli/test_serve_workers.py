"""`vitrine serve --workers 2`: two processes behind one address are one desk, on SQLite and on PostgreSQL."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from command import COMMAND
from vitrine.backup import backup, restore
from vitrine.learn.promote import Comparison, promote
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.web.people import add_person
from vitrine.workspace import Workspace

PASSWORD = "a long enough password"


@dataclass
class Server:
    """A running server and what it logged; every request comes on a connection of its own."""

    workspace: Workspace
    process: "subprocess.Popen[str]"
    host: str
    link: str
    log: Path
    cookie: str = ""
    asked: int = field(default=0)

    def get(self, path: str, **headers: str) -> http.client.HTTPResponse:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str]) -> http.client.HTTPResponse:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, urlencode(fields), headers)

    def processes(self) -> set[int]:
        """The processes that answered so far."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return {line["process"] for line in lines if line["event"] == "request"}

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> http.client.HTTPResponse:
        self.asked += 1
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.request(method, path, body, {"cookie": self.cookie, **headers})
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        connection.close()
        return answer


@pytest.fixture
def server(trained_folder: Path, tmp_path: Path, catalog_url: str) -> Iterator[Server]:
    folder = Path(shutil.copytree(trained_folder, tmp_path / "before"))
    before = Workspace(folder)
    before.classify()
    backup(before, tmp_path / "b.zip", photos=True)
    restore(tmp_path / "b.zip", tmp_path / "w", catalog_url=catalog_url)
    workspace = Workspace(tmp_path / "w")
    add_person(workspace.catalog, "ana", PASSWORD, role="curator")
    command = [*COMMAND, "serve", "--workers", "2", "--port", "0", "--json", "-w", str(workspace.folder)]
    log = tmp_path / "log"
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    assert process.stdout is not None
    text = ""
    while not text.rstrip().endswith("}"):
        text += process.stdout.readline()
    url = urlsplit(json.loads(text)["url"])
    yield Server(workspace, process, url.netloc, f"{url.path}?{url.query}", log)
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(timeout=60) in (0, 130)
    finally:
        process.kill()


def both_answer(server: Server, ask: Callable[[], object]) -> None:
    """Ask until two processes have answered."""
    deadline = time.monotonic() + 60
    while len(server.processes()) < 2:
        ask()
        assert time.monotonic() < deadline, f"only {server.processes()} answer"


def test_two_processes_are_one_desk(server: Server) -> None:
    opened = server.get(server.link)
    server.cookie = "; ".join(f"{one.key}={one.value}" for one in SimpleCookie(opened.getheader("set-cookie")).values())
    assert opened.status == 303 and server.cookie

    def signed_in() -> None:
        assert server.get("/api/v1/overview").status == 200

    both_answer(server, signed_in)
    for _ in range(8):
        assert server.get(server.link, cookie="").status == 403, "the link works once, whichever process is asked"
    counted = metric(server.get("/metrics").body.decode())
    assert counted == server.asked - 1, "each request is counted once, in whichever process"

    catalog, folder = server.workspace.catalog, server.workspace.folder
    other = Workspace(folder)
    record = catalog.rows(schema.models)[0]
    second = {**record, "model_id": "md-second"}
    shutil.copytree(folder / ".vitrine/models" / record["model_id"], folder / ".vitrine/models/md-second")
    catalog.add(schema.models, [second])
    better = Comparison("md-second", record["model_id"], n=100, gain=0.1, interval=(0.05, 0.15), drops=())
    promote(other.catalog, "md-second", better)
    for _ in range(12):
        assert json.loads(server.get("/api/v1/models").body)["champion"] == "md-second"

    two = server.processes()
    os.kill(max(two), signal.SIGKILL)
    deadline = time.monotonic() + 150
    while server.processes() <= two:
        with suppress(ConnectionError, http.client.HTTPException):  # it was being answered by the one that died
            assert server.get("/api/v1/overview").status == 200
        assert time.monotonic() < deadline, "no process took the place of the one that died"
        time.sleep(0.1)


@pytest.mark.slow
def test_failed_sign_ins_are_counted_together(server: Server) -> None:
    both_answer(server, lambda: server.get("/login"))
    wrong = [server.post("/login", {"name": "ana", "password": "guess"}).status for _ in range(7)]
    assert wrong == [401] * 5 + [429] * 2
    assert Catalog(server.workspace.catalog.url).count(schema.failed_attempts) == 10  # by name and by address


def metric(text: str) -> int:
    lines = [line for line in text.splitlines() if line.startswith("vitrine_http_requests_total{")]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))
