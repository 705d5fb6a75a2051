"""Examples of a value: known by people, typical, each of a family of its own, and never of the product asked about."""

import numpy as np
import pytest

from small_desk import MOMENT, TAXONOMY_TEXT, Desk
from vitrine.desk.decisions import Answer, decide
from vitrine.desk.examples import COUNT, choose, examples
from vitrine.desk.surroundings import Surroundings
from vitrine.records import Label, Member
from vitrine.stores import schema
from vitrine.taxonomy import parse


def around(angles: dict[str, float]) -> Surroundings:
    """Products on a circle."""
    turned = np.radians(list(angles.values()))
    vectors = np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)
    return Surroundings(tuple(angles), vectors, np.zeros(len(angles), np.int64))


def test_the_most_typical_comes_first_and_the_next_ones_show_the_breadth() -> None:
    typical = {f"t{angle}": float(angle) for angle in range(-20, 21, 2)}
    alike = around({**typical, "stray": 150.0, "other stray": -150.0})
    found = choose(list(alike.skus), alike, {}, count=3)
    assert found[0] == "t0"
    low, high = sorted(typical[sku] for sku in found[1:])
    assert -12 <= low <= -8 and 8 <= high <= 12, "as far from each other as the nearer half lies, and no strays"


def test_a_family_is_shown_once() -> None:
    alike = around({f"p{n}": float(n) for n in range(10)})
    families = {f"p{n}": "one" if n < 8 else "two" for n in range(10)}
    assert len(choose(list(alike.skus), alike, families)) == 2
    assert choose(list(alike.skus), alike, families, taken=["p0", "p9"]) == []


@pytest.fixture
def known(desk: Desk) -> Desk:
    labels = [Label(f"p{n:02d}", "color", "red" if n < 8 else "blue", "table", "t", MOMENT) for n in range(12)]
    desk.catalog.add(schema.labels, labels)
    desk.catalog.put(schema.members, [Member(f"p{n:02d}", f"f{n}", "train") for n in range(12)])
    return desk


def test_examples_are_what_people_know_and_a_correction_counts(known: Desk) -> None:
    alike = around({f"p{n:02d}": float(n) for n in range(12)})
    answer = Answer("p03", "color", value="blue", version=0)
    decide(known.catalog, known.taxonomy, [answer], author="ana", batch_id="action-1")
    found = examples(known.catalog, known.taxonomy.attributes["color"], alike)
    assert set(found) == {"red", "blue", "pink"} and found["pink"] == []
    assert set(found["red"]) == {f"p{n:02d}" for n in range(8)} - {"p03"}
    assert set(found["blue"]) == {"p03", "p08", "p09", "p10", "p11"}
    assert all(len(some) <= COUNT for some in found.values())


def test_written_examples_come_first_and_what_is_published_fills_up(known: Desk) -> None:
    taxonomy = parse(TAXONOMY_TEXT.replace("red = {}", 'red = {examples = ["p05", "gone"]}'))
    alike = around({f"p{n:02d}": float(n) for n in range(12)})
    assert examples(known.catalog, taxonomy.attributes["color"], alike)["red"][:2] == ["p05", "gone"]
    assert examples(known.catalog, taxonomy.attributes["color"], None) == {
        "red": ["p05", "gone"], "blue": [], "pink": []
    }  # fmt: skip
    heel = known.taxonomy.attributes["heel"]
    assert examples(known.catalog, heel, alike)["none"] == [], "nobody has said it, and nothing is published"
    with known.catalog.transaction() as connection:
        connection.execute(schema.predictions.update().values(decision="published"))
    assert len(examples(known.catalog, heel, alike)["none"]) == COUNT
