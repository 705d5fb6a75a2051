"""Goods receipt over HTTP: orders come in, photos are answered once, discrepancies are settled."""

import csv
import io
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image
from visitors import PAGE, Visitor, visitor

from vitrine.demo.draw import draw
from vitrine.demo.product import Shot, product
from vitrine.stores import schema
from vitrine.web.people import issue_token
from vitrine.workspace import Workspace

SEED = 11  # of the drawn catalog that all web tests share


@pytest.fixture(autouse=True)
def category_as_brand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn catalog shows no brands; its categories stand in for them."""
    monkeypatch.setenv("VITRINE_RECEIVE__BRAND", "category")
    monkeypatch.setenv("VITRINE_RECEIVE__FALSE_ALARMS", "0.2")
    monkeypatch.setenv("VITRINE_RECEIVE__FALSE_MATCHES", "0.2")
    monkeypatch.setenv("VITRINE_RECEIVE__STRANGERS", "0.2")


@pytest.fixture
def by_product(category_as_brand: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The taxonomy has no brand, so products are compared with their own photos alone. Name it before the workspace."""
    monkeypatch.setenv("VITRINE_RECEIVE__BRAND", "brand")


def delivered(number: int, *, size: int = 640, shot: int = 7) -> bytes:
    """A new photo of a drawn product, which the catalog has not seen."""
    item = product(SEED, number)
    picture, _ = draw(item, Shot(shot, "side", "side", (SEED, 99, number, shot)), size)
    return encoded(Image.fromarray(picture))


def encoded(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=90)
    return file.getvalue()


@pytest.fixture
def lines(curator: Visitor, workspace: Workspace) -> list[dict[str, Any]]:
    """Order lines for drawn products, pushed by a program; the lines that the server has then."""
    skus = [product(SEED, n).sku for n in range(6)]
    rows = [
        {"order": "7", "line": n, "supplier": "Norte", "sku": sku, "brand": product(SEED, n).values["category"],
         "barcode": f"789100031550{n}", "quantity": 12, "unit": "pairs"} for n, sku in enumerate(skus)
    ]  # fmt: skip
    answer = curator.post("/api/v1/orders", json={"lines": [*rows, {"order": "7", "line": 9, "quantity": -1}]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["lines"] == 6 and answer.json()["aside"][0]["code"] == "bad-quantity"
    found: list[dict[str, Any]] = curator.get("/api/v1/order-lines", params={"q": "norte"}).json()
    assert len(found) == 6
    return sorted(found, key=lambda line: line["line_id"])


def send(who: Visitor, data: bytes, line: str, receipt_id: str) -> Any:
    form = {"line_id": line, "receipt_id": receipt_id, "taken_at": "2026-11-21T08:00:00Z"}
    return who.post("/api/v1/receipts", data=form, files={"photo": ("photo.jpg", data, "image/jpeg")})


def test_a_photo_is_answered_once_however_often_it_is_sent(
    curator: Visitor, lines: list[dict[str, Any]], workspace: Workspace
) -> None:
    data = delivered(0)
    answers = [send(curator, data, "7/0", "phone-receipt-1") for _ in range(10)]
    assert {one.status_code for one in answers} == {200}
    first = answers[0].json()
    assert all(one.json() == first for one in answers)
    assert first["answer"] in ("match", "unknown") and first["expected"] == product(SEED, 0).values["category"]
    assert first["evidence"] and {"sku", "photo_id", "brand", "similarity"} == set(first["evidence"][0])
    assert abs(sum(first["probabilities"].values()) - 1) < 0.01
    assert workspace.catalog.count(schema.receipts) == 1
    shown = curator.get(f"/photos/{first['photo_id']}/160")
    assert shown.status_code == 200 and b"Exif" not in shown.content
    refused = send(curator, delivered(1), "7/0", "phone-receipt-1")
    assert refused.status_code == 409


def test_another_product_is_no_match_and_is_settled_by_a_person(
    curator: Visitor, viewer: Visitor, lines: list[dict[str, Any]], workspace: Workspace
) -> None:
    wanted = product(SEED, 0).values["category"]
    other = next(n for n in range(1, 60) if product(SEED, n).values["category"] != wanted)
    answers = {}
    for shot in range(7, 13):
        answer = send(curator, delivered(other, shot=shot), "7/0", f"phone-receipt-{shot:02d}").json()
        answers[answer["receipt_id"]] = answer["answer"]
    assert "match" not in answers.values()
    mismatches = [key for key, answer in answers.items() if answer == "mismatch"]
    assert mismatches, answers
    page = viewer.get("/receipts", headers=PAGE)
    assert page.status_code == 200 and "Norte" in page.text and mismatches[0] not in page.text, "a viewer settles none"
    assert mismatches[0] in curator.get("/receipts", headers=PAGE).text
    settle = {"handling_id": "handling-01", "action": "refused"}
    assert viewer.post(f"/api/v1/receipts/{mismatches[0]}/handling", json=settle).status_code == 403
    done = curator.post(f"/api/v1/receipts/{mismatches[0]}/handling", json=settle).json()
    assert done["action"] == "refused" and not done["open"]
    counts = viewer.get("/api/v1/receipts/counts", params={"by": "line"}).json()
    assert counts[0]["key"] == "7/0" and counts[0]["refused"] == 1 and counts[0]["mismatches"] == len(mismatches)
    exported = list(csv.DictReader(io.StringIO(viewer.get("/api/v1/receipts/export").text.lstrip("\ufeff"))))
    assert len(exported) == len(answers) and {row["person"] for row in exported} == {"curator"}


def test_a_product_that_does_not_look_like_itself_waits_at_the_desk_until_it_is_handled(
    by_product: None, curator: Visitor, viewer: Visitor, lines: list[dict[str, Any]]
) -> None:
    def waits(page: str) -> bool:
        return "/receipts?only_open=true" in curator.get(page, headers=PAGE).text

    assert not waits("/") and not waits("/curate")
    sent = (send(curator, delivered(n), "7/0", f"phone-swap-{n:02d}").json() for n in range(1, 40))
    swap = next(one for one in sent if one["answer"] == "mismatch")
    assert (swap["reason"], swap["sku"]) == ("product_mismatch", lines[0]["sku"])
    assert waits("/") and waits("/curate")
    assert viewer.get("/api/v1/overview").json()["deliveries"] == 1
    assert [one["receipt_id"] for one in viewer.get("/api/v1/receipts", params={"only_open": True}).json()] == [
        swap["receipt_id"]
    ]
    settle = {"handling_id": "handling-01", "action": "set_aside"}
    curator.post(f"/api/v1/receipts/{swap['receipt_id']}/handling", json=settle)
    assert waits("/curate"), "who sets it aside leaves it to others"
    settle = {"handling_id": "handling-02", "action": "refused"}
    curator.post(f"/api/v1/receipts/{swap['receipt_id']}/handling", json=settle)
    assert not waits("/") and not waits("/curate")
    assert viewer.get("/api/v1/overview").json()["deliveries"] == 0


def test_the_log_shows_what_is_open_until_all_is_asked_for(
    curator: Visitor, viewer: Visitor, lines: list[dict[str, Any]]
) -> None:
    shown = send(curator, delivered(0), "7/0", "phone-receipt-1").json()
    assert shown["answer"] != "mismatch"
    for address, listed in (
        ("/receipts", False),
        ("/receipts?only_open=&answer=", False),
        ("/receipts?only_open=false", True),
    ):
        page = viewer.get(address, headers=PAGE).text
        assert (f"/photos/{shown['photo_id']}/" in page) == listed, address
        assert "<details" in page and " open>" in page, "the counts by supplier are seen at once"


def test_a_line_is_found_by_barcode(viewer: Visitor, lines: list[dict[str, Any]]) -> None:
    found = viewer.get("/api/v1/order-lines", params={"q": "7891000315503"}).json()
    assert [line["line_id"] for line in found] == ["7/3"]
    assert found[0]["photo_id"], "the ordered product is shown"
    assert viewer.get("/api/v1/order-lines", params={"q": "7891000315599"}).json() == []


BAD = {
    "empty": b"",
    "no photo": b"%PDF-1.7 something else",
    "cut": delivered(0)[:900],
    "bomb": b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR\x00\x01\x86\xa0\x00\x01\x86\xa0\x08\x02\x00\x00\x00",
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_photo_is_named_and_nothing_is_kept(
    kind: str, curator: Visitor, lines: list[dict[str, Any]], workspace: Workspace
) -> None:
    answer = send(curator, BAD[kind], "7/0", "phone-receipt-1")
    assert answer.status_code == 422 and answer.json()["error"] == "unreadable-photo", answer.text
    assert workspace.catalog.count(schema.receipts) == 0


def test_photos_that_show_little_are_answered_with_the_reason(curator: Visitor, lines: list[dict[str, Any]]) -> None:
    usual = Image.open(io.BytesIO(delivered(0)))
    dark = usual.point([value // 6 for value in range(256)] * 3)
    black = Image.new("RGB", (640, 640), (3, 3, 3))
    empty = Image.new("RGB", (640, 640), (240, 240, 240))
    twice = Image.new("RGB", (1280, 640))
    twice.paste(usual, (0, 0))
    twice.paste(Image.open(io.BytesIO(delivered(3))), (640, 0))
    pictures = {"dark": dark, "black": black, "empty": empty, "turned": usual.rotate(90), "two": twice,
                "huge": usual.resize((6000, 6000))}  # fmt: skip
    said = {name: send(curator, encoded(one), "7/0", f"phone-{name}-1").json() for name, one in pictures.items()}
    assert said["dark"]["notes"] == ["dark"] and said["dark"]["reason"] not in ("too_dark", "nothing_to_see")
    assert (said["black"]["answer"], said["black"]["reason"]) == ("unknown", "too_dark")
    assert (said["empty"]["answer"], said["empty"]["reason"]) == ("unknown", "nothing_to_see")
    assert (said["turned"]["answer"], said["turned"]["reason"]) == ("unknown", "turned")
    assert said["two"]["answer"] != "match", said["two"]["reason"]


def test_photos_that_cannot_show_the_ordered_product_alone_are_no_mismatch(
    by_product: None, curator: Visitor, lines: list[dict[str, Any]]
) -> None:
    def picture(number: int) -> Image.Image:
        return Image.open(io.BytesIO(delivered(number)))

    pair = Image.new("RGB", (640, 1280))
    pair.paste(picture(2), (0, 0))
    pair.paste(picture(7), (0, 640))
    y, x = np.mgrid[0:480, 0:640]
    grain = np.random.default_rng(0).normal(0, 8, (480, 640, 3))
    table = np.stack([120 + 60 * np.sin(x / 37) + y / 12, 100 + 50 * np.sin(y / 23) + x / 20, 90 + y / 9], -1) + grain
    pictures = {
        "turned": picture(2).rotate(180),
        "several": pair,
        "no_product": Image.fromarray(np.clip(table, 0, 255).astype(np.uint8)),
    }
    for reason, one in pictures.items():
        said = send(curator, encoded(one), "7/2", f"phone-{reason}-1").json()
        assert (said["answer"], said["reason"]) == ("unknown", reason)
    other = send(curator, delivered(8), "7/2", "phone-swap-01").json()
    assert (other["answer"], other["reason"]) == ("mismatch", "product_mismatch")


def test_without_brands_the_ordered_product_s_photos_are_the_evidence(
    by_product: None, curator: Visitor, lines: list[dict[str, Any]]
) -> None:
    said = send(curator, delivered(0), "7/0", "phone-receipt-1").json()
    assert said["evidence"] and {one["sku"] for one in said["evidence"]} == {lines[0]["sku"]}
    assert all(set(one) == {"sku", "photo_id", "brand", "similarity"} for one in said["evidence"])
    assert [one["photo_id"] for one in said["evidence"]] == [one["photo_id"] for one in said["product"]["photos"]]
    curator.post("/api/v1/orders", json={"lines": [{"line": "b", "brand": "Zephyr"}, {"line": "n"}]})
    for line, reason in (("b", "no_brands"), ("n", "nothing_to_compare")):
        answer = send(curator, delivered(0), line, f"phone-receipt-{line}").json()
        assert (answer["answer"], answer["reason"], answer["evidence"]) == ("unknown", reason, [])


def test_a_line_that_nobody_brought_in_is_not_found(curator: Visitor, lines: list[dict[str, Any]]) -> None:
    assert send(curator, delivered(0), "7/77", "phone-receipt-1").status_code == 404
    assert send(curator, delivered(0), "7/0", "../../x").status_code == 422


def test_the_camera_is_for_the_receipt_page_alone(curator: Visitor) -> None:
    assert "camera=(self)" in curator.get("/receive", headers=PAGE).headers["permissions-policy"]
    assert "camera=()" in curator.get("/catalog", headers=PAGE).headers["permissions-policy"]


def test_a_program_pushes_orders_with_a_token(app: FastAPI, workspace: Workspace, nobody: Any) -> None:
    token = issue_token(workspace.catalog, "curator", name="erp", scope="curate", days=1)
    body = {"lines": [{"line": "1", "brand": "Zephyr"}]}
    assert nobody.post("/api/v1/orders", json=body).status_code == 401
    answer = nobody.post("/api/v1/orders", json=body, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200 and answer.json()["aside"][0]["code"] == "unknown-brand"
    receipt = send(visitor(app, "curator"), delivered(0), "1", "phone-receipt-1").json()
    assert (receipt["answer"], receipt["reason"]) == ("unknown", "brand_not_learnt")


def test_enough_accepted_deliveries_prove_the_levels_on_photos_of_their_own_kind(
    curator: Visitor, viewer: Visitor, workspace: Workspace
) -> None:
    rows = [
        {"line": f"d{n}", "sku": product(SEED, n).sku, "brand": product(SEED, n).values["category"]} for n in range(51)
    ]
    assert curator.post("/api/v1/orders", json={"lines": rows}).json()["lines"] == 51
    answers = []
    for n in range(51):
        made = send(curator, delivered(n, size=240), f"d{n}", f"delivery-{n:04d}").json()
        answers.append(made)
        handling = {"handling_id": f"handling-{n:04d}", "action": "accepted"}
        assert curator.post(f"/api/v1/receipts/{made['receipt_id']}/handling", json=handling).status_code == 200
    brand = [[one["on"] for one in made["promises"] if one["of"] == "brand"] for made in answers]
    assert set(brand[0]) == {"catalog"} and set(brand[50]) == {"deliveries"}
    assert all(one["n"] >= 36 for one in answers[50]["promises"] if one["of"] == "brand")
    kept = viewer.get("/api/v1/receipts/kept").json()
    assert kept["accepted"] == 51 and kept["false_alarms"] == sum(made["answer"] == "mismatch" for made in answers)
    assert "51" in viewer.get("/receipts", headers=PAGE).text
    labels = workspace.labels().column("sku").to_pylist()
    assert not any(sku.startswith("delivery") for sku in labels) and workspace.catalog.count(schema.decisions) == 0
