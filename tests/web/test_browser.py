"""The main journeys in a real browser with the keyboard alone, and every page against axe's accessibility rules."""

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
import uvicorn
from drawn_market import draw_market

from vitrine.desk import queue
from vitrine.intake.ingest import blob_key
from vitrine.learn.promote import champion_of
from vitrine.stores import schema
from vitrine.web.app import create_app
from vitrine.web.auth import Access
from vitrine.web.people import LOCAL, set_language
from vitrine.web.speech import speak
from vitrine.workspace import Workspace

CHROMIUM = os.environ.get("VITRINE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium here: apt-get install chromium, or set VITRINE_CHROMIUM", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def desk(workspace: Workspace) -> Iterator[str]:
    """The link of a server that really listens."""
    access = Access(by_link=True)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(workspace, access), log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/open?token={access.link}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def page(browser: Any, desk: str) -> Iterator[Any]:
    """A page that has come in by the link; a mistake in a script or a broken rule of content fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    opened.goto(desk)
    yield opened
    context.close()
    on_purpose = ("ERR_FAILED", "status of 401", "status of 502")  # a network cut, a session over, a proxy's page
    assert not [line for line in said if not any(one in line for one in on_purpose)]


def decided(workspace: Workspace) -> list[dict[str, Any]]:
    table = schema.decisions
    rows: list[dict[str, Any]] = workspace.catalog.rows(sa.select(table).order_by(table.c.decided_at))
    return rows


def until(true: Any, *, page: Any = None, seconds: float = 20) -> None:
    """Wait for something outside the page; with `page`, its route handlers run meanwhile."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        page.wait_for_timeout(50) if page else time.sleep(0.05)


def go(page: Any, path: str) -> None:
    page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/", 3)[2] + path)


def test_ten_products_are_curated_with_the_keyboard_alone(page: Any, workspace: Workspace) -> None:
    page.keyboard.press("Tab")  # past "skip to the content", the sign and the first page, to Curate
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#desk:not([hidden]) .choice")
    for number in range(10):
        page.wait_for_selector("#desk:not([hidden]) .choice")
        page.keyboard.press("2" if number % 2 else "1")
        page.keyboard.press("Enter")
        until(lambda number=number: len(decided(workspace)) == number + 1)
    assert {row["outcome"] for row in decided(workspace)} == {"decided"}
    page.wait_for_selector("#desk:not([hidden]) .choice")
    page.keyboard.press("u")
    until(lambda: len(decided(workspace)) == 11)
    page.wait_for_selector("#desk:not([hidden]) .choice")
    page.keyboard.press("x")
    until(lambda: len(decided(workspace)) == 12)
    assert [row["outcome"] for row in decided(workspace)[10:]] == ["unsure", "unusable_photo"]
    page.wait_for_selector("[data-undo]:enabled")
    page.keyboard.press("z")
    until(lambda: len(decided(workspace)) == 13)
    page.wait_for_function("() => document.getElementById('notice').textContent.includes('Undone')")
    assert decided(workspace)[-1]["undoes"] == decided(workspace)[11]["decision_id"]
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    until(lambda: len(decided(workspace)) == 14)
    again, first = decided(workspace)[-1], decided(workspace)[11]
    assert (again["sku"], again["attribute"], again["outcome"]) == (first["sku"], first["attribute"], "decided")


def test_a_newcomer_curates_ten_corrects_a_family_retrains_and_sees_coverage_change(
    page: Any, workspace: Workspace
) -> None:
    def standing() -> dict[str, Any]:
        shown: dict[str, Any] = page.request.get(
            page.url.split("/", 3)[0] + f"//{page.url.split('/')[2]}/api/v1/overview"
        ).json()
        return shown

    before = standing()
    go(page, "/curate")
    link = page.locator("#notice:not([hidden]) a[href^='/family']")
    for answers in range(1, 30):
        page.wait_for_selector("#desk:not([hidden]) .choice")
        page.keyboard.press(
            "1" if answers < 10 else "2"
        )  # from the tenth on, until a correction speaks for others, too
        page.keyboard.press("Enter")
        until(lambda answers=answers: len(decided(workspace)) == answers)
        page.wait_for_timeout(500)
        if answers >= 10 and link.count():
            break
    corrected = decided(workspace)[-1]
    page.keyboard.press("f")
    page.wait_for_selector("#correct")
    assert f"sku={corrected['sku']}" in page.url and f"value={corrected['value']}" in page.url
    page.keyboard.press("ArrowRight")
    if not page.locator("#correct input:checked").count():
        page.keyboard.press("Space")
    spoken_for = page.locator("#correct input:checked").count()
    page.keyboard.press("a")
    until(lambda: len(decided(workspace)) == answers + spoken_for)
    page.wait_for_url("**/product?sku=*")
    page.wait_for_selector("#notice:not([hidden])")
    assert {row["value"] for row in decided(workspace)[answers:]} == {corrected["value"]}
    curated = standing()
    assert curated["decided"] == before["decided"] + answers + spoken_for
    go(page, "/jobs")
    page.locator("button[value=retrain]").press("Enter")
    page.wait_for_selector(".job .chip.published", timeout=300_000)
    said = page.locator(".job").first.inner_text()
    assert "New labels" in said or "new labels" in said
    go(page, "/")
    after = standing()
    assert after["decided"] == curated["decided"]
    shown = page.locator("main").inner_text()
    assert f"{after['decided']}" in shown
    assert (after["published"], after["waiting"]) != (before["published"], before["waiting"])


def test_a_page_of_the_grid_is_swept_and_undone_with_the_keyboard(page: Any, workspace: Workspace) -> None:
    table = schema.predictions
    query = sa.select(table.c.value).where(table.c.attribute == "color").group_by(table.c.value)
    value = workspace.catalog.read(query.order_by(sa.func.count().desc()).limit(1)).column("value")[0].as_py()
    go(page, f"/curate/grid?attribute=color&value={value}")
    page.wait_for_selector(".cells input")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert page.locator(".cells input:checked").count() == 1
    page.keyboard.press("a")
    until(lambda: len(decided(workspace)) > 1)
    outcomes = [row["outcome"] for row in decided(workspace)]
    assert outcomes.count("rejected") == 1 and outcomes.count("decided") == len(outcomes) - 1
    page.wait_for_selector("#notice:not([hidden])")
    page.keyboard.press("z")
    until(lambda: len(decided(workspace)) == 2 * len(outcomes))


def test_a_family_is_corrected_and_undone_as_one_from_the_page_that_follows(page: Any, workspace: Workspace) -> None:
    members = schema.members
    large = sa.select(members.c.family_id).group_by(members.c.family_id).having(sa.func.count() > 1).limit(1)
    sku = workspace.catalog.rows(sa.select(members.c.sku).where(members.c.family_id == large.scalar_subquery()))[0][
        "sku"
    ]
    go(page, f"/family?sku={sku}&attribute=color&value=brown")
    page.wait_for_selector(".dock button.main:enabled")
    for box in page.query_selector_all(".cells input:checked"):
        box.focus()
        page.keyboard.press("Space")
    assert page.locator(".dock button.main").is_disabled()
    page.keyboard.press("a")
    page.wait_for_selector("#notice:not([hidden])")
    assert "choose at least one" in page.locator("#notice").inner_text() and not decided(workspace)
    for box in page.query_selector_all(".cells input")[:2]:
        box.focus()
        page.keyboard.press("Space")
    page.keyboard.press("a")
    page.wait_for_url("**/product?*")
    page.wait_for_selector("#notice:not([hidden])")
    assert page.locator("#notice").inner_text() == "2 entered. Z undoes."
    assert [row["value"] for row in decided(workspace)] == ["brown", "brown"]
    page.keyboard.press("z")
    page.wait_for_url("**/family?*")
    page.wait_for_selector("#notice:not([hidden])")
    assert page.locator("#notice").inner_text() == "Undone."
    undone = {row["undoes"] for row in decided(workspace)[2:]}
    assert undone == {row["decision_id"] for row in decided(workspace)[:2]}
    go(page, f"/product?sku={sku}")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("z")
    page.wait_for_timeout(200)
    assert len(decided(workspace)) == 4 and not page.locator("#notice").is_visible()


def test_a_slow_network_loses_nothing_and_doubles_nothing(page: Any, workspace: Workspace) -> None:
    go(page, "/curate")
    page.wait_for_selector("#desk:not([hidden]) .choice")
    lost = {"left": 2}

    def drop(route: Any) -> None:
        lost["left"] -= 1
        if lost["left"] == 1:
            route.abort()  # never arrived
        elif lost["left"] == 0:
            route.fetch()  # arrived, its answer got lost
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/decisions", drop)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    until(lambda: lost["left"] == -1, page=page)
    until(lambda: len(decided(workspace)) == 1, page=page)


def test_questions_that_cannot_be_loaded_are_not_said_to_be_done(page: Any, workspace: Workspace) -> None:
    page.route("**/api/v1/queue/next", lambda route: route.abort())
    go(page, "/curate")
    page.wait_for_selector("#failed:not([hidden])")
    assert page.locator("#failed b").inner_text() and not page.locator("#empty").is_visible()
    page.keyboard.press("Enter")  # on "Try again", which has the focus
    page.wait_for_selector("#failed:not([hidden])")
    page.unroute("**/api/v1/queue/next")
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_selector("#desk:not([hidden]) .choice")
    assert not page.locator("#failed").is_visible()
    while queue.next_items(workspace.catalog, workspace.taxonomy, "other", attribute="color", count=20):
        pass
    go(page, "/curate?attribute=color")
    page.wait_for_selector("#elsewhere:not([hidden])")
    assert not page.locator("#failed").is_visible() and not page.locator("#empty").is_visible()
    with workspace.catalog.transaction() as connection:
        connection.execute(sa.update(schema.queue).where(schema.queue.c.attribute == "color").values(turn=None))
    go(page, "/curate?attribute=color")
    page.wait_for_selector("#empty:not([hidden])")
    assert not page.locator("#elsewhere").is_visible()


def test_what_was_typed_survives_an_answer_that_was_not_saved(page: Any, workspace: Workspace) -> None:
    go(page, "/curate")
    page.wait_for_selector("#desk:not([hidden]) .choice")
    sku = page.locator("[data-sku]").inner_text()
    asked = sku + page.locator("[data-legend]").inner_text()
    page.route("**/api/v1/decisions", lambda route: route.abort())
    page.fill("[name=comment]", "worn sole")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    asking = "document.querySelector('[data-sku]').innerText + document.querySelector('[data-legend]').innerText"
    page.wait_for_function(f"asked => {asking} !== asked", arg=asked)
    page.fill("[name=comment]", "of the next one")
    page.wait_for_selector("#notice:not([hidden])")
    assert sku + page.locator("[data-legend]").inner_text() == asked
    assert page.input_value("[name=comment]") == "worn sole"
    page.unroute("**/api/v1/decisions")
    page.locator("[name=value]:checked").focus()
    page.keyboard.press("Enter")
    until(lambda: len(decided(workspace)) == 1)
    assert (decided(workspace)[0]["sku"], decided(workspace)[0]["comment"]) == (sku, "worn sole")
    page.wait_for_function("() => document.querySelector('[name=comment]').value === 'of the next one'")


def test_on_a_phone_photo_choices_and_answers_stand_in_one_view(page: Any, workspace: Workspace) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    go(page, "/curate")
    for number in range(3):
        page.wait_for_selector("#desk:not([hidden]) .choice")
        dock = page.locator(".actions").bounding_box()["y"]
        for seen in (".zoom", ".choice:nth-child(1)", ".choice:nth-child(2)"):
            box = page.locator(seen).bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= dock, (seen, box, dock)
        confirm = page.locator("#answer button.main").bounding_box()
        assert confirm["y"] >= dock and confirm["y"] + confirm["height"] <= 740
        page.locator(".choice:last-child").scroll_into_view_if_needed()
        page.locator(".choice:last-child").click()
        page.locator("#answer button.main").click()
        until(lambda number=number: len(decided(workspace)) == number + 1)


def test_what_fails_is_said_in_the_readers_language(page: Any, workspace: Workspace) -> None:
    words = speak("pt").words
    set_language(workspace.catalog, LOCAL, "pt")
    page.route("**/api/v1/queue/next", lambda route: route.abort())
    go(page, "/curate")
    page.wait_for_selector("#failed:not([hidden])")
    assert page.locator("#failed b").inner_text() == words["shell.lost"]
    page.unroute("**/api/v1/queue/next")
    page.route("**/api/v1/queue/next", lambda route: route.fulfill(status=502, body="<html>Bad gateway</html>"))
    page.locator("#failed button").click()
    page.wait_for_function("said => document.querySelector('#failed b').innerText === said", arg=words["shell.unclear"])
    page.unroute("**/api/v1/queue/next")
    page.locator("#failed button").click()
    page.wait_for_selector("#desk:not([hidden]) .choice")
    with workspace.catalog.transaction() as connection:
        connection.execute(sa.delete(schema.sessions))
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#notice:not([hidden]) a")
    assert str(words["shell.session_over"]) in page.locator("#notice").inner_text()
    assert page.locator("#notice a").get_attribute("href") == "/login?back=%2Fcurate"


def test_the_photo_zooms_and_typing_is_not_taken_for_keys(page: Any, workspace: Workspace) -> None:
    go(page, "/curate")
    page.wait_for_selector("#desk:not([hidden]) .choice")
    page.keyboard.press("+")
    assert page.get_attribute(".zoom", "aria-pressed") == "true"
    page.keyboard.press("c")
    page.keyboard.type("unusual sole 12 zx")
    assert page.input_value("[name=comment]") == "unusual sole 12 zx"
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    until(lambda: len(decided(workspace)) == 1)
    assert decided(workspace)[0]["comment"] == "unusual sole 12 zx"


def test_skipping_goes_on_to_what_was_not_shown_yet(page: Any) -> None:
    go(page, "/curate?attribute=color")
    shown: list[str] = []
    for _ in range(6):
        page.wait_for_function(
            "last => document.querySelector('[data-sku]').textContent !== last", arg=(shown or [""])[-1]
        )
        shown.append(page.inner_text("[data-sku]"))
        page.keyboard.press("s")
    assert len(set(shown)) == 6


PATHS = [
    "/",
    "/catalog",
    "/catalog?attribute=color",
    "/catalog?q=nothingfits",
    "/curate",
    "/curate/grid",
    "/curate/grid?attribute=color",
    "/curate/grid?attribute=color&value=black",
    "/curate/agreement",
    "/look-alikes",
    "/values?attribute=heel",
    "/models",
    "/zoo",
    "/market",
    "/market/at-risk",
    "/market/routes",
    "/market/segments",
    "/market/champions",
    "/market/drift",
    "/jobs",
    "/status",
    "/receipts",
    "/login",
    "/nothing",
]


@contextmanager
def slow_line(port: int) -> Iterator[int]:
    """A port from which what the server of `port` says comes in small pieces."""

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause: float) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1_500):
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(pause)
        writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server, asked = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(passed(reader, asked, 0), passed(server, writer, 0.02))

    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()

    async def listen() -> None:
        over = asyncio.Event()
        listener = await asyncio.start_server(meet, "127.0.0.1", 0)
        ready.set_result((asyncio.get_running_loop(), over, listener.sockets[0].getsockname()[1]))
        await over.wait()
        listener.close()

    thread = threading.Thread(target=lambda: asyncio.run(listen()))
    thread.start()
    loop, over, slow = ready.result()
    try:
        yield slow
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=10)


# how far what stands on a page has moved since it was opened
SHIFT = """() => new Promise(done => {
    let sum = 0;
    new PerformanceObserver(list => { for (const e of list.getEntries()) sum += e.value; })
        .observe({type: 'layout-shift', buffered: true});
    setTimeout(() => done(sum), 100);
})"""


@pytest.mark.parametrize(
    ("width", "height", "scheme", "language"),
    [(360, 740, "light", "en"), pytest.param(1280, 900, "dark", "pt", marks=pytest.mark.slow)],
)
def test_every_page_is_clean_for_axe_fits_the_screen_and_does_not_jump(
    browser: Any, desk: str, workspace: Workspace, width: int, height: int, scheme: str, language: str
) -> None:
    draw_market(workspace, [f"{n:02d}{'a' * 30}" for n in range(60)])
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(desk)
    set_language(workspace.catalog, LOCAL, language)
    sku = page.request.get(page.url + "api/v1/products?limit=1").json()["cards"][0]["sku"]
    model = champion_of(workspace.catalog)
    for path in [
        *PATHS,
        f"/product?sku={sku}",
        f"/family?sku={sku}&attribute=color&value=black",
        f"/look-alikes?sku={sku}",
        f"/models/compare?left={model}&right={model}",
    ]:
        go(page, path)
        page.wait_for_load_state("networkidle")
        shown = f"{path} ({width} px, {scheme}, {language})"
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) <= 0, f"{shown} is wider than the screen"
        shift = page.evaluate(SHIFT)
        assert shift < 0.01, f"{shown} jumps by {shift:.3f}"
        result = axe.Axe().run(page)
        assert result.violations_count == 0, f"{shown}: {result.generate_report()}"
    context.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_moves_while_a_page_comes_over_a_slow_line(
    browser: Any, desk: str, workspace: Workspace, width: int
) -> None:
    draw_market(workspace, [f"{n:02d}{'a' * 30}" for n in range(60)])
    port = urlsplit(desk).port
    assert port
    with slow_line(port) as slow:
        context = browser.new_context(viewport={"width": width, "height": 900})
        page = context.new_page()
        page.goto(desk.replace(str(port), str(slow)))
        sku = page.request.get(page.url + "api/v1/products?limit=1").json()["cards"][0]["sku"]
        for path in ("/", "/catalog?attribute=color", f"/product?sku={sku}", "/market/at-risk", "/models"):
            go(page, path)
            page.wait_for_load_state("networkidle")
            shift = page.evaluate(SHIFT)
            assert shift < 0.01, f"{path} ({width} px) jumps by {shift:.3f}"
        context.close()


def test_a_photo_is_chosen_or_pasted_steered_and_searched_again(page: Any, workspace: Workspace) -> None:
    links = schema.product_photos
    shown = workspace.catalog.rows(sa.select(links.c.photo_id, links.c.sku).order_by(links.c.sku).limit(40))
    first, second = (workspace.photos.get(blob_key(shown[n]["photo_id"], workspace.cleaning)) for n in (9, 30))
    go(page, "/look-alikes")
    page.set_input_files("#photo", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": first})
    page.wait_for_selector(".alike li")
    found = page.locator(".alike .title").all_inner_texts()
    assert page.locator(".preview").is_visible() and len(found) == 24
    if not page.locator(".steering").evaluate("element => element.open"):
        page.locator(".steering summary").click()
    page.select_option("select:has(option[value='change:color=red'])", "change:color=red")
    page.wait_for_function("before => document.querySelector('.alike .title')?.innerText !== before", arg=found[0])
    page.wait_for_selector("#found[aria-busy=false]")
    page.evaluate(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "b.jpg", {type: "image/jpeg"}));
            document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
        }""",
        list(second),
    )
    page.wait_for_selector("#found[aria-busy=true]", state="attached")
    page.wait_for_selector("#found[aria-busy=false]")
    page.route("**/look-alikes", lambda route: route.abort())
    page.select_option("select:has(option[value='change:color=red'])", "keep:color")
    page.wait_for_selector("#found .problem")
    assert "Try again" in page.locator("#found .problem").inner_text()


def test_examples_stand_beside_the_values_and_look_alikes_follow_the_product(page: Any, workspace: Workspace) -> None:
    go(page, "/curate?attribute=heel")
    page.wait_for_selector(".choice .like img")
    asked = page.locator("[data-sku]").inner_text()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.choice .like img')].some((one) => one.naturalWidth > 0)"
    )
    href = page.locator("[data-values]").get_attribute("href")
    go(page, href)
    assert page.locator(".guide > li").count() == len(workspace.taxonomy.attributes["heel"].values)
    assert page.locator(f"a[href='/product?sku={asked}']").count() == 0
    go(page, f"/product?sku={asked}")
    page.wait_for_selector("[data-strip] ul li")
    assert page.locator("[data-strip] ul li").count() == 8


def test_the_scripts_stay_small() -> None:
    from vitrine.web.render import STATIC, asset_bytes

    assert sum(len(asset_bytes(name)) for name in STATIC if name.endswith(".js")) < 50_000
