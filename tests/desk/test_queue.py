"""The queue lends each question to one person, the one most worth asking first, and hides what must not be seen."""

from datetime import timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from small_desk import TAXONOMY, Desk, add_products
from vitrine.desk import journal, queue
from vitrine.desk.decisions import Answer, decide
from vitrine.desk.fill import fill, spread
from vitrine.errors import Conflict, InputError
from vitrine.records import Label, now
from vitrine.stores import schema


def take(desk: Desk, holder: str, count: int = 20, attribute: str = "color") -> dict[str, queue.Item]:
    return {one.sku: one for one in queue.next_items(desk.catalog, TAXONOMY, holder, attribute=attribute, count=count)}


def expire(desk: Desk) -> None:
    with desk.catalog.transaction() as connection:
        connection.execute(sa.update(schema.leases).values(expires_at=now() - timedelta(seconds=1)))


def test_two_people_never_get_the_same_question(desk: Desk) -> None:
    first, second = take(desk, "ana", 5), take(desk, "budi", 20)
    assert len(first) == 5 and len(second) == 7 and not set(first) & set(second)
    assert take(desk, "citra") == {}


def test_a_question_given_back_or_left_lying_goes_to_somebody_else(desk: Desk) -> None:
    items = list(take(desk, "ana", 2).values())
    assert queue.release(desk.catalog, "budi", [items[0].token]) == 0
    assert queue.release(desk.catalog, "ana", [items[0].token]) == 1
    expire(desk)
    assert {items[0].sku, items[1].sku} <= set(take(desk, "budi"))


def test_what_somebody_skips_goes_to_others_at_once_and_comes_back_after_all_else(desk: Desk) -> None:
    first = list(take(desk, "ana", 2).values())
    assert queue.release(desk.catalog, "ana", [one.token for one in first], skipped=True) == 2
    rest = take(desk, "ana")
    assert len(rest) == 10 and not set(rest) & {one.sku for one in first}
    assert list(take(desk, "budi", 1)) == [first[0].sku]
    assert list(take(desk, "ana")) == [first[1].sku], "nothing else is left"
    queue.release(desk.catalog, "ana", [one.token for one in rest.values()])
    assert len(take(desk, "ana")) == 10, "what was given back, such as by closing the page, is offered again"


def test_a_late_answer_counts_while_nobody_else_has_the_question(desk: Desk) -> None:
    item = next(iter(take(desk, "ana", 1).values()))
    expire(desk)
    answer = Answer(item.sku, "color", value="red", token=item.token)
    assert decide(desk.catalog, TAXONOMY, [answer], author="ana", batch_id="action-1")


def test_a_late_answer_after_it_went_to_somebody_else_is_told_so(desk: Desk) -> None:
    item = next(iter(take(desk, "ana", 1).values()))
    expire(desk)
    assert item.sku in take(desk, "budi")
    with pytest.raises(Conflict, match="went to somebody else"):
        answer = Answer(item.sku, "color", value="red", token=item.token)
        decide(desk.catalog, TAXONOMY, [answer], author="ana", batch_id="action-1")


def test_families_and_doubt_come_first_and_a_family_is_asked_once_before_others_twice(desk: Desk) -> None:
    """p00 to p02 are the least sure and one family of three; p03 to p05 the next; then products alone."""
    order = list(take(desk, "ana"))
    assert order[:2] == ["p00", "p03"]
    assert take(desk, "ana", attribute="heel")["p00"].family_size == 3


def test_surroundings_do_not_follow_each_other_where_others_are_left() -> None:
    clusters = [1, 1, 1, 2, 2, 3]
    asked = [{"attribute": "color", "cluster": cluster, "n": n} for n, cluster in enumerate(clusters)]
    order = list(spread(iter(asked)))
    assert sorted(one["n"] for one in order) == list(range(6))
    assert all(a["cluster"] != b["cluster"] for a, b in pairwise(order))


def test_a_blind_question_shows_nothing_of_the_prediction(desk: Desk) -> None:
    with desk.catalog.transaction() as connection:
        connection.execute(sa.update(schema.queue).values(blind=True))
    item = take(desk, "ana")["p00"]
    assert (item.blind, item.predicted, item.confidence, item.alternatives) == (True, None, None, {})
    answer = Answer("p00", "color", value="red", token=item.token)
    entry = decide(desk.catalog, TAXONOMY, [answer], author="ana", batch_id="action-1")[0]
    assert (entry.blind, entry.predicted_value) == (True, "red")


def test_an_attribute_that_is_not_there_is_named(desk: Desk) -> None:
    with pytest.raises(InputError, match="'colour' is not in the taxonomy"):
        take(desk, "ana", attribute="colour")


def test_what_a_table_says_is_asked_only_where_the_model_says_otherwise(desk: Desk) -> None:
    labels = [Label(f"p{i:02d}", "color", "red" if i else "blue", "table", "t", now()) for i in range(12)]
    desk.catalog.add(schema.labels, labels)
    fill(desk.catalog, TAXONOMY)
    items = take(desk, "ana")
    assert {sku: item.reason for sku, item in items.items()} == {"p00": queue.AGAINST_LABEL}


def with_a_product_to_review(desk: Desk) -> str:
    """One that the coin picks for a second opinion."""
    names = (f"r{number}" for number in range(1_000))
    sku = next(name for name in names if journal.coin("review", name, "color", journal.REVIEW_SHARE))
    add_products(desk.catalog, [sku])
    fill(desk.catalog, TAXONOMY)
    return sku


def test_a_review_goes_blind_to_somebody_else_and_a_dispute_to_a_third(desk: Desk) -> None:
    sku = with_a_product_to_review(desk)
    first = Answer(sku, "color", value="blue", version=0)
    decide(desk.catalog, TAXONOMY, [first], author="ana", batch_id="action-1")
    mine = take(desk, "ana")
    assert sku not in mine
    queue.release(desk.catalog, "ana", [item.token for item in mine.values()])
    item = take(desk, "budi")[sku]
    assert (item.reason, item.blind, item.predicted, item.version) == ("review", True, None, 1)
    second = Answer(sku, "color", value="pink", token=item.token)
    entry = decide(desk.catalog, TAXONOMY, [second], author="budi", batch_id="action-2")[0]
    assert (entry.mode, entry.holds) == ("review", None)
    expire(desk)
    assert sku not in take(desk, "ana") and sku not in take(desk, "budi")
    expire(desk)
    third = Answer(sku, "color", value="blue", token=take(desk, "citra")[sku].token)
    entry = decide(desk.catalog, TAXONOMY, [third], author="citra", batch_id="action-3")[0]
    assert entry.holds == "action-1.00000"
    expire(desk)
    assert sku not in take(desk, "dewi")
