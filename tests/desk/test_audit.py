"""Audits are drawn by coins of known probability, asked blind, and stop what breaks its promise."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO

import pytest
import sqlalchemy as sa
from PIL import Image

from drawn_workspace import publish_all
from small_desk import MOMENT, TAXONOMY, add_products
from vitrine.classify import PUBLISHED, TO_REVIEW
from vitrine.config import AuditSettings
from vitrine.desk import audit, decisions, draw, grid, journal, queue
from vitrine.desk.decisions import Answer, decide
from vitrine.desk.fill import fill
from vitrine.records import AuditRound, Decision, Label, ModelRecord
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.workspace import Workspace

SKUS = [f"p{i:03d}" for i in range(240)]
WEEK = timedelta(weeks=1)
ROUND = AuditRound("color", "md-1", 1, "hd-color", 0.03, 0.05, "salt", MOMENT, None)


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    """240 products whose color and heel are published, and a first round for color."""
    catalog = Catalog(catalog_url)
    add_products(catalog, SKUS, decision=PUBLISHED)
    catalog.add(schema.audit_rounds, [ROUND])
    yield catalog
    catalog.close()


def drawn(catalog: Catalog) -> list[str]:
    return sorted(row["sku"] for row in catalog.rows(schema.audits))


def asked(catalog: Catalog, reason: str) -> dict[str, bool]:
    """The open questions about color with this reason: sku → blind."""
    rows = catalog.rows(schema.queue)
    open_ = (row for row in rows if row["turn"] is not None and row["attribute"] == "color")
    return {row["sku"]: row["blind"] for row in open_ if row["reason"] == reason}


def audits_of(catalog: Catalog, holder: str, count: int) -> list[queue.Item]:
    """The next `count` audits that the queue lends; other questions are left with their leases."""
    items: list[queue.Item] = []
    while some := queue.next_items(catalog, TAXONOMY, holder, attribute="color", count=20):
        items += [one for one in some if one.reason == journal.AUDIT]
        if len(items) >= count:
            break
    return items[:count]


def answer(catalog: Catalog, item: queue.Item, value: str, author: str = "ana", batch: str = "") -> list[Decision]:
    said = Answer(item.sku, item.attribute, value=value, token=item.token)
    return decide(catalog, TAXONOMY, [said], author=author, batch_id=batch or f"{author}-{item.sku}-{item.version}")


def color(catalog: Catalog) -> audit.AttributeAudit:
    return audit.status(catalog, TAXONOMY)[0]


def test_what_is_published_is_drawn_at_the_budget_and_asked_blind(catalog: Catalog) -> None:
    n = draw.draw(catalog, AuditSettings(first=80, weekly=20), moment=MOMENT)
    cohorts = catalog.rows(schema.audit_cohorts)
    assert [one["probability"] for one in cohorts] == [pytest.approx(80 / 240)]
    assert n == len(drawn(catalog)) and 50 < n < 110
    fill(catalog, TAXONOMY)
    assert asked(catalog, journal.AUDIT) == dict.fromkeys(drawn(catalog), True)
    item = audits_of(catalog, "ana", 1)[0]
    assert (item.blind, item.predicted, item.confidence) == (True, None, None)
    entry = answer(catalog, item, "red")[0]
    assert (entry.mode, entry.predicted_value) == (journal.AUDIT, "red")


def test_the_coin_of_an_answer_never_falls_again(catalog: Catalog) -> None:
    settings = AuditSettings(first=80, weekly=40)
    draw.draw(catalog, settings, moment=MOMENT)
    first = set(drawn(catalog))
    assert draw.draw(catalog, settings, moment=MOMENT) in range(30)  # only what the coins left of the budget
    draw.draw(catalog, settings, moment=MOMENT + 2 * WEEK)
    probability = catalog.rows(schema.audit_cohorts)[0]["probability"]
    below = {sku for sku in SKUS if journal.number("salt|hd-color", sku, "color") < probability}
    assert first < set(drawn(catalog)) == below and probability == pytest.approx(160 / 240, abs=0.15)


def test_what_is_new_is_audited_first_at_a_probability_of_its_own(catalog: Catalog) -> None:
    settings = AuditSettings(first=24, weekly=20)
    draw.draw(catalog, settings, moment=MOMENT)
    add_products(catalog, [f"n{i:02d}" for i in range(30)], decision=PUBLISHED)
    _came(catalog, "n", MOMENT + WEEK / 2)
    draw.draw(catalog, settings, moment=MOMENT + WEEK)
    before = len(drawn(catalog))
    draw.draw(catalog, settings, moment=MOMENT + WEEK)
    assert len(drawn(catalog)) == before
    old, new = (one["probability"] for one in catalog.rows(schema.audit_cohorts))
    assert (old, new) == (pytest.approx(24 / 240), pytest.approx(20 / 30))
    assert {sku for sku in drawn(catalog) if sku.startswith("n")}


def test_a_head_in_doubt_is_asked_about_more(catalog: Catalog) -> None:
    settings = AuditSettings(first=60, weekly=6)
    draw.draw(catalog, settings, moment=MOMENT)
    before = len(drawn(catalog))
    draw.draw(catalog, settings, moment=MOMENT + WEEK)
    assert len(drawn(catalog)) - before < 20
    before = len(drawn(catalog))
    answers = [Answer(sku, "color", value="blue", version=0) for sku in drawn(catalog)[:1]]
    decide(catalog, TAXONOMY, answers, author="ana", batch_id="action-1")
    draw.draw(catalog, settings, moment=MOMENT + 2 * WEEK)
    assert len(drawn(catalog)) - before > 30


def _came(catalog: Catalog, prefix: str, moment: datetime) -> None:
    with catalog.transaction() as connection:
        table = schema.products
        connection.execute(sa.update(table).where(table.c.sku.startswith(prefix)).values(added_at=moment))


def test_what_a_person_or_a_table_has_said_is_not_audited(catalog: Catalog) -> None:
    catalog.add(schema.labels, [Label("p000", "color", "red", "table", "t", MOMENT)])
    decide(catalog, TAXONOMY, [Answer("p001", "color", value="blue", version=0)], author="ana", batch_id="action-1")
    draw.draw(catalog, AuditSettings(first=1_000, weekly=0), moment=MOMENT)
    assert drawn(catalog) == SKUS[2:]


def test_a_sweep_does_not_take_an_audit_away(catalog: Catalog) -> None:
    draw.draw(catalog, AuditSettings(first=1_000, weekly=0), moment=MOMENT)
    fill(catalog, TAXONOMY)
    swept = grid.accept(
        catalog, TAXONOMY, "color", "red", shown={"p004": 0}, wrong=[], author="ana", batch_id="sweep-01"
    )
    assert swept.held_back == {"p004": journal.AUDIT} and not swept.decisions


@pytest.mark.slow
def test_the_meter_falls_with_right_answers_and_the_head_is_confirmed(catalog: Catalog) -> None:
    draw.draw(catalog, AuditSettings(first=1_000, weekly=0), moment=MOMENT)
    fill(catalog, TAXONOMY)
    assert (color(catalog).state, color(catalog).bound, color(catalog).estimate) == (audit.NOT_CONFIRMED, 1.0, None)
    assert color(catalog).pending == 240
    for item in audits_of(catalog, "ana", 200):
        answer(catalog, item, "red")
    now = color(catalog)
    assert (now.state, now.audits, now.errors, now.estimate) == (audit.CONFIRMED, 200, 0, 0.0)
    assert now.bound < 0.03 < 0.05 < color(catalog).stops_at
    assert [day.audits for day in now.days] == [200]


def wrong_until_stop(catalog: Catalog) -> list[str]:
    """Answer audits until the stop: every third is wrong; the actions entered."""
    batches = []
    for i, item in enumerate(audits_of(catalog, "ana", 200)):
        batches.append(answer(catalog, item, "blue" if i % 3 == 0 else "red")[0].batch_id)
        if audit.stopped(catalog):
            return batches
    raise AssertionError("200 audits with a third of them wrong, and no stop")


def test_a_broken_promise_sends_the_attribute_to_people_and_says_what_to_recall(catalog: Catalog) -> None:
    draw.draw(catalog, AuditSettings(first=1_000, weekly=0), moment=MOMENT)
    fill(catalog, TAXONOMY)
    actions = wrong_until_stop(catalog)
    now = color(catalog)
    assert (now.state, audit.stopped(catalog), now.recalled) == (audit.STOPPED, ["color"], 240 - len(actions))
    assert now.evidence >= now.stops_at == pytest.approx(20)
    listed = audit.recalls(catalog, "color")
    assert listed.num_rows == now.recalled and set(listed.column("value").to_pylist()) == {"red"}
    stands = audit.decision_now(audit.stopped(catalog))
    rows = catalog.rows(sa.select(schema.predictions.c.attribute, stands))
    assert {(row["attribute"], row["decision"]) for row in rows} == {("color", TO_REVIEW), ("heel", PUBLISHED)}
    assert draw.draw(catalog, AuditSettings(first=5_000, weekly=0), moment=MOMENT + WEEK) == 0
    fill(catalog, TAXONOMY)
    doubts = [row for row in catalog.rows(schema.queue) if row["attribute"] == "color"]
    assert len([row for row in doubts if row["turn"] is not None]) >= 240 - len(actions)


def test_people_are_asked_at_once_when_a_head_stops(catalog: Catalog) -> None:
    draw.draw(catalog, AuditSettings(first=200, weekly=0), moment=MOMENT)
    fill(catalog, TAXONOMY)
    unasked = set(SKUS) - set(drawn(catalog))
    wrong_until_stop(catalog)
    assert set(asked(catalog, audit.STOPPED)) == unasked
    fill(catalog, TAXONOMY)
    assert unasked <= set(asked(catalog, audit.STOPPED))


def test_a_stop_that_hung_on_a_mistake_is_lifted_with_it(catalog: Catalog) -> None:
    draw.draw(catalog, AuditSettings(first=200, weekly=0), moment=MOMENT)
    fill(catalog, TAXONOMY)
    before = sorted((r["sku"], r["reason"]) for r in catalog.rows(schema.queue) if r["turn"] is not None)
    actions = wrong_until_stop(catalog)
    for action in reversed(actions):
        decisions.undo(catalog, action, author="ana")
    assert audit.stopped(catalog) == [] and audit.recalls(catalog, "color").num_rows == 0
    after = sorted((r["sku"], r["reason"]) for r in catalog.rows(schema.queue) if r["turn"] is not None)
    assert after == before and color(catalog).audits == 0


def test_a_disagreement_is_looked_at_again_and_two_against_one_clear_the_head(catalog: Catalog) -> None:
    draw.draw(catalog, AuditSettings(first=240, weekly=0), moment=MOMENT)
    fill(catalog, TAXONOMY)
    item = audits_of(catalog, "ana", 1)[0]
    answer(catalog, item, "blue")
    assert color(catalog).errors == 1
    for other in ("budi", "citra"):
        again = next(one for one in _all(catalog, other) if one.sku == item.sku)
        assert again.blind and again.reason == journal.REVIEW
        answer(catalog, again, "red", author=other)
    assert (color(catalog).errors, color(catalog).audits) == (0, 1)


def _all(catalog: Catalog, holder: str) -> Iterator[queue.Item]:
    while some := queue.next_items(catalog, TAXONOMY, holder, attribute="color", count=20):
        yield from some


@pytest.mark.parametrize(
    ("outcome", "value", "audits", "errors", "unanswerable"),
    [
        ("value_missing", None, 1, 1, 0),
        ("unusable_photo", None, 0, 0, 1),
        ("unsure", None, 0, 0, 0),
        ("rejected", "red", 1, 1, 0),
        ("rejected", "pink", 0, 0, 0),
    ],
)
def test_what_an_answer_without_a_value_says_about_the_head(
    catalog: Catalog, outcome: str, value: str | None, audits: int, errors: int, unanswerable: int
) -> None:
    draw.draw(catalog, AuditSettings(first=240, weekly=0), moment=MOMENT)
    said = [Answer("p100", "color", outcome=outcome, value=value, version=0)]
    decide(catalog, TAXONOMY, said, author="ana", batch_id="action-1")
    now = color(catalog)
    assert (now.audits, now.errors, now.unanswerable) == (audits, errors, unanswerable)
    assert now.pending == len(drawn(catalog)) - audits - unanswerable


def test_the_estimate_weighs_an_audit_by_what_it_stands_for(catalog: Catalog) -> None:
    """Half of the old ones were drawn and are right, all of the new ones and half of them are wrong."""
    table = schema.audit_cohorts
    draw.draw(catalog, AuditSettings(first=120, weekly=0), moment=MOMENT)
    add_products(catalog, [f"n{i:02d}" for i in range(10)], decision=PUBLISHED)
    _came(catalog, "n", MOMENT + WEEK / 2)
    draw.draw(catalog, AuditSettings(first=130, weekly=100), moment=MOMENT + WEEK)
    p_old, p_new = (row["probability"] for row in catalog.rows(sa.select(table).order_by(table.c.number)))
    assert p_new == 1
    olds = [sku for sku in drawn(catalog) if sku.startswith("p")][:40]
    answers = [Answer(sku, "color", value="red", version=0) for sku in olds]
    answers += [Answer(f"n{i:02d}", "color", value=("blue", "red")[i % 2], version=0) for i in range(10)]
    decide(catalog, TAXONOMY, answers, author="ana", batch_id="action-1")
    assert color(catalog).estimate == pytest.approx(5 / (40 / p_old + 10))


@pytest.fixture
def publishing(trained: Workspace) -> Workspace:
    """The trained workspace with a champion whose heads publish whatever they are surer than not of."""
    publish_all(trained)
    return trained


def test_a_new_certificate_starts_again_with_less_risk_and_a_rollback_goes_on(publishing: Workspace) -> None:
    catalog, model = publishing.catalog, publishing.model()
    assert draw.begin(catalog, model) == len(model.attributes)
    rounds = catalog.rows(schema.audit_rounds)
    assert {(row["number"], round(row["risk"], 6), round(row["allowed"], 6)) for row in rounds} == {(1, 0.030396, 0.03)}
    later = replace(model, dataset_id="ds-later")
    catalog.add(schema.models, [ModelRecord(later.model_id, "ds-later", "em", "tx", MOMENT)])
    assert draw.begin(catalog, later) == len(model.attributes)
    assert draw.begin(catalog, model) == 0
    rounds = catalog.rows(sa.select(schema.audit_rounds).where(schema.audit_rounds.c.number == 2))
    assert {(row["model_id"], round(row["risk"], 6)) for row in rounds} == {(later.model_id, 0.007599)}


def test_a_head_that_publishes_nothing_is_not_audited(trained: Workspace) -> None:
    model = trained.model()
    silent_heads = [name for name, one in model.certificates.items() if one.own.rule.level is None]
    draw.begin(trained.catalog, model)
    rounds = trained.catalog.read(schema.audit_rounds).column("attribute").to_pylist()
    assert silent_heads and set(rounds) == set(model.attributes) - set(silent_heads)


def test_a_stopped_attribute_is_published_neither_by_the_next_run_nor_for_a_new_photo(publishing: Workspace) -> None:
    first = publishing.classify()
    name = "closure"
    published = sum(row["decision"] == PUBLISHED for row in publishing.predictions(attribute=name).to_pylist())
    assert published
    assert {one.attribute: one.state for one in publishing.audits()}[name] == audit.NOT_CONFIRMED
    _stop(publishing, name, MOMENT)
    assert {row["decision"] for row in publishing.predictions(attribute=name).to_pylist()} == {TO_REVIEW}
    second = publishing.classify()
    assert second.run_id != first.run_id and second.published == first.published - published
    _stop(publishing, name, None)
    assert publishing.classify().published == first.published
    again = publishing.predictions(attribute=name).to_pylist()
    assert sum(row["decision"] == PUBLISHED for row in again) == published
    _stop(publishing, name, MOMENT)
    drawing = BytesIO()
    Image.fromarray(publishing.pixels(publishing.catalog.read(schema.photos)["photo_id"][0].as_py())).save(
        drawing, "PNG"
    )
    decided = {row["attribute"]: row["decision"] for row in publishing.classify_photo(drawing.getvalue())}
    assert decided[name] == TO_REVIEW


def _stop(workspace: Workspace, attribute: str, moment: datetime | None) -> None:
    table = schema.audit_rounds
    with workspace.catalog.transaction() as connection:
        connection.execute(sa.update(table).where(table.c.attribute == attribute).values(stopped_at=moment))
