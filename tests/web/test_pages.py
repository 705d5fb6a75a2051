"""What the reading pages show, that their JSON twins say the same, and that hostile words stay words."""

import re
from html import unescape

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from visitors import PAGE, Visitor

from vitrine.records import Product, now
from vitrine.stores import schema
from vitrine.web.people import set_language

HOSTILE = "<script>alert(1)</script>\"'\u202e\u2066 {{7*7}} \x00".replace("\x00", "")


def first_sku(client: TestClient) -> str:
    return str(client.get("/api/v1/products", params={"limit": 1}).json()["cards"][0]["sku"])


def test_the_counts_of_the_overview_add_up(app: FastAPI, viewer: Visitor) -> None:
    overview = viewer.get("/api/v1/overview").json()
    workspace = app.state.workspace
    counts = {name: overview[name] for name in ("published", "decided", "labelled", "waiting", "aside")}
    assert sum(counts.values()) == workspace.catalog.count(schema.predictions) > 1_000
    assert counts["waiting"] == workspace.catalog.count(sa.select(schema.queue).where(schema.queue.c.turn.is_not(None)))
    assert counts["waiting"] > 500 and counts["labelled"] > 500 and not counts["decided"]
    assert [one["attribute"] for one in overview["coverage"]] == list(workspace.taxonomy.attributes)
    assert "Color" in viewer.get("/", headers=PAGE).text


def test_the_catalog_counts_the_same_standings_as_the_overview(viewer: Visitor) -> None:
    for one in viewer.get("/api/v1/overview").json()["coverage"]:
        for standing in ("published", "decided", "labelled", "waiting", "aside"):
            filters = {"attribute": one["attribute"], "standing": standing, "limit": 1}
            assert viewer.get("/api/v1/products", params=filters).json()["found"] == one[standing], (one, standing)


@pytest.mark.parametrize(
    "filters",
    [{}, {"attribute": "color"}, {"attribute": "color", "at_most": 0.9}, {"standing": "waiting"}, {"q": "a"}],
    ids=str,
)
def test_pages_by_key_show_every_product_once(viewer: Visitor, filters: dict[str, str]) -> None:
    seen: list[str] = []
    after: dict[str, object] = {}
    while True:
        page = viewer.get("/api/v1/products", params={**filters, **after, "limit": 37}).json()
        seen += [card["sku"] for card in page["cards"]]
        if page["next_after"] is None:
            break
        after = {"after": page["next_after"], "after_confidence": page["next_confidence"]}
        after = {key: value for key, value in after.items() if value is not None}
    assert len(seen) == len(set(seen)) == page["found"] > 37


def test_the_whole_catalog_is_counted_to_the_last_product(app: FastAPI, viewer: Visitor) -> None:
    catalog = app.state.workspace.catalog
    before = catalog.count(schema.products)
    new = [Product(f"NEW{number:05d}", None, None, None, None, None, now()) for number in range(1_100)]
    catalog.add(schema.products, new)
    page = viewer.get("/api/v1/products").json()
    assert (page["found"], page["more_than"]) == (before + 1_100, False)
    page = viewer.get("/api/v1/products", params={"q": "new"}).json()
    assert (page["found"], page["more_than"]) == (1_000, True)


def test_filters_show_what_fits_and_nothing_else(viewer: Visitor) -> None:
    page = viewer.get("/api/v1/products", params={"attribute": "color", "value": "black", "at_least": 0.5}).json()
    assert page["cards"]
    assert all(card["value"] == "black" and card["confidence"] >= 0.5 for card in page["cards"])
    confidences = [card["confidence"] for card in page["cards"]]
    assert confidences == sorted(confidences), "the most doubtful come first"
    sku = page["cards"][0]["sku"]
    assert [card["sku"] for card in viewer.get("/api/v1/products", params={"q": sku.lower()}).json()["cards"]] == [sku]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("attribute=nothing", 400),
        ("at_least=2", 422),
        ("at_least=nan", 422),
        ("at_most=x", 422),
        ("standing=x", 422),
        ("limit=100000", 422),
        ("unknown=1", 422),
        ("q=%25_%5C", 200),
        ("after=%27%3B--", 200),
        ("attribute=color&after=x&after_confidence=0.5", 200),
        ("q=%00", 422),
    ],
)
def test_filters_that_make_no_sense_get_a_clear_answer(viewer: Visitor, query: str, status: int) -> None:
    answer = viewer.get(f"/api/v1/products?{query}")
    assert answer.status_code == status, answer.text
    if status != 200:
        assert set(answer.json()) == {"error", "message", "hint"}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/nothing", 404, "não existe a página /nothing"),
        ("/catalog?at_least=2", 422, "query.at_least: '2' não pode ser usado (deve ser no máximo 1)"),
        ("/catalog?at_least=x", 422, "query.at_least: 'x' não pode ser usado (deve ser um número)"),
        ("/catalog?limit=1.5", 422, "query.limit: '1.5' não pode ser usado (deve ser um número inteiro)"),
        ("/catalog?new=1", 422, "query.new: '1' não pode ser usado (não é conhecido aqui)"),
        ("/product", 422, "query.sku: não pode ser usado (falta)"),
        ("/product?sku=", 422, "query.sku: '' não pode ser usado (curto demais: no mínimo 1)"),
        ("/look-alikes?count=13", 422, "query.count: '13' não pode ser usado (deve ser um destes: 12, 24, 48, 96)"),
    ],
)
def test_what_cannot_be_used_is_said_in_the_readers_language(
    app: FastAPI, viewer: Visitor, path: str, status: int, said: str
) -> None:
    set_language(app.state.workspace.catalog, "viewer", "pt")
    answer = viewer.get(path, headers=PAGE)
    assert (answer.status_code, said in unescape(answer.text)) == (status, True), answer.text


def test_a_body_that_is_too_large_or_no_json_is_answered_in_the_readers_language(
    app: FastAPI, curator: Visitor
) -> None:
    set_language(app.state.workspace.catalog, "curator", "pt")
    large = curator.post("/api/v1/decisions", content=b"x" * 1_100_000, headers={"content-type": "application/json"})
    assert large.status_code == 413 and "1\u202f000\u202f000 bytes" in large.json()["message"], large.text
    assert "passa dos" in large.json()["message"]
    few = curator.post("/api/v1/decisions", json={"batch_id": "b1234567", "answers": []})
    assert few.status_code == 422 and "curto demais: no mínimo 1" in few.json()["message"]


def test_the_product_page_says_who_said_what(app: FastAPI, viewer: Visitor) -> None:
    sku = first_sku(viewer)
    page = viewer.get("/api/v1/product", params={"sku": sku}).json()
    assert {one["attribute"] for one in page["answers"]} >= set(app.state.workspace.taxonomy.attributes)
    by_standing = {one["standing"]: one for one in page["answers"]}
    catalog = app.state.workspace.catalog
    said = catalog.rows(sa.select(schema.labels).where(schema.labels.c.sku == sku))
    moments = {row["attribute"]: row["recorded_at"].isoformat() for row in said}
    assert "labelled" in by_standing and {"published", "waiting"} & set(by_standing)
    for one in page["answers"]:
        assert 0 <= one["confidence"] <= 1
        if one["standing"] == "labelled":
            assert one["by"] == "table" and one["at"] == moments[one["attribute"]].replace("+00:00", "Z")
        else:
            assert one["by"].startswith("md-")
    html = viewer.get("/product", params={"sku": sku}, headers=PAGE).text
    assert sku in html and page["photos"][0]["photo_id"] in html


def test_hostile_words_stay_words(app: FastAPI, viewer: Visitor) -> None:
    sku = first_sku(viewer)
    table = schema.products
    hostile = {"name": HOSTILE, "description": HOSTILE, "brand": HOSTILE}
    with app.state.workspace.catalog.transaction() as connection:
        connection.execute(sa.update(table).where(table.c.sku == sku).values(**hostile))
    for path in (f"/product?sku={sku}", "/catalog?limit=5", "/catalog?q=%3Cscript%3Ealert(9)%3C/script%3E"):
        html = viewer.get(path, headers=PAGE).text
        assert "<script>alert" not in html
        assert "49" not in re.sub(r"[0-9a-f]{16,}|F\d+", "", html.partition("<main")[2].partition("alert")[2][:60])
    assert "<bdi>&lt;script&gt;" in viewer.get("/catalog?limit=5", headers=PAGE).text, "marks of direction stay inside"


@pytest.mark.parametrize("sku", ["../../etc/passwd", "..", "", "x" * 5000, "%00", "<b>", "' or 1=1 --"])
def test_a_sku_that_is_not_there_is_not_there(viewer: Visitor, sku: str) -> None:
    answer = viewer.get("/api/v1/product", params={"sku": sku})
    assert answer.status_code in (404, 422)
    assert set(answer.json()) == {"error", "message", "hint"}
    assert viewer.get("/product", params={"sku": sku}, headers=PAGE).status_code in (404, 422)


def test_photos_are_encoded_anew_and_kept_by_browsers(viewer: Visitor) -> None:
    photo_id = viewer.get("/api/v1/product", params={"sku": first_sku(viewer)}).json()["photos"][0]["photo_id"]
    answer = viewer.get(f"/photos/{photo_id}/160")
    assert answer.headers["content-type"] == "image/jpeg" and "immutable" in answer.headers["cache-control"]
    assert b"Exif" not in answer.content and len(answer.content) < 30_000
    assert viewer.get(f"/photos/{photo_id}/161").status_code == 404
    for path in ("/photos/..%2f..%2fcatalog.sqlite/160", "/photos/nothing/160", f"/photos/{photo_id}/x"):
        assert viewer.get(path).status_code in (404, 422)


def test_no_page_runs_a_script_of_others_and_none_is_kept(viewer: Visitor) -> None:
    for path in ("/", "/catalog", "/models", "/login", "/api/v1/overview", "/nothing"):
        headers = viewer.get(path, headers=PAGE).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
    html = viewer.get("/catalog", headers=PAGE).text
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*src=)|javascript:|https?://", html)


def test_static_files_are_only_those_of_the_package(nobody: TestClient) -> None:
    assert nobody.get("/static/x/desk.css").status_code == 200
    for name in ("..%2fapp.py", "app.py", "../templates/base.html", "%2e%2e/app.py"):
        assert nobody.get(f"/static/x/{name}").status_code in (401, 404)


def test_models_show_their_scores_and_the_history(viewer: Visitor) -> None:
    models = viewer.get("/api/v1/models").json()
    assert models["champion"] == models["models"][0]["model_id"] and not models["can_roll_back"]
    assert models["history"][0]["action"] == "promoted"
    assert models["champion"] in viewer.get("/models", headers=PAGE).text
    assert viewer.get("/models/compare?left=nothing&right=x", headers=PAGE).status_code == 404
    both = {"left": models["champion"], "right": models["champion"]}
    assert "not evaluated" in viewer.get("/api/v1/models/compare", params=both).json()["refused"]
    assert viewer.get("/models/scorecard?model_id=../../x").status_code == 404


def test_the_server_says_how_it_is(nobody: TestClient, viewer: Visitor) -> None:
    assert nobody.get("/healthz").json()["status"] == "ok"
    viewer.get("/catalog", headers=PAGE)
    text = viewer.get("/metrics").text
    assert 'vitrine_http_requests_total{method="GET",route="/catalog",status="200"} 1.0' in text


def test_an_oversized_body_is_refused(viewer: Visitor) -> None:
    answer = viewer.post("/language", data={"language": "x" * 2_000_000})
    assert answer.status_code == 413 and set(answer.json()) == {"error", "message", "hint"}


def test_failures_have_one_shape_for_programs_and_a_page_for_people(viewer: Visitor) -> None:
    for path in ("/api/v1/nothing", "/api/v1/product"):
        assert set(viewer.get(path).json()) == {"error", "message", "hint"}
    assert viewer.post("/api/v1/overview").status_code == 405
    html = viewer.get("/nothing", headers=PAGE)
    assert html.status_code == 404 and "<h1>" in html.text


def test_the_zoo_shows_every_published_network_with_its_classes(viewer: Visitor) -> None:
    page = viewer.get("/api/v1/zoo").json()
    assert page["entries"], "results come with the product"
    accuracies = [one["summary"]["accuracy"] for one in page["entries"]]
    assert accuracies == sorted(accuracies, reverse=True)
    html = viewer.get("/zoo", headers=PAGE).text
    for one in page["entries"]:
        right = sum(one["confusion"][k][k] for k in range(10))
        assert sum(map(sum, one["confusion"])) == 10_000 and right > 1_000
        assert f'id="{one["summary"]["entry"]}"' in html and one["weights_sha256"][:12] in html
