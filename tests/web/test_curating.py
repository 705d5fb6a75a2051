"""Curating over HTTP: questions are lent, answers entered once, conflicts told, sweeps and families undone as one."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from visitors import PAGE, Visitor, visitor

from vitrine.records import now
from vitrine.stores import schema
from vitrine.web.people import add_person, set_language


def action() -> str:
    return str(uuid.uuid4())


def next_questions(client: Visitor, count: int = 2) -> list[dict[str, Any]]:
    answer = client.post("/api/v1/queue/next", json={"attribute": None, "count": count})
    assert answer.status_code == 200, answer.text
    questions: list[dict[str, Any]] = answer.json()
    return questions


def answer_to(question: dict[str, Any], value: str | None = None, **more: Any) -> dict[str, Any]:
    item = question["item"]
    chosen = value or question["choices"][0]["value"]
    return {"sku": item["sku"], "attribute": item["attribute"], "value": chosen, "token": item["token"], **more}


def decide(client: Visitor, *answers: dict[str, Any], batch_id: str | None = None) -> Any:
    return client.post("/api/v1/decisions", json={"batch_id": batch_id or action(), "answers": list(answers)})


@pytest.fixture
def other(app: FastAPI) -> Visitor:
    add_person(app.state.workspace.catalog, "other", "a long enough password", role="curator")
    return visitor(app, "other")


def test_a_decision_stands_on_the_product_page_with_its_author(curator: Visitor) -> None:
    question = next_questions(curator)[0]
    left = sum(one["open"] for one in curator.get("/api/v1/queue").json())
    assert decide(curator, answer_to(question, comment="<b>sure</b>")).status_code == 200
    item = question["item"]
    page = curator.get("/api/v1/product", params={"sku": item["sku"]}).json()
    told = next(one for one in page["answers"] if one["attribute"] == item["attribute"])
    assert (told["standing"], told["by"]) == ("decided", "curator")
    assert told["value"] == question["choices"][0]["value"] and told["comment"] == "<b>sure</b>"
    assert sum(one["open"] for one in curator.get("/api/v1/queue").json()) in (left, left - 1), (
        "a few get a second look"
    )
    html = curator.get("/product", params={"sku": item["sku"]}, headers=PAGE).text
    assert "&lt;b&gt;sure" in html and "<b>sure" not in html
    assert curator.get("/api/v1/overview").json()["decided"] == 1


def test_a_question_comes_with_choices_photos_and_evidence(curator: Visitor) -> None:
    questions = next_questions(curator, 20)
    assert len(questions) == 20
    for question in questions:
        confidences = [choice["confidence"] for choice in question["choices"] if choice["confidence"] is not None]
        assert confidences == sorted(confidences, reverse=True)
        assert all(photo["width"] > 0 for photo in question["photos"])
        if question["item"]["blind"]:
            assert not confidences and not question["evidence"] and not question["said"]
    assert any(question["evidence"] for question in questions)


def test_nobody_gets_what_somebody_else_has(curator: Visitor, other: Visitor) -> None:
    mine = {(q["item"]["sku"], q["item"]["attribute"]) for q in next_questions(curator, 20)}
    theirs = {(q["item"]["sku"], q["item"]["attribute"]) for q in next_questions(other, 20)}
    assert not mine & theirs


def test_a_forged_or_foreign_lease_decides_nothing(curator: Visitor, other: Visitor) -> None:
    question = next_questions(curator)[0]
    forged = decide(other, answer_to(question, token="x" * 24))
    stolen = decide(other, answer_to(question))
    assert (forged.status_code, stolen.status_code) == (409, 409)
    assert stolen.json()["error"] == "conflict"
    assert curator.get("/api/v1/overview").json()["decided"] == 0
    assert decide(curator, answer_to(question)).status_code == 200


def test_a_replay_changes_nothing_and_the_second_writer_is_told(curator: Visitor, other: Visitor) -> None:
    question = next_questions(curator)[0]
    batch_id = action()
    first, again = (decide(curator, answer_to(question), batch_id=batch_id) for _ in range(2))
    assert first.json() == again.json()
    item = question["item"]
    late = decide(other, {"sku": item["sku"], "attribute": item["attribute"], "outcome": "unsure", "version": 0})
    assert late.status_code == 409 and "curator" in late.json()["message"]
    assert decide(curator, answer_to(question, "nothing"), batch_id=batch_id).status_code == 400


@pytest.mark.parametrize(
    ("language", "word"), [("en", "decided"), ("pt", "decidiu"), ("es", "decidió"), ("id", "memutuskan")]
)
def test_the_second_writer_reads_who_was_faster_in_their_own_language(
    app: FastAPI, curator: Visitor, other: Visitor, language: str, word: str
) -> None:
    taxonomy = app.state.workspace.taxonomy
    question = next_questions(curator)[0]
    item, value = question["item"], question["choices"][0]["value"]
    decide(curator, answer_to(question))
    set_language(app.state.workspace.catalog, "other", language)
    refused = decide(other, {"sku": item["sku"], "attribute": item["attribute"], "value": value, "version": 0}).json()
    attribute = taxonomy.attribute(item["attribute"])
    assert refused["error"] == "conflict"
    assert f"curator {word} '{attribute.display_value(value, language)}'" in refused["message"]
    assert attribute.display(language) in refused["message"]
    assert (refused["hint"] == "nothing was overwritten; load the next question") is (language == "en")
    family = {"attribute": item["attribute"], "value": value, "chosen": {item["sku"]: 0}, "batch_id": action()}
    late = other.post("/api/v1/family", json=family).json()["conflicts"]
    assert f"curator {word}" in late[item["sku"]]


def test_undo_takes_an_action_back_and_only_its_author_or_an_admin_may(
    curator: Visitor, other: Visitor, admin: Visitor
) -> None:
    first, second = next_questions(curator)
    batches = [action(), action()]
    decide(curator, answer_to(first), batch_id=batches[0])
    decide(curator, answer_to(second), batch_id=batches[1])
    assert other.post("/api/v1/undo", json={"batch_id": batches[0]}).status_code == 409
    assert curator.post("/api/v1/undo", json={"batch_id": batches[0]}).status_code == 200
    assert admin.post("/api/v1/undo", json={"batch_id": batches[1]}).status_code == 200
    assert curator.get("/api/v1/overview").json()["decided"] == 0
    assert curator.post("/api/v1/undo", json={"batch_id": action()}).status_code == 404


@pytest.mark.parametrize(
    "answer",
    [
        {"value": "no such value"},
        {"outcome": "unsure", "value": "red"},
        {"outcome": "nonsense"},
        {"comment": "x" * 5_000},
        {"comment": "nul \x00"},
        {"attribute": "no such attribute"},
        {"extra": 1},
        {"version": -1},
    ],
    ids=str,
)
def test_answers_that_make_no_sense_are_refused_and_nothing_is_entered(
    curator: Visitor, answer: dict[str, Any]
) -> None:
    question = next_questions(curator)[0]
    refused = decide(curator, {**answer_to(question), **answer})
    assert refused.status_code in (400, 422) and set(refused.json()) == {"error", "message", "hint"}
    assert curator.get("/api/v1/overview").json()["decided"] == 0


def grid_of(client: Visitor) -> dict[str, Any]:
    """A page of the grid with at least four products that need no look of their own."""
    for attribute in ("color", "material", "upper", "toe"):
        values = (
            client.get("/api/v1/overview").json() and client.app.state.workspace.taxonomy.attributes[attribute].values
        )  # type: ignore[attr-defined]
        for value in values:
            page: dict[str, Any] = client.get("/api/v1/grid", params={"attribute": attribute, "value": value}).json()
            if sum(cell["alone"] is None for cell in page["cells"]) >= 4:
                return page
    raise AssertionError("the drawn catalog has no page of four")


def test_a_sweep_enters_what_was_shown_but_for_the_wrong_ones_and_is_undone_as_one(curator: Visitor) -> None:
    page = grid_of(curator)
    shown = {cell["sku"]: cell["version"] for cell in page["cells"]}
    wrong = next(cell["sku"] for cell in page["cells"] if cell["alone"] is None)
    batch_id = action()
    body = {
        "batch_id": batch_id,
        "attribute": page["attribute"],
        "value": page["value"],
        "shown": shown,
        "wrong": [wrong],
    }
    acted = curator.post("/api/v1/grid", json=body).json()
    outcomes = {entry["sku"]: entry["outcome"] for entry in acted["entries"]}
    assert outcomes[wrong] == "rejected" and set(outcomes.values()) == {"rejected", "decided"}
    assert set(outcomes) | set(acted["held_back"]) == set(shown)
    curator.post("/api/v1/undo", json={"batch_id": batch_id})
    again = curator.get("/api/v1/grid", params={"attribute": page["attribute"], "value": page["value"]}).json()
    assert [cell["sku"] for cell in again["cells"]] == [cell["sku"] for cell in page["cells"]]


def test_a_sweep_over_what_was_not_shown_is_refused(curator: Visitor) -> None:
    body = {"batch_id": action(), "attribute": "color", "value": "red", "shown": {"F000001": 0}, "wrong": ["F000002"]}
    assert curator.post("/api/v1/grid", json=body).status_code == 400


def test_a_family_is_corrected_in_one_action(app: FastAPI, curator: Visitor) -> None:
    for card in curator.get("/api/v1/products", params={"limit": 200}).json()["cards"]:
        key = {"sku": card["sku"], "attribute": "material", "value": "leather"}
        proposals = curator.get("/api/v1/family", params=key).json()
        if len(proposals) > 1:
            break
    chosen = {one["sku"]: one["version"] for one in proposals}
    assert card["sku"] not in chosen
    body = {"batch_id": action(), "attribute": "material", "value": "leather", "chosen": {**chosen, card["sku"]: 0}}
    acted = curator.post("/api/v1/family", json=body).json()
    assert {entry["sku"] for entry in acted["entries"]} == {*chosen, card["sku"]} and not acted["conflicts"]
    html = curator.get("/family", params=key, headers=PAGE).text
    assert card["sku"] in html


def test_the_pages_of_the_desk_open(curator: Visitor) -> None:
    page = grid_of(curator)
    value = {"attribute": page["attribute"], "value": page["value"]}
    for path, parameters in (
        ("/curate", {}),
        ("/curate", {"attribute": "color"}),
        ("/curate/grid", {}),
        ("/curate/grid", value),
    ):
        answer = curator.get(path, params=parameters, headers=PAGE)
        assert answer.status_code == 200 and "<main" in answer.text
    assert curator.get("/curate", params={"attribute": "nothing"}, headers=PAGE).status_code == 400


def test_today_begins_at_the_curators_own_midnight(app: FastAPI, curator: Visitor) -> None:
    question = curator.post("/api/v1/queue/next", json={"count": 1}).json()[0]["item"]
    answer = {
        "sku": question["sku"],
        "attribute": question["attribute"],
        "outcome": "unsure",
        "token": question["token"],
    }
    assert curator.post("/api/v1/decisions", json={"batch_id": "a-day-of-work", "answers": [answer]}).status_code == 200
    moment = now() - timedelta(hours=3)
    with app.state.workspace.catalog.transaction() as connection:
        connection.execute(sa.update(schema.decisions).values(decided_at=moment))
    for hours_into_the_day, done in ((2, 0), (4, 1)):
        utc = now().hour * 60 + now().minute
        offset = (60 * hours_into_the_day - utc + 720) % 1440 - 720
        curator.cookies.set("utc-offset", str(offset))
        assert sum(one["decided"] for one in curator.get("/api/v1/queue").json()) == done
    curator.cookies.set("utc-offset", "no number")
    assert curator.get("/api/v1/queue").status_code == 200
