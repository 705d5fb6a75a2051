"""What people decide is a label that stands above a table's word, and an answer that stands above what is published."""

import pytest
import sqlalchemy as sa

from small_desk import TAXONOMY, Desk
from vitrine.desk.answers import answers
from vitrine.desk.decisions import Answer, decide, undo
from vitrine.intake.labels import current_labels, spoken_labels
from vitrine.records import Label, now
from vitrine.stores import schema


def says(desk: Desk, outcome: str, value: str | None = None, version: int = 0) -> None:
    answer = Answer("p03", "color", outcome, value, version=version)
    decide(desk.catalog, TAXONOMY, [answer], author="ana", batch_id=f"action-{version}")


def labelled(desk: Desk) -> list[tuple[str, str]]:
    rows = current_labels(spoken_labels(desk.catalog)).to_pylist()
    return [(row["value"], row["source"]) for row in rows if row["sku"] == "p03"]


@pytest.mark.parametrize(
    ("outcome", "value", "left"),
    [
        ("decided", "blue", [("blue", "person")]),
        ("unsure", None, [("red", "table")]),
        ("rejected", "red", []),
        ("rejected", "pink", [("red", "table")]),
        ("value_missing", None, []),
        ("unusable_photo", None, []),
    ],
)
def test_a_decision_against_a_tables_label(
    desk: Desk, outcome: str, value: str | None, left: list[tuple[str, str]]
) -> None:
    desk.catalog.add(schema.labels, [Label("p03", "color", "red", "table", "t", now())])
    says(desk, outcome, value)
    assert labelled(desk) == left
    undo(desk.catalog, "action-0", author="ana")
    assert labelled(desk) == [("red", "table")]


def test_the_newest_decision_is_the_label(desk: Desk) -> None:
    says(desk, "decided", "blue")
    says(desk, "decided", "pink", version=1)
    assert labelled(desk) == [("pink", "person")]


def held(desk: Desk) -> dict[tuple[str, str], tuple[str, str]]:
    rows = answers(desk.catalog, TAXONOMY).to_pylist()
    return {(row["sku"], row["attribute"]): (row["value"], row["origin"]) for row in rows}


def test_people_stand_above_tables_and_tables_above_the_model(desk: Desk) -> None:
    assert held(desk) == {}
    with desk.catalog.transaction() as connection:
        of_color = schema.predictions.c.attribute == "color"
        connection.execute(sa.update(schema.predictions).where(of_color).values(decision="published"))
    desk.catalog.add(schema.labels, [Label("p01", "color", "blue", "table", "t", now())])
    desk.catalog.add(schema.labels, [Label("p02", "color", "mauve", "table", "t", now())])  # no longer a value
    says(desk, "decided", "pink")
    found = held(desk)
    assert found["p00", "color"] == ("red", "published")
    assert found["p01", "color"] == ("blue", "table")
    assert found["p03", "color"] == ("pink", "person")
    assert len(found) == 11 and ("p02", "color") not in found


@pytest.mark.parametrize("outcome", ["rejected", "unsure", "value_missing"])
def test_what_a_person_doubts_is_no_longer_published(desk: Desk, outcome: str) -> None:
    with desk.catalog.transaction() as connection:
        connection.execute(sa.update(schema.predictions).values(decision="published"))
    says(desk, outcome, "red" if outcome == "rejected" else None)
    found = held(desk)
    assert ("p03", "color") not in found and len(found) == 23
