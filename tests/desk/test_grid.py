"""A sweep accepts what was shown and nothing else; rare values and answers that stand out are looked at alone."""

import numpy as np
import pytest
import sqlalchemy as sa

from small_desk import TAXONOMY, Desk
from vitrine.desk import grid, queue
from vitrine.desk.decisions import Answer, decide, undo
from vitrine.desk.fill import fill
from vitrine.desk.surroundings import Surroundings
from vitrine.errors import InputError
from vitrine.stores import schema

ALL = [f"p{i:02d}" for i in range(12)]


def page(desk: Desk, **more: object) -> grid.Page:
    return grid.page(desk.catalog, TAXONOMY, "color", "red", **more)  # type: ignore[arg-type]


def accept(desk: Desk, shown: dict[str, int], wrong: tuple[str, ...] = (), batch_id: str = "sweep-01") -> grid.Swept:
    return grid.accept(
        desk.catalog, TAXONOMY, "color", "red", shown=shown, wrong=wrong, author="ana", batch_id=batch_id
    )


def test_the_most_doubtful_come_first_and_pages_follow_without_gap_or_repeat(desk: Desk) -> None:
    first = page(desk, size=5)
    second = page(desk, size=5, after=first.after)
    third = page(desk, size=5, after=second.after)
    assert [cell.sku for one in (first, second, third) for cell in one.cells] == ALL and third.after is None
    assert first.cells[0].confidence == pytest.approx(0.3)


def test_wrong_ones_are_asked_first_of_all_and_the_rest_is_accepted(desk: Desk) -> None:
    swept = accept(desk, dict.fromkeys(ALL[:6], 0), wrong=("p04",))
    assert [(one.sku, one.outcome) for one in swept.decisions if one.outcome != "decided"] == [("p04", "rejected")]
    assert len(swept.decisions) == 6 and [cell.sku for cell in page(desk).cells] == ALL[6:]
    item = queue.next_items(desk.catalog, TAXONOMY, "ana", attribute="color", count=1)[0]
    assert (item.sku, item.reason) == ("p04", "rejected")


def test_a_sweep_is_undone_as_one(desk: Desk) -> None:
    before = sorted(map(str, desk.catalog.rows(schema.queue)))
    accept(desk, dict.fromkeys(ALL, 0), wrong=("p04", "p05"))
    undo(desk.catalog, "sweep-01", author="ana")
    assert [cell.sku for cell in page(desk).cells] == ALL
    assert sorted(map(str, desk.catalog.rows(schema.queue))) == before


def test_what_others_decided_meanwhile_is_named_and_left_alone(desk: Desk) -> None:
    decide(
        desk.catalog, TAXONOMY, [Answer("p02", "color", value="blue", version=0)], author="budi", batch_id="action-1"
    )
    swept = accept(desk, dict.fromkeys(ALL[:4], 0))
    assert len(swept.decisions) == 3
    assert list(swept.conflicts) == ["p02"] and "budi decided 'blue'" in swept.conflicts["p02"]
    again = accept(desk, dict.fromkeys(ALL[:4], 0))
    assert list(again.decisions) == list(swept.decisions) and list(again.conflicts) == ["p02"]


def test_a_product_that_was_not_shown_cannot_be_marked(desk: Desk) -> None:
    with pytest.raises(InputError, match="the first is 'p11'"):
        accept(desk, {"p00": 0}, wrong=("p11",))


def test_a_rare_value_is_never_swept_along(desk: Desk) -> None:
    with desk.catalog.transaction() as connection:
        of_p05 = (schema.predictions.c.sku == "p05") & (schema.predictions.c.attribute == "color")
        connection.execute(sa.update(schema.predictions).where(of_p05).values(value="pink"))
    fill(desk.catalog, TAXONOMY)
    shown = grid.page(desk.catalog, TAXONOMY, "color", "pink").cells
    assert [(cell.sku, cell.alone) for cell in shown] == [("p05", queue.RARE)]
    swept = grid.accept(
        desk.catalog, TAXONOMY, "color", "pink", shown={"p05": 0}, wrong=(), author="ana", batch_id="sweep-01"
    )
    assert (len(swept.decisions), dict(swept.held_back)) == (0, {"p05": queue.RARE})


def test_a_confident_answer_that_its_surroundings_contradict_is_asked_although_published(desk: Desk) -> None:
    """All products look the same and eleven are red; the twelfth is surely blue, says the model."""
    with desk.catalog.transaction() as connection:
        table = schema.predictions
        of_color = table.c.attribute == "color"
        connection.execute(sa.update(table).where(of_color).values(decision="published", confidence=0.95))
        blue = of_color & table.c.sku.in_(["p11", "p10", "p09"])
        connection.execute(sa.update(table).where(blue).values(value="blue"))
    vectors = np.ones((12, 1), np.float32)
    fill(desk.catalog, TAXONOMY, Surroundings(tuple(ALL), vectors, np.zeros(12, np.int64)))
    items = queue.next_items(desk.catalog, TAXONOMY, "ana", attribute="color", count=20)
    assert {item.sku: item.reason for item in items} == dict.fromkeys(["p09", "p10", "p11"], queue.OUTLIER)
    shown = grid.page(desk.catalog, TAXONOMY, "color", "blue").cells
    assert {cell.alone for cell in shown} == {queue.OUTLIER} and all(cell.published for cell in shown)
