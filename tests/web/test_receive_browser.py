"""The receipt page in a real browser: a photo by file and by live camera over TLS, and a network that comes and goes."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from PIL import Image

from vitrine.demo.draw import draw
from vitrine.demo.product import Shot, product
from vitrine.intake.table import TableRow
from vitrine.receive.orders import keep_orders, read_orders
from vitrine.web.app import create_app
from vitrine.web.auth import Access
from vitrine.workspace import Workspace

CHROMIUM = os.environ.get("VITRINE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium here: apt-get install chromium, or set VITRINE_CHROMIUM", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")

SEED = 11  # of the drawn catalog that all web tests share
FAKE_CAMERA = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
ANSWERED = ", ".join(f"[data-verdict={answer}]" for answer in ("match", "mismatch", "unknown"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FAKE_CAMERA)
        yield opened
        opened.close()


@pytest.fixture
def hall(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, Path]) -> Iterator[str]:
    """The link of a server over TLS whose workspace has order lines; categories stand in for brands."""
    monkeypatch.setenv("VITRINE_RECEIVE__BRAND", "category")
    opened = Workspace(workspace.folder)
    rows = [
        TableRow(n, {"line": f"L{n}", "sku": product(SEED, n).sku, "brand": product(SEED, n).values["category"],
                     "barcode": f"789100031550{n}", "supplier": "Norte"}) for n in range(5)
    ]  # fmt: skip
    keep_orders(opened.catalog, read_orders(rows, place="test"), place="test")
    access = Access(by_link=True)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    cert, key = certificate
    config = uvicorn.Config(
        create_app(opened, access), log_config=None, access_log=False, ssl_certfile=str(cert), ssl_keyfile=str(key)
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}/open?token={access.link}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def phone(browser: Any, hall: str) -> Iterator[Any]:
    """The receipt page on a phone; a mistake in the script or a broken rule of content fails the test."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, ignore_https_errors=True, has_touch=True)
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto(hall)
    page.goto(hall.split("/open")[0] + "/receive")
    page.wait_for_selector("[data-lines] button")
    yield page
    context.close()
    cut = ("ERR_FAILED", "ERR_INTERNET_DISCONNECTED", " 422 ")  # a network cut on purpose, and what is no photo
    assert not [line for line in said if not any(word in line for word in cut)]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A new photo of the first drawn product, as a phone would take it."""
    picture, _ = draw(product(SEED, 0), Shot(7, "side", "side", (SEED, 99)), 480)
    Image.fromarray(picture).save(tmp_path / "photo.jpg", quality=90)
    return tmp_path / "photo.jpg"


def ask(phone: Any, barcode: str, photo: Path) -> None:
    """Find the line by its barcode, as a hand scanner types it, and take the photo."""
    phone.fill("[data-find]", barcode)
    phone.keyboard.press("Enter")
    phone.wait_for_selector("[data-step=line]:not([hidden])")
    phone.set_input_files("[data-shoot]", str(photo))


def entered(phone: Any) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = phone.request.get(phone.url.split("/receive")[0] + "/api/v1/receipts").json()
    return answer


def until(phone: Any, true: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait for what the server has; the page goes on meanwhile."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        phone.wait_for_timeout(100)


def test_a_barcode_a_photo_an_answer_and_what_was_done(phone: Any, photo: Path) -> None:
    ask(phone, "7891000315500", photo)
    phone.wait_for_selector(ANSWERED)
    assert phone.locator("[data-evidence] img").count() > 0
    phone.click("[data-action=accepted]")
    phone.wait_for_selector("[data-step=find]:not([hidden])")
    until(phone, lambda: entered(phone)[0]["action"] == "accepted")
    (one,) = entered(phone)
    assert one["line_id"] == "L0" and one["person"]


def test_what_is_no_photo_or_too_dark_is_taken_again(phone: Any, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "no-photo.jpg").write_bytes(b"%PDF-1.7 something else")
    Image.new("RGB", (640, 640), (3, 3, 3)).save(tmp_path / "black.jpg")
    ask(phone, "7891000315500", tmp_path / "no-photo.jpg")
    phone.wait_for_selector("[data-verdict=failed]")
    assert phone.locator("[data-retake]").is_visible() and not phone.locator("[data-compared]").is_visible()
    assert not any(one.is_visible() for one in phone.locator("[data-action]").all())
    phone.set_input_files("[data-reshoot]", str(tmp_path / "black.jpg"))
    phone.wait_for_selector("[data-verdict=unknown]")
    assert phone.locator("[data-retake]").is_visible() and phone.locator("[data-action=accepted]").is_visible()
    assert phone.locator("[data-notes]").inner_text() == "", "what is too dark was not brightened"
    phone.set_input_files("[data-reshoot]", str(photo))
    until(phone, lambda: len(entered(phone)) == 2)
    assert phone.locator("[data-compared]").is_visible()
    assert [one["line_id"] for one in entered(phone)] == ["L0", "L0"]


def test_photos_wait_while_the_network_is_away_and_count_once(phone: Any, photo: Path) -> None:
    phone.wait_for_function(
        "() => new Promise(done => { const open = indexedDB.open('vitrine-receive'); open.onsuccess = () => {"
        " const all = open.result.transaction('lines').objectStore('lines').count();"
        " all.onsuccess = () => done(all.result >= 5); }; })"
    )
    phone.context.set_offline(True)
    for barcode in ("7891000315500", "7891000315501"):
        ask(phone, barcode, photo)
        phone.wait_for_selector("[data-verdict=kept]")
        phone.click("[data-action=set_aside]")
        phone.wait_for_selector("[data-step=find]:not([hidden])")
    assert phone.locator("[data-waiting]").inner_text().startswith("2")
    phone.context.set_offline(False)
    phone.evaluate("dispatchEvent(new Event('online'))")
    phone.wait_for_selector("[data-waiting]", state="hidden")
    assert phone.locator("[data-arrived] button").count() == 2
    until(phone, lambda: all(one["action"] for one in entered(phone)))
    assert sorted(one["line_id"] for one in entered(phone)) == ["L0", "L1"]
    assert {one["action"] for one in entered(phone)} == {"set_aside"}


def test_an_answer_that_got_lost_is_asked_for_again_and_stays_one_receipt(phone: Any, photo: Path) -> None:
    lost = {"left": 3}

    def lose(route: Any) -> None:
        lost["left"] -= 1
        if lost["left"] < 0:
            return route.continue_()
        route.fetch()  # it arrived
        return route.abort()  # its answer did not

    phone.route(
        "**/api/v1/receipts", lambda route: lose(route) if route.request.method == "POST" else route.continue_()
    )
    ask(phone, "7891000315500", photo)
    phone.wait_for_selector("[data-verdict=kept]")
    assert len(entered(phone)) == 1, "it arrived, only the phone does not know"
    for _ in range(100):
        phone.evaluate("dispatchEvent(new Event('online'))")
        phone.wait_for_timeout(200)
        if phone.locator(ANSWERED).count():
            break
    assert lost["left"] < 0
    assert len(entered(phone)) == 1


def test_the_live_camera_takes_a_photo_over_tls(phone: Any) -> None:
    phone.fill("[data-find]", "7891000315502")
    phone.keyboard.press("Enter")
    phone.click("[data-live]:visible")
    phone.wait_for_function("() => document.querySelector('video').videoWidth > 0")
    phone.click("[data-snap]")
    phone.wait_for_selector(ANSWERED)
    assert phone.evaluate("() => document.querySelector('video').hidden")
    assert entered(phone)[0]["line_id"] == "L2"


def test_the_live_camera_finds_look_alikes_over_tls(phone: Any) -> None:
    phone.goto(phone.url.split("/receive")[0] + "/look-alikes")
    phone.click("[data-live]")
    phone.wait_for_function("() => document.querySelector('video').videoWidth > 0")
    assert phone.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    result = axe.Axe().run(phone)
    assert result.violations_count == 0, result.generate_report()
    phone.click("[data-snap]")
    phone.wait_for_selector(".preview", state="visible")
    phone.wait_for_selector("#found .cards.alike li, #found .problem")
    assert phone.locator("#found .cards.alike li").count() > 0
    assert phone.evaluate("() => document.querySelector('video').hidden")
    assert phone.evaluate("() => document.getElementById('photo').files[0].type") == "image/jpeg"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_clean_for_axe_and_fit_a_phone(phone: Any, photo: Path, scheme: str) -> None:
    phone.emulate_media(color_scheme=scheme)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

    def check(what: str) -> None:
        assert phone.evaluate(wide) <= 0, f"{what} is wider than a phone"
        result = axe.Axe().run(phone)
        assert result.violations_count == 0, f"{what} ({scheme}): {result.generate_report()}"

    check("find")
    ask(phone, "7891000315500", photo)
    phone.wait_for_selector(ANSWERED)
    check("answer")
    for answer in ("match", "mismatch", "unknown", "kept"):
        phone.evaluate(f"document.querySelector('[data-verdict]').dataset.verdict = '{answer}'")
        check(answer)
    phone.click("[data-again]:visible")
    phone.locator("[data-lines] button").first.click()
    check("line")
    phone.goto(phone.url.split("/receive")[0] + "/receipts")
    check("log")
