"""Who may do what: every route with every role, sessions, tokens, the one-time link, forged requests, guessed passwords."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from visitors import PAGE, ROLES, Visitor, visitor

from vitrine.records import now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.web.app import create_app
from vitrine.web.auth import Access, Attempts
from vitrine.web.people import (
    add_person,
    begin_session,
    check_password,
    issue_token,
    set_active,
    set_password,
)
from vitrine.workspace import Workspace

# the least role of every route; a route that is not here fails the test
LEAST: dict[tuple[str, str], str | None] = {
    ("GET", "/static/{version}/{name}"): None,
    ("GET", "/healthz"): None,
    ("GET", "/open"): None,
    ("GET", "/login"): None,
    ("POST", "/login"): None,
    ("POST", "/logout"): "viewer",
    ("POST", "/language"): "viewer",
    ("GET", "/metrics"): "viewer",
    ("GET", "/photos/{photo_id}/{width}"): "viewer",
    ("GET", "/api/v1/openapi.json"): "viewer",
    ("GET", "/"): "viewer",
    ("GET", "/catalog"): "viewer",
    ("GET", "/product"): "viewer",
    ("GET", "/values"): "viewer",
    ("GET", "/api/v1/values"): "viewer",
    ("GET", "/look-alikes/strip"): "viewer",
    ("GET", "/models"): "viewer",
    ("GET", "/zoo"): "viewer",
    ("GET", "/api/v1/zoo"): "viewer",
    ("GET", "/models/compare"): "viewer",
    ("GET", "/models/scorecard"): "viewer",
    ("GET", "/api/v1/overview"): "viewer",
    ("GET", "/api/v1/products"): "viewer",
    ("GET", "/api/v1/product"): "viewer",
    ("GET", "/api/v1/models"): "viewer",
    ("GET", "/api/v1/models/compare"): "viewer",
    ("GET", "/curate"): "curator",
    ("GET", "/curate/grid"): "curator",
    ("GET", "/family"): "curator",
    ("GET", "/jobs"): "viewer",
    ("POST", "/jobs"): "admin",
    ("GET", "/api/v1/queue"): "viewer",
    ("POST", "/api/v1/queue/next"): "curator",
    ("POST", "/api/v1/queue/release"): "curator",
    ("POST", "/api/v1/decisions"): "curator",
    ("POST", "/api/v1/undo"): "curator",
    ("GET", "/api/v1/grid"): "viewer",
    ("POST", "/api/v1/grid"): "curator",
    ("GET", "/curate/agreement"): "viewer",
    ("GET", "/api/v1/agreement"): "viewer",
    ("GET", "/api/v1/family"): "viewer",
    ("POST", "/api/v1/family"): "curator",
    ("GET", "/api/v1/jobs"): "viewer",
    ("GET", "/api/v1/jobs/{job_id}"): "viewer",
    ("POST", "/api/v1/jobs"): "admin",
    ("POST", "/api/v1/classify"): "viewer",
    ("GET", "/api/v1/products/{sku:path}/similar"): "viewer",
    ("POST", "/api/v1/search"): "viewer",
    ("GET", "/look-alikes"): "viewer",
    ("POST", "/look-alikes"): "viewer",
    ("GET", "/market"): "viewer",
    ("GET", "/api/v1/market"): "viewer",
    ("GET", "/market/at-risk"): "viewer",
    ("GET", "/market/routes"): "viewer",
    ("GET", "/market/segments"): "viewer",
    ("GET", "/market/champions"): "viewer",
    ("GET", "/market/drift"): "viewer",
    ("GET", "/api/v1/market/at-risk"): "viewer",
    ("GET", "/api/v1/market/at-risk/export"): "viewer",
    ("GET", "/api/v1/market/routes"): "viewer",
    ("GET", "/api/v1/market/segments"): "viewer",
    ("GET", "/api/v1/market/champions"): "viewer",
    ("GET", "/api/v1/market/drift"): "viewer",
    ("GET", "/status"): "viewer",
    ("GET", "/api/v1/status"): "viewer",
    ("GET", "/receive"): "curator",
    ("GET", "/receipts"): "viewer",
    ("POST", "/receipts"): "curator",
    ("POST", "/api/v1/orders"): "curator",
    ("GET", "/api/v1/order-lines"): "viewer",
    ("GET", "/api/v1/receipts"): "viewer",
    ("POST", "/api/v1/receipts"): "curator",
    ("POST", "/api/v1/receipts/{receipt_id}/handling"): "curator",
    ("GET", "/api/v1/receipts/counts"): "viewer",
    ("GET", "/api/v1/receipts/kept"): "viewer",
    ("GET", "/api/v1/receipts/export"): "viewer",
}


def routes(app: FastAPI) -> list[tuple[str, str]]:
    found = {(method, route.path) for route in walk(app.routes) for method in route.methods - {"HEAD"}}
    assert len(found) > 15
    return sorted(found)


def walk(entries: Iterable[Any]) -> Iterator[Any]:
    """All routes, also those of included routers, which newer FastAPI keeps nested."""
    for entry in entries:
        if hasattr(entry, "effective_candidates"):
            yield from walk(entry.effective_candidates())
        else:
            yield entry


def status_of(client: TestClient, method: str, path: str) -> int:
    shown = path.replace("{sku:path}", "x").format(
        version="x", name="x", photo_id="x", width=160, job_id="x", batch_id="x" * 12, receipt_id="x" * 12
    )
    return client.request(method, shown).status_code


def test_every_route_has_a_least_role_and_refuses_less(app: FastAPI, nobody: TestClient) -> None:
    assert set(routes(app)) == set(LEAST)
    clients = {role: visitor(app, role) for role in ROLES}
    for (method, path), least in LEAST.items():
        if least is None or path == "/logout":
            continue
        assert status_of(nobody, method, path) == 401, f"{method} {path} for nobody"
        for role, client in clients.items():
            status = status_of(client, method, path)
            refused = ROLES.index(role) < ROLES.index(least)
            assert (status == 403) == refused, f"{method} {path} for {role}: {status}"
            assert status < 500, f"{method} {path} for {role}: {status}"


def test_a_change_without_the_forgery_token_is_refused(viewer: Visitor) -> None:
    del viewer.headers["x-forgery-token"]
    assert viewer.post("/language", data={"language": "pt"}).status_code == 403
    assert viewer.post("/language", data={"language": "pt", "forgery": "0" * 64}).status_code == 403
    assert viewer.post("/language", data={"language": "pt", "forgery": viewer.forgery}).status_code == 303
    assert 'lang="pt"' in viewer.get("/", headers=PAGE).text


def test_a_change_that_another_site_asks_for_is_refused(viewer: Visitor, nobody: TestClient) -> None:
    cross = {"sec-fetch-site": "cross-site"}
    assert viewer.post("/language", data={"language": "pt"}, headers=cross).status_code == 403
    evil = {"origin": "https://evil.example"}
    assert viewer.post("/language", data={"language": "pt"}, headers=evil).status_code == 403
    assert nobody.post("/login", data={"name": "x", "password": "y"}, headers=evil).status_code == 403


def test_the_language_form_never_leads_to_another_site(viewer: Visitor) -> None:
    for back in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = viewer.post("/language", data={"language": "es", "back": back})
        assert answer.headers["location"] == "/"


def test_the_link_opens_once_and_only_once(workspace: Workspace) -> None:
    access = Access(by_link=True)
    app = create_app(workspace, access)
    here = TestClient(app, base_url="http://127.0.0.1:8300", follow_redirects=False)
    assert here.get("/open", params={"token": "guessed"}).status_code == 403
    assert here.get("/open", params={"token": access.link}).status_code == 303
    assert here.get("/api/v1/overview").status_code == 200
    other = TestClient(app, base_url="http://127.0.0.1:8300", follow_redirects=False)
    assert other.get("/open", params={"token": access.link}).status_code == 403
    assert other.get("/api/v1/overview").status_code == 401
    assert here.get("/open", params={"token": access.link}).status_code == 303, "who is in stays in"


def test_the_local_session_is_worth_nothing_over_the_network(workspace: Workspace) -> None:
    local = create_app(workspace, access := Access(by_link=True))
    here = TestClient(local, base_url="http://localhost", follow_redirects=False)
    here.get("/open", params={"token": access.link})
    cookie = here.cookies[access.cookie]
    open_to_all = TestClient(create_app(workspace, Access(by_link=False)))
    open_to_all.cookies.set("vitrine", cookie)
    assert open_to_all.get("/api/v1/overview").status_code == 401


def test_a_name_that_points_at_this_machine_is_not_served(workspace: Workspace) -> None:
    rebound = TestClient(create_app(workspace, Access(by_link=True)), base_url="http://evil.example")
    assert rebound.get("/healthz").status_code == 400


def test_signing_in_and_out(app: FastAPI, nobody: TestClient) -> None:
    answer = nobody.post("/login", data={"name": "curator", "password": "a long enough password"})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
    assert nobody.get("/", headers=PAGE).status_code == 200
    forgery = nobody.get("/", headers=PAGE).text.split('name="forgery" content="')[1][:64]
    assert nobody.post("/logout", data={"forgery": forgery}).status_code == 303
    assert nobody.get("/api/v1/overview").status_code == 401


def test_over_tls_the_cookie_stays_on_tls(app: FastAPI) -> None:
    behind = TestClient(app, base_url="https://desk.example", follow_redirects=False)
    answer = behind.post("/login", data={"name": "curator", "password": "a long enough password"})
    assert "Secure" in answer.headers["set-cookie"]


def test_whoever_is_not_signed_in_is_shown_where(nobody: TestClient) -> None:
    answer = nobody.get("/catalog", headers=PAGE)
    assert answer.status_code == 303 and answer.headers["location"] == "/login?back=%2Fcatalog"
    assert nobody.get("/api/v1/products").json()["error"] == "not-signed-in"


def test_whoever_signs_in_comes_back_to_the_page_they_asked_for(nobody: TestClient) -> None:
    asked = nobody.get("/curate?attribute=color", headers=PAGE)
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?back=%2Fcurate%3Fattribute%3Dcolor")
    assert 'name="back" value="/curate?attribute=color"' in nobody.get(asked.headers["location"], headers=PAGE).text
    right = {"name": "curator", "password": "a long enough password"}
    for back, place in {
        "/curate?attribute=color": "/curate?attribute=color",
        "//evil.example": "/",
        "/\\evil.example": "/",
        "https://evil.example": "/",
    }.items():
        assert nobody.post("/login", data={**right, "back": back}).headers["location"] == place


def test_guessing_a_password_is_slowed_down(nobody: TestClient) -> None:
    for _ in range(5):
        assert nobody.post("/login", data={"name": "admin", "password": "guess"}, headers=PAGE).status_code == 401
    right = {"name": "admin", "password": "a long enough password"}
    assert nobody.post("/login", data=right, headers=PAGE).status_code == 429
    assert nobody.post("/login", data={**right, "name": "viewer"}).status_code == 303, "others may come in"


def test_attempts_count_in_all_processes_and_are_forgotten_after_the_window(catalog_url: str) -> None:
    moment = [now()]
    minute = timedelta(minutes=1)
    here, there = (Attempts(Catalog(catalog_url), "name", 2, minute, clock=lambda: moment[0]) for _ in range(2))
    here.fail("a")
    there.fail("a")
    assert here.wait("a") == there.wait("a") == 60
    assert here.wait("b") == 0
    there.forget("a")
    assert here.wait("a") == 0
    here.fail("a")
    here.fail("a")
    moment[0] += timedelta(seconds=61)
    assert there.wait("a") == 0
    here.fail("b")
    assert Catalog(catalog_url).count(schema.failed_attempts) == 1, "what no longer counts is not kept"


def test_an_expired_session_is_over(app: FastAPI, viewer: Visitor) -> None:
    table = schema.sessions
    with app.state.workspace.catalog.transaction() as connection:
        connection.execute(sa.update(table).values(expires_at=now() - timedelta(seconds=1)))
    assert viewer.get("/api/v1/overview").status_code == 401


def test_whoever_is_shut_out_is_out_at_once(app: FastAPI, curator: Visitor) -> None:
    catalog = app.state.workspace.catalog
    token = issue_token(catalog, "curator", name="", scope="curate", days=None)
    assert curator.get("/api/v1/overview").status_code == 200
    set_active(catalog, "curator", False)
    assert curator.get("/api/v1/overview").status_code == 401
    bearer = TestClient(app, headers={"authorization": f"Bearer {token}"})
    assert bearer.get("/api/v1/overview").status_code == 401
    assert check_password(catalog, "curator", "a long enough password") is None


def test_another_password_ends_open_sessions(app: FastAPI, curator: Visitor) -> None:
    set_password(app.state.workspace.catalog, "curator", "another long password")
    assert curator.get("/api/v1/overview").status_code == 401


@pytest.mark.parametrize(("scope", "owner", "status"), [("read", "admin", 403), ("manage", "viewer", 403)])
def test_a_token_gives_no_more_than_its_scope_and_its_owner(app: FastAPI, scope: str, owner: str, status: int) -> None:
    catalog = app.state.workspace.catalog
    token = issue_token(catalog, owner, name="", scope=scope, days=1)
    bearer = TestClient(app, headers={"authorization": f"Bearer {token}"}, raise_server_exceptions=False)
    assert bearer.get("/api/v1/overview").status_code == 200
    manage = next((m, p) for (m, p), least in LEAST.items() if least == "admin")
    assert status_of(bearer, *manage) == status


def test_an_expired_token_is_over(app: FastAPI) -> None:
    catalog = app.state.workspace.catalog
    token = issue_token(catalog, "viewer", name="", scope="read", days=1)
    with catalog.transaction() as connection:
        connection.execute(sa.update(schema.tokens).values(expires_at=now() - timedelta(seconds=1)))
    assert TestClient(app, headers={"authorization": f"Bearer {token}"}).get("/api/v1/overview").status_code == 401


def test_no_secret_is_kept_as_it_is(app: FastAPI) -> None:
    catalog = app.state.workspace.catalog
    secret = begin_session(catalog, add_person(catalog, "eva", "eva's own password", role="viewer"))
    token = issue_token(catalog, "eva", name="", scope="read", days=1)
    kept = str([catalog.rows(table) for table in (schema.people, schema.sessions, schema.tokens)])
    assert secret not in kept and token not in kept and "eva's own password" not in kept
