"""What values mean: examples beside every choice and on a page of their own, never of the product that is asked about."""

import re
import time
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from visitors import PAGE, Visitor

from vitrine.intake.discontinue import discontinue
from vitrine.records import Weight, now
from vitrine.stores import schema
from vitrine.workspace import Workspace


def families(workspace: Workspace) -> dict[str, str]:
    return {row["sku"]: row["family_id"] for row in workspace.catalog.rows(schema.members)}


def test_choices_come_with_pictures_of_products_that_people_know(curator: Visitor, workspace: Workspace) -> None:
    known = {(row["sku"], row["attribute"]): row["value"] for row in workspace.labels().to_pylist()}
    family_of = families(workspace)
    questions = curator.post("/api/v1/queue/next", json={"attribute": None, "count": 20}).json()
    shown = 0
    for question in questions:
        item = question["item"]
        for choice in question["choices"]:
            assert len(choice["examples"]) <= 3
            for one in choice["examples"]:
                assert family_of[one["sku"]] != family_of[item["sku"]]
                assert known.get((one["sku"], item["attribute"]), choice["value"]) == choice["value"]
                shown += 1
        assert any(choice["examples"] for choice in question["choices"]), item
    photo_id = questions[0]["choices"][0]["examples"][0]["photo_id"]
    assert shown > 100 and curator.get(f"/photos/{photo_id}/160").status_code == 200


def test_the_page_of_values_says_what_its_twin_says_and_hides_the_family_asked_about(
    viewer: Visitor, workspace: Workspace
) -> None:
    every = viewer.get("/api/v1/values", params={"attribute": "heel"}).json()
    assert [one["value"] for one in every] == list(workspace.taxonomy.attributes["heel"].values)
    sku = next(one for one in every if one["examples"])["examples"][0]["sku"]
    html = viewer.get("/values", params={"attribute": "heel"}, headers=PAGE).text
    assert f"sku={sku}" in html and all(one["name"] in html for one in every)
    without = viewer.get("/api/v1/values", params={"attribute": "heel", "sku": sku}).json()
    left = {shown["sku"] for one in without for shown in one["examples"]}
    family_of = families(workspace)
    assert left and family_of[sku] not in {family_of[other] for other in left}
    assert f"sku={sku}" not in viewer.get("/values", params={"attribute": "heel", "sku": sku}, headers=PAGE).text
    assert viewer.get("/api/v1/values?attribute=nothing").status_code == 400
    assert viewer.get("/values", headers=PAGE).status_code == 200


def test_a_product_ends_with_its_look_alikes_and_says_what_it_weighs(viewer: Visitor, workspace: Workspace) -> None:
    sku = str(workspace.products().column("sku")[4].as_py())
    page = viewer.get("/product", params={"sku": sku}, headers=PAGE).text
    assert f'data-strip="/look-alikes/strip?sku={sku}"' in page
    strip = viewer.get("/look-alikes/strip", params={"sku": sku}, headers=PAGE)
    found = viewer.get(f"/api/v1/products/{sku}/similar", params={"count": 32}).json()["products"]
    family_of = families(workspace)
    others = [one["sku"] for one in found if family_of[one["sku"]] != family_of[sku]][:8]
    assert strip.status_code == 200 and re.findall(r"/product\?sku=(\w+)", strip.text) == others
    assert viewer.get("/look-alikes/strip", params={"sku": "nothing"}).status_code == 404
    workspace.catalog.put(schema.weights, [Weight(sku, 1234.0, now())])
    assert "1\u202f234" in viewer.get("/product", params={"sku": sku}, headers=PAGE).text
    assert viewer.get("/api/v1/product", params={"sku": sku}).json()["weight"] == 1234


def test_brands_are_listed_beside_the_field_and_accents_do_not_matter(viewer: Visitor, workspace: Workspace) -> None:
    products = schema.products
    with workspace.catalog.transaction() as connection:
        some = sa.select(products.c.sku).order_by(products.c.sku).limit(9)
        connection.execute(sa.update(products).where(products.c.sku.in_(some)).values(brand="Açaí & Cia"))
    sku = str(workspace.products().column("sku")[4].as_py())
    html = viewer.get("/look-alikes", params={"sku": sku}, headers=PAGE).text
    assert '<option value="Açaí &amp; Cia">' in html
    found = viewer.get(f"/api/v1/products/{sku}/similar", params={"brand": "acai & CIA", "count": 50}).json()[
        "products"
    ]
    assert found and {one["brand"] for one in found} == {"Açaí & Cia"}


def test_notes_and_refusals_speak_the_readers_language(viewer: Visitor, workspace: Workspace) -> None:
    viewer.post("/language", data={"language": "pt", "back": "/", "forgery": viewer.forgery})
    sku = str(workspace.products().column("sku")[4].as_py())
    html = viewer.get("/look-alikes", params={"sku": sku, "price_from": 10**9}, headers=PAGE).text
    assert "Nenhum produto atende aos filtros." in html
    refused = _send(viewer, b"no photo at all")
    assert refused.status_code == 422 and "não é uma foto" in refused.text


def _send(viewer: Visitor, data: bytes) -> Any:
    return viewer.post("/look-alikes", files={"photo": ("a.jpg", data)}, headers=PAGE)


def test_a_question_comes_without_examples_rather_than_late(app: FastAPI, curator: Visitor) -> None:
    """As in a server's first seconds, when the examples of a large catalog are being made."""
    making = app.state.examples._lock
    making.acquire()
    begun = time.monotonic()
    first = curator.post("/api/v1/queue/next", json={"attribute": "color", "count": 1}).json()[0]
    took = time.monotonic() - begun
    making.release()
    assert not any(choice["examples"] for choice in first["choices"]) and took < 5
    later = curator.post("/api/v1/queue/next", json={"attribute": "color", "count": 1}).json()[0]
    assert any(choice["examples"] for choice in later["choices"])


def test_what_left_the_range_is_said_to_have_left_and_counts_no_more(viewer: Visitor, workspace: Workspace) -> None:
    sku = str(workspace.products().column("sku")[4].as_py())
    before = viewer.get("/api/v1/overview").json()["products"]
    discontinue(workspace.catalog, [sku], author="ana")
    page = viewer.get("/product", params={"sku": sku}, headers=PAGE).text
    assert "Left the range on" in page and "data-strip" not in page
    assert viewer.get("/api/v1/product", params={"sku": sku}).json()["discontinued_at"] is not None
    assert viewer.get("/api/v1/overview").json()["products"] == before - 1
    left = viewer.get("/catalog", params={"standing": "discontinued"}, headers=PAGE).text
    assert f"/product?sku={sku}" in left and "1 product" in left
