"""`vitrine serve` and `vitrine users`: who may come in, as a real process would find out."""

import http.client
import json
import re
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from command import COMMAND, vitrine


@pytest.fixture
def folder(trained_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_folder, tmp_path / "workspace"))


def times_on_one_connection(link: str) -> list[float]:
    """Seconds of ten small requests."""
    connection = http.client.HTTPConnection(urlsplit(link).netloc, timeout=60)
    times = []
    for _ in range(10):
        begun = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        times.append(time.perf_counter() - begun)
    return times


def test_the_link_of_a_real_server_opens_the_desk_and_ctrl_c_closes_it(folder: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--json", "-w", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    text = ""
    while not text.rstrip().endswith("}"):
        text += process.stdout.readline()
    link = json.loads(text)["url"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/open\?token=[\w-]{20,}", link)
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    assert "Vitrine" in opener.open(link, timeout=60).read().decode()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(link, timeout=60)
    assert refused.value.code == 403
    assert min(times_on_one_connection(link)) < 0.03, "no answer waits for the reader's ACK"
    process.send_signal(2)
    _, logged = process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    lines = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    assert {"/open", "/"} <= {line.get("path") for line in lines}
    assert not any("token" in json.dumps(line) for line in lines), "the log keeps no secret"


def test_a_server_over_tls_opens_by_a_link_of_https(folder: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = map(str, certificate)
    for wrong in (
        ["--tls-cert", cert],
        ["--tls-cert", key, "--tls-key", cert],
        ["--tls-cert", cert, "--tls-key", "/x"],
    ):
        refused = vitrine("serve", "--port", "0", "--json", *wrong, folder=folder, expect=2)
        assert "TLS" in json.loads(refused.stdout)["message"]
    arguments = ["serve", "--port", "0", "--json", "--tls-cert", cert, "--tls-key", key, "-w", str(folder)]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    text = ""
    while not text.rstrip().endswith("}"):
        text += process.stdout.readline()
    trusted = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=cert))
    opener = urllib.request.build_opener(trusted, urllib.request.HTTPCookieProcessor())
    link = json.loads(text)["url"]
    assert link.startswith("https://127.0.0.1:")
    assert "Vitrine" in opener.open(link, timeout=60).read().decode()
    process.send_signal(2)
    assert process.wait(timeout=60) in (0, 130)


def test_another_address_demands_an_administrator(folder: Path) -> None:
    refused = vitrine("serve", "--host", "0.0.0.0", "--port", "0", "--json", folder=folder, expect=1)
    assert json.loads(refused.stdout)["hint"] == "vitrine users add NAME --role admin"


def test_accounts_are_added_listed_shut_out_and_given_tokens(folder: Path) -> None:
    password = ("--password", "a long enough password")
    vitrine("users", "add", "ana", *password, "--role", "admin", folder=folder)
    again = vitrine("users", "add", "ana", *password, "--json", folder=folder, expect=2)
    assert "already" in json.loads(again.stdout)["message"]
    for wrong in (("b c", *password), ("bea", "--password", "short"), ("bea", *password, "--role", "king")):
        vitrine("users", "add", *wrong, folder=folder, expect=2)
    token = vitrine("users", "token", "ana", "--scope", "read", folder=folder)
    assert token.stdout.startswith("vt_")
    vitrine("users", "disable", "ana", folder=folder)
    listed = json.loads(vitrine("users", "list", "--json", folder=folder).stdout)
    assert [(one["name"], one["active"]) for one in listed] == [("ana", False)]
    vitrine("users", "disable", "nobody", folder=folder, expect=2)
