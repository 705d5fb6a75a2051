"""Look-alikes over HTTP: as JSON and as the page, by product and by photo, filtered and steered, with clear refusals."""

from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from visitors import PAGE, Visitor

from vitrine.intake.ingest import blob_key
from vitrine.stores import schema
from vitrine.web import finding
from vitrine.web.people import set_language
from vitrine.workspace import Workspace


@pytest.fixture
def sku(workspace: Workspace) -> str:
    return str(workspace.products().column("sku")[4].as_py())


@pytest.fixture
def photo(workspace: Workspace, sku: str) -> bytes:
    links = schema.product_photos
    query = sa.select(links.c.photo_id).where(links.c.sku == sku).limit(1)
    photo_id = workspace.catalog.read(query).column("photo_id")[0].as_py()
    return workspace.photos.get(blob_key(photo_id, workspace.cleaning))


def similar(client: TestClient, sku: str, **parameters: Any) -> dict[str, Any]:
    answer = client.get(f"/api/v1/products/{sku}/similar", params=parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_product_has_look_alikes_with_price_probability_and_reasons(viewer: Visitor, sku: str) -> None:
    found = similar(viewer, sku, count=5)["products"]
    assert len(found) == 5
    for one in found:
        assert {"sku", "similarity", "probability", "why", "name", "price", "description"} <= set(one)
        assert set(one["why"]) == {"same", "differs"} and 0 <= one["probability"] <= 1
    assert [one["sku"] for one in similar(viewer, sku, count=5)["products"]] == [one["sku"] for one in found]


def test_a_sku_with_a_slash_is_a_sku(viewer: Visitor, workspace: Workspace, sku: str) -> None:
    with workspace.catalog.transaction() as connection:
        old = connection.execute(sa.select(schema.products).where(schema.products.c.sku == sku)).one()._mapping
        connection.execute(sa.insert(schema.products), [{**old, "sku": "train/boots/a b.jpg"}])
        links = schema.product_photos
        shown = connection.execute(sa.select(links).where(links.c.sku == sku)).mappings().all()
        connection.execute(sa.insert(links), [{**one, "sku": "train/boots/a b.jpg"} for one in shown])
    assert similar(viewer, "train/boots/a b.jpg")["products"]


def test_a_photo_is_searched_with_and_not_kept(viewer: Visitor, workspace: Workspace, photo: bytes, sku: str) -> None:
    before = workspace.catalog.count(schema.photos)
    answer = viewer.post("/api/v1/search", files={"photo": ("a.jpg", photo)}, params={"count": 3, "keep": "heel"})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["products"]) == 3 and sku in answer.json()["same_picture"]
    assert workspace.catalog.count(schema.photos) == before


def test_filters_and_steering_come_by_query(viewer: Visitor, sku: str) -> None:
    plain = similar(viewer, sku, count=50)["products"]
    dearest = sorted(one["price"] for one in plain)[len(plain) // 2]
    cheap = similar(viewer, sku, count=50, price_to=dearest)["products"]
    assert cheap and all(one["price"] <= dearest for one in cheap)
    red = similar(viewer, sku, count=5, keep=["heel"], change=["color=red"])["products"]
    assert sum(one["attributes"]["color"]["product"] == "red" for one in red) >= 4


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"keep": "heal"}, 400),
        ({"change": "color=mauve"}, 400),
        ({"keep": "heel", "change": "heel"}, 400),
        ({"only": "heel"}, 400),
        ({"count": 0}, 422),
        ({"count": 5000}, 422),
        ({"diversity": 2}, 422),
        ({"price_from": "nan"}, 422),
        ({"price_from": 9, "price_to": 3}, 400),
        ({"surprise": 1}, 422),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(viewer: Visitor, sku: str, parameters: dict[str, Any], status: int) -> None:
    answer = viewer.get(f"/api/v1/products/{sku}/similar", params=parameters)
    assert answer.status_code == status and set(answer.json()) == {"error", "message", "hint"}


def test_a_file_that_is_no_photo_is_told_on_the_page_too(viewer: Visitor) -> None:
    for path in ("/api/v1/search", "/look-alikes"):
        answer = viewer.post(path, files={"photo": ("a.jpg", b"no photo at all")}, headers=PAGE)
        assert answer.status_code == 422, answer.text
    assert viewer.get("/api/v1/products/nope/similar").status_code == 404


def test_the_page_shows_look_alikes_of_a_product_and_of_a_photo(
    viewer: Visitor, workspace: Workspace, sku: str, photo: bytes
) -> None:
    name = "<b>Bold</b>"
    with workspace.catalog.transaction() as connection:
        connection.execute(sa.update(schema.products).values(name=name, stock=3))
    assert "/look-alikes?sku=" in viewer.get("/product", params={"sku": sku}, headers=PAGE).text
    empty = viewer.get("/look-alikes", headers=PAGE).text
    assert 'type="file"' in empty and 'capture="environment"' in empty
    form = {"steer": ["keep:heel", "change:color=red", ""], "price_to": "", "only": "", "diversity": "0.3"}
    by_photo = viewer.post("/look-alikes", files={"photo": ("a.jpg", photo)}, data=form, headers=PAGE)
    by_product = viewer.get("/look-alikes", params={"sku": sku, **form}, headers=PAGE)
    for answer in (by_photo, by_product):
        assert answer.status_code == 200, answer.text
        assert "&lt;b&gt;Bold" in answer.text and name not in answer.text
        assert answer.text.count('class="link more"') == 24
        assert '<option value="change:color=red" selected>' in answer.text


def test_a_photo_sent_by_another_site_is_refused(viewer: Visitor, photo: bytes) -> None:
    del viewer.headers["x-forgery-token"]
    assert viewer.post("/look-alikes", files={"photo": ("a.jpg", photo)}).status_code == 403
    given = viewer.post(
        "/look-alikes", files={"photo": ("a.jpg", photo)}, data={"forgery": viewer.forgery}, headers=PAGE
    )
    assert given.status_code == 200


def test_whoever_comes_before_look_alikes_are_ready_sees_a_page_that_looks_again(
    app: FastAPI, viewer: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_language(app.state.workspace.catalog, "viewer", "pt")
    monkeypatch.setattr(finding, "_PATIENCE", 0.0)
    answer = viewer.get("/look-alikes", headers=PAGE)
    assert answer.status_code == 503
    assert "Um momento, por favor." in answer.text and "data-reload" in answer.text
    assert "0 de 0" not in answer.text
    monkeypatch.undo()
    assert viewer.get("/look-alikes", headers=PAGE).status_code == 200
