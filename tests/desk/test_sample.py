"""The sample that certificates may read: drawn by no model, asked blind, and the only way into the parts that judge."""

from collections.abc import Iterator

import numpy as np
import pytest
import sqlalchemy as sa

from small_desk import MOMENT, TAXONOMY, add_products
from vitrine.desk import queue, sample
from vitrine.desk.decisions import Answer, decide
from vitrine.desk.fill import fill
from vitrine.desk.journal import SAMPLE
from vitrine.records import Label, Member
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.workspace import Workspace

PARTS = ("train", "calibrate", "test")


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    catalog = Catalog(catalog_url)
    yield catalog
    catalog.close()


def add_families(catalog: Catalog, count: int = 60) -> dict[str, str]:
    """`count` families of two products, a third of them in each part; sku → part."""
    skus = [f"p{i:03d}" for i in range(2 * count)]
    add_products(catalog, skus, decision="published")
    members = [Member(sku, f"f{i // 2:03d}", PARTS[i // 2 % 3]) for i, sku in enumerate(skus)]
    catalog.put(schema.members, members)
    return {one.sku: one.part for one in members}


def drawn(catalog: Catalog) -> set[str]:
    return set(catalog.read(schema.samples).column("sku").to_pylist())


def test_a_product_a_family_outside_train_is_drawn_until_enough_wait(catalog: Catalog) -> None:
    parts = add_families(catalog)
    label = Label("p002", "color", "red", "table", "t1", MOMENT)
    catalog.add(schema.labels, [label])
    assert sample.draw(catalog, 5) == 5 and sample.draw(catalog, 5) == 0
    assert sample.draw(catalog, 100) == 39 - 5, "40 families are outside train, and a table knows one of them"
    assert {parts[sku] for sku in drawn(catalog)} == {"calibrate", "test"}
    families = [int(sku[1:]) // 2 for sku in drawn(catalog)]
    assert len(set(families)) == len(families) and 1 not in families


def test_every_attribute_is_asked_blind_between_the_others_also_where_the_machine_published(catalog: Catalog) -> None:
    add_families(catalog)
    sample.draw(catalog, 4)
    fill(catalog, TAXONOMY)
    items = queue.next_items(catalog, TAXONOMY, "ana", count=20)
    asked = {(item.sku, item.attribute) for item in items if item.reason == SAMPLE}
    assert asked == {(sku, name) for sku in drawn(catalog) for name in TAXONOMY.attributes}
    assert all(item.blind and item.predicted is None for item in items if item.reason == SAMPLE)


def test_answers_make_room_for_the_next_ones_in_an_order_that_no_answer_changes(catalog: Catalog) -> None:
    add_families(catalog)
    sample.draw(catalog, 100)
    order = list(dict.fromkeys(one.sku for one in waiting(catalog)))
    with catalog.transaction() as connection:
        connection.execute(sa.delete(schema.samples))
    seen: list[str] = []
    for _ in range(8):
        sample.draw(catalog, 3)
        first = waiting(catalog)[0].sku
        answers = [Answer(first, name, "unusable_photo", version=0) for name in TAXONOMY.attributes]
        decide(catalog, TAXONOMY, answers, author="ana", batch_id=f"action-{first}")
        seen.append(first)
    assert seen == order[:8]


def waiting(catalog: Catalog) -> list[queue.Queued]:
    with catalog.reading() as connection:
        return sample.waiting(connection, "md-1")


def test_what_a_model_chose_to_ask_teaches_but_does_not_judge(trained: Workspace) -> None:
    catalog = trained.catalog
    trained.classify()
    dataset = trained.freeze()
    parts = dict(zip(dataset.skus, dataset.parts.tolist(), strict=True))
    skus = {part: [sku for sku in dataset.skus if parts[sku] == part][:2] for part in PARTS}
    everyone = [sku for some in skus.values() for sku in some]
    with catalog.transaction() as connection:
        labels = schema.labels
        connection.execute(sa.delete(labels).where(labels.c.sku.in_(everyone), labels.c.attribute == "color"))
        catalog.add(schema.samples, [{"sku": skus["test"][1], "drawn_at": MOMENT}], connection=connection)
    decide(
        catalog,
        trained.taxonomy,
        [Answer(sku, "color", value="red", version=0) for sku in everyone],
        author="ana",
        batch_id="action-1",
    )
    frozen = trained.freeze()
    colors = dict(zip(frozen.skus, frozen.strings("color"), strict=True))
    assert [colors[sku] for sku in skus["train"]] == ["red", "red"]
    assert [colors[sku] for sku in skus["calibrate"]] == ["", ""]
    assert [colors[sku] for sku in skus["test"]] == ["", "red"], "the second one was drawn by chance"


def test_a_person_corrects_what_a_table_said_in_every_part(trained: Workspace) -> None:
    trained.classify()
    dataset = trained.freeze()
    row = int(np.flatnonzero((dataset.parts == "test") & (np.array(dataset.strings("color")) == "black"))[0])
    answer = Answer(dataset.skus[row], "color", value="red", version=0)
    decide(trained.catalog, trained.taxonomy, [answer], author="ana", batch_id="action-1")
    assert trained.freeze().strings("color")[row] == "red"
