"""Two people answer the same questions; the page and its twin say how far they agree, and what to settle."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from visitors import PAGE, Visitor

from vitrine.desk import journal, queue
from vitrine.desk.decisions import Answer, decide
from vitrine.records import Decision
from vitrine.stores import schema
from vitrine.workspace import Workspace

ATTRIBUTE = "color"


def sampled(workspace: Workspace) -> list[str]:
    """Open questions that chance gives to a second person as well."""
    table = schema.queue
    query = sa.select(table.c.sku).where(table.c.attribute == ATTRIBUTE, table.c.turn.is_not(None)).order_by("sku")
    skus = [row["sku"] for row in workspace.catalog.rows(query)]
    return [sku for sku in skus if journal.coin("review", sku, ATTRIBUTE, journal.REVIEW_SHARE)]


def answer_twice(workspace: Workspace) -> list[str]:
    """All sampled questions get the same answer twice, but for the first; returns their products."""
    catalog, taxonomy = workspace.catalog, workspace.taxonomy
    skus = sampled(workspace)
    first = [Answer(sku, ATTRIBUTE, value="black", version=0) for sku in skus]
    decide(catalog, taxonomy, first, author="curator", batch_id="first-answers")
    asked: list[queue.Item] = []
    while items := queue.next_items(catalog, taxonomy, "other", attribute=ATTRIBUTE, count=20):
        asked += [item for item in items if item.sku in skus]
    second = [
        Answer(item.sku, ATTRIBUTE, value="red" if item.sku == skus[0] else "black", token=item.token) for item in asked
    ]
    decide(catalog, taxonomy, second, author="other", batch_id="second-answers")
    return skus


def test_before_anybody_answered_twice_the_page_says_so(viewer: Visitor) -> None:
    assert "No second answers yet" in viewer.get("/curate/agreement", headers=PAGE).text
    assert viewer.get("/api/v1/agreement").json() == {
        "n": 0, "agreed": None, "attributes": [], "disputed": 0, "disputes": []
    }  # fmt: skip


@pytest.mark.parametrize(("language", "kappa"), [("en", "0.00"), ("pt", "0,00"), ("es", "0,00"), ("id", "0,00")])
def test_the_page_and_its_twin_show_agreement_and_the_dispute(
    workspace: Workspace, viewer: Visitor, language: str, kappa: str
) -> None:
    skus = answer_twice(workspace)
    assert len(skus) > 2
    found = viewer.get("/api/v1/agreement").json()
    assert (found["n"], found["disputed"]) == (len(skus), 1)
    assert found["agreed"] == pytest.approx(1 - 1 / len(skus))
    assert found["attributes"][0]["confused"] == [["black", "red", 1]]
    viewer.post("/language", data={"forgery": viewer.forgery, "language": language, "back": "/"})
    page = viewer.get("/curate/agreement", headers=PAGE).text
    assert kappa in page and "curator" in page and f"/product?sku={skus[0]}" in page


def test_who_curates_settles_a_dispute_from_the_page(app: FastAPI, workspace: Workspace, curator: Visitor) -> None:
    sku = answer_twice(workspace)[0]
    assert f"/family?sku={sku}&amp;attribute={ATTRIBUTE}" in curator.get("/curate/agreement", headers=PAGE).text
    table = schema.decisions
    entries = [Decision(**row) for row in workspace.catalog.rows(sa.select(table).where(table.c.sku == sku))]
    body = {"attribute": ATTRIBUTE, "value": "red", "chosen": {sku: len(entries)}, "batch_id": "settled-by-hand"}
    assert curator.post("/api/v1/family", json=body).status_code == 200
    assert curator.get("/api/v1/agreement").json()["disputed"] == 0
