"""A product that leaves the range takes its questions along and leaves its trail; on both databases."""

import pytest

from small_desk import MOMENT, TAXONOMY, Desk, add_products
from vitrine.classify import PUBLISHED
from vitrine.config import AuditSettings
from vitrine.desk import audit, draw, queue
from vitrine.desk.decisions import Answer, decide
from vitrine.desk.fill import ask_about, fill
from vitrine.errors import InputError
from vitrine.intake.discontinue import bring_back, discontinue
from vitrine.records import AuditRound
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.web.queries.search import Filters, search
from vitrine.web.queries.tallies import tallies


def asked(catalog: Catalog) -> set[str]:
    return {row["sku"] for row in catalog.rows(schema.queue)}


def shown(catalog: Catalog, standing: str | None = None) -> list[str]:
    return [card.sku for card in search(catalog, TAXONOMY, Filters(standing=standing)).cards]


def test_questions_and_answers_of_the_machine_go_and_what_people_said_stays(desk: Desk) -> None:
    catalog = desk.catalog
    lent = queue.next_items(catalog, TAXONOMY, "ana", attribute="color", count=1)[0]
    said = [
        Answer(lent.sku, "heel", value="block", version=0),
        Answer("p05", "heel", outcome="unsure", version=0),  # people would ask somebody else
    ]
    decide(catalog, TAXONOMY, said, author="ana", batch_id="before-it-left")
    assert discontinue(catalog, [lent.sku, "p05", "p05"], author="budi") == 2
    gone = {lent.sku, "p05"}
    for table in (schema.queue, schema.leases, schema.predictions, schema.answered):
        assert not gone & {row["sku"] for row in catalog.rows(table)}, table.name
    assert len(catalog.rows(schema.decisions)) == 2
    assert fill(catalog, TAXONOMY) and not gone & asked(catalog), "a queue filled anew does not ask about them"
    assert not ask_about(catalog, TAXONOMY, sorted(gone))
    assert not tallies(catalog, TAXONOMY.attributes).touched, "what people said of them counts no more"
    assert not gone & set(shown(catalog)) and sorted(gone) == shown(catalog, "discontinued")


def test_taking_out_twice_changes_nothing_and_back_is_back(desk: Desk) -> None:
    catalog = desk.catalog
    assert [discontinue(catalog, ["p01"], author="ana") for _ in range(2)] == [1, 0]
    assert [row["author"] for row in catalog.rows(schema.discontinued)] == ["ana"]
    assert [bring_back(catalog, ["p01"]) for _ in range(2)] == [1, 0]
    assert "p01" in shown(catalog) and not catalog.rows(schema.discontinued)


def test_one_that_nobody_knows_is_named_and_nothing_is_changed(desk: Desk) -> None:
    before = asked(desk.catalog)
    with pytest.raises(InputError, match="there is no product 'p99'"):
        discontinue(desk.catalog, ["p01", "p99"], author="ana")
    with pytest.raises(InputError, match="'p99'"):
        bring_back(desk.catalog, ["p99"])
    assert asked(desk.catalog) == before and not desk.catalog.rows(schema.discontinued)


def test_audits_of_what_left_are_neither_asked_nor_awaited(catalog_url: str) -> None:
    catalog = Catalog(catalog_url)
    add_products(catalog, [f"p{i:02d}" for i in range(40)], decision=PUBLISHED)
    catalog.add(schema.audit_rounds, [AuditRound("color", "md-1", 1, "hd-color", 0.03, 0.05, "salt", MOMENT, None)])
    drawn = draw.draw(catalog, AuditSettings(first=40, weekly=20), moment=MOMENT)
    assert drawn == 40
    discontinue(catalog, ["p03", "p04"], author="ana")
    fill(catalog, TAXONOMY)
    color = audit.status(catalog, TAXONOMY)[0]
    assert (color.pending, color.unanswerable) == (38, 2)
    assert not {"p03", "p04"} & asked(catalog)
    catalog.close()
