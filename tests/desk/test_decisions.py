"""Decisions are entered whole, never over somebody else's and never twice; an undo leads back exactly."""

from datetime import UTC, datetime

import pytest

from small_desk import Desk
from vitrine.desk import decisions, queue
from vitrine.desk.decisions import Answer, decide, undo
from vitrine.errors import Conflict, InputError, NotFound, Refused
from vitrine.intake.labels import current_decisions
from vitrine.stores import schema

TODAY = datetime(2026, 1, 1, tzinfo=UTC)


def standing(desk: Desk) -> dict[tuple[str, str], tuple[str, str | None]]:
    rows = desk.catalog.rows(current_decisions())
    return {(row["sku"], row["attribute"]): (row["author"], row["value"]) for row in rows}


def opened(desk: Desk) -> list[tuple[str, str, int, str | None]]:
    rows = [row for row in desk.catalog.rows(schema.queue) if row["turn"] is not None]
    return sorted((row["sku"], row["attribute"], row["turn"], row["not_for"] or "") for row in rows)


def test_an_answer_closes_its_question_and_says_what_the_model_had_said(desk: Desk) -> None:
    item = queue.next_items(desk.catalog, desk.taxonomy, "ana", attribute="color", count=1)[0]
    answer = Answer(item.sku, "color", value="blue", token=item.token)
    entry = decide(desk.catalog, desk.taxonomy, [answer], author="ana", batch_id="action-1")[0]
    assert (entry.author, entry.value, entry.version, entry.predicted_value) == ("ana", "blue", 1, "red")
    assert standing(desk) == {(item.sku, "color"): ("ana", "blue")}
    left = queue.remaining(desk.catalog, desk.taxonomy, since=TODAY)
    assert [(one.attribute, one.open, one.lent, one.decided) for one in left] == [
        ("color", 11, 0, 1),
        ("heel", 12, 0, 0),
    ]


def test_the_second_of_two_is_told_what_the_first_decided_and_overwrites_nothing(desk: Desk) -> None:
    seen = [Answer("p03", "color", value=value, version=0) for value in ("blue", "pink")]
    decide(desk.catalog, desk.taxonomy, seen[:1], author="ana", batch_id="action-1")
    with pytest.raises(Conflict, match="p03, color: ana decided 'blue' at") as caught:
        decide(desk.catalog, desk.taxonomy, seen[1:], author="budi", batch_id="action-2")
    assert caught.value.http_status == 409
    assert standing(desk) == {("p03", "color"): ("ana", "blue")}


def test_a_leased_answer_that_comes_after_somebody_decided_is_a_conflict(desk: Desk) -> None:
    item = queue.next_items(desk.catalog, desk.taxonomy, "budi", attribute="color", count=1)[0]
    decide(
        desk.catalog,
        desk.taxonomy,
        [Answer(item.sku, "color", value="pink", version=0)],
        author="ana",
        batch_id="action-1",
    )
    with pytest.raises(Conflict, match="ana decided 'pink'"):
        answer = Answer(item.sku, "color", value="blue", token=item.token)
        decide(desk.catalog, desk.taxonomy, [answer], author="budi", batch_id="action-2")


def test_the_same_action_sent_again_changes_nothing_and_gets_the_same_answer(desk: Desk) -> None:
    answers = [Answer("p03", "color", value="blue", version=0), Answer("p04", "color", value="pink", version=0)]
    first = decide(desk.catalog, desk.taxonomy, answers, author="ana", batch_id="action-1")
    again = decide(desk.catalog, desk.taxonomy, answers, author="ana", batch_id="action-1")
    assert again == first and desk.catalog.count(schema.decisions) == 2


@pytest.mark.parametrize(("author", "value"), [("budi", "blue"), ("ana", "pink")])
def test_a_batch_id_stands_for_one_action_of_one_person(desk: Desk, author: str, value: str) -> None:
    decide(
        desk.catalog,
        desk.taxonomy,
        [Answer("p03", "color", value="blue", version=0)],
        author="ana",
        batch_id="action-1",
    )
    with pytest.raises(Conflict, match="stands for another action"):
        again = Answer("p03", "color", value=value, version=0)
        decide(desk.catalog, desk.taxonomy, [again], author=author, batch_id="action-1")


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Answer("p03", "color", value="purple", version=0), InputError, "'purple' is not a value of color"),
        (Answer("p03", "colour", value="red", version=0), InputError, "attribute 'colour' is not in the taxonomy"),
        (Answer("nope", "color", value="red", version=0), NotFound, "the first is 'nope'"),
        (Answer("p03", "color", outcome="maybe", version=0), InputError, "'maybe' is not one of"),
        (Answer("p03", "color", outcome="unsure", value="red", version=0), InputError, "unsure has no value"),
        (Answer("p03", "color", value="red", version=0, comment="x" * 2001), InputError, "at most 2,000"),
        (Answer("p03", "color", value="red"), InputError, "neither the token"),
        (Answer("p03", "color", value="red", token="forged"), Conflict, "ran out"),
        (Answer("p03", "color", value="red", version=7), Conflict, "ran out"),
    ],
)
def test_what_cannot_be_entered_is_refused_and_leaves_nothing(
    desk: Desk, answer: Answer, error: type[Exception], says: str
) -> None:
    good = Answer("p01", "color", value="red", version=0)
    with pytest.raises(error, match=says):
        decide(desk.catalog, desk.taxonomy, [good, answer], author="ana", batch_id="action-1")
    assert desk.catalog.count(schema.decisions) == 0


def test_a_lease_of_somebody_else_is_worth_nothing(desk: Desk) -> None:
    item = queue.next_items(desk.catalog, desk.taxonomy, "budi", attribute="color", count=1)[0]
    with pytest.raises(Conflict):
        answer = Answer(item.sku, "color", value="blue", token=item.token)
        decide(desk.catalog, desk.taxonomy, [answer], author="ana", batch_id="action-1")


def test_undo_brings_back_what_held_and_what_was_open(desk: Desk) -> None:
    before = opened(desk)
    answers = [Answer(f"p{i:02d}", "color", value="blue", version=0) for i in range(5)]
    decide(desk.catalog, desk.taxonomy, answers, author="ana", batch_id="action-1")
    correction = [Answer("p02", "color", value="pink", version=1)]
    decide(desk.catalog, desk.taxonomy, correction, author="ana", batch_id="action-2")
    undo(desk.catalog, "action-2", author="ana")
    assert standing(desk)["p02", "color"] == ("ana", "blue")
    undo(desk.catalog, "action-1", author="ana")
    assert standing(desk) == {} and opened(desk) == before


def test_undoing_an_older_action_leaves_what_came_later(desk: Desk) -> None:
    decide(
        desk.catalog,
        desk.taxonomy,
        [Answer("p02", "color", value="blue", version=0)],
        author="ana",
        batch_id="action-1",
    )
    decide(
        desk.catalog,
        desk.taxonomy,
        [Answer("p02", "color", value="pink", version=1)],
        author="budi",
        batch_id="action-2",
    )
    undo(desk.catalog, "action-1", author="ana")
    assert standing(desk)["p02", "color"] == ("budi", "pink")
    undo(desk.catalog, "action-2", author="budi")
    assert standing(desk) == {}


def test_undo_twice_is_undo_once_and_only_ones_own(desk: Desk) -> None:
    decide(
        desk.catalog,
        desk.taxonomy,
        [Answer("p02", "color", value="blue", version=0)],
        author="ana",
        batch_id="action-1",
    )
    with pytest.raises(Refused, match="is an action of ana"):
        undo(desk.catalog, "action-1", author="budi")
    first = undo(desk.catalog, "action-1", author="budi", others=True)
    assert undo(desk.catalog, "action-1", author="budi", others=True) == first
    assert desk.catalog.count(schema.decisions) == 2
    with pytest.raises(NotFound):
        undo(desk.catalog, "action-9", author="ana")
    with pytest.raises(Refused, match="is an undo itself"):
        undo(desk.catalog, "undo.action-1", author="budi")


def test_unsure_goes_to_somebody_else_and_two_unsure_people_end_it(desk: Desk) -> None:
    unsure = decisions.journal.UNSURE
    decide(
        desk.catalog,
        desk.taxonomy,
        [Answer("p00", "color", outcome=unsure, version=0)],
        author="ana",
        batch_id="action-1",
    )
    mine = queue.next_items(desk.catalog, desk.taxonomy, "ana", attribute="color", count=20)
    assert "p00" not in {item.sku for item in mine}
    queue.release(desk.catalog, "ana", [item.token for item in mine])
    other = {
        item.sku: item for item in queue.next_items(desk.catalog, desk.taxonomy, "budi", attribute="color", count=20)
    }
    assert other["p00"].reason == unsure
    answer = Answer("p00", "color", outcome=unsure, token=other["p00"].token)
    decide(desk.catalog, desk.taxonomy, [answer], author="budi", batch_id="action-2")
    third = queue.next_items(desk.catalog, desk.taxonomy, "citra", attribute="color", count=20)
    assert "p00" not in {item.sku for item in third}
