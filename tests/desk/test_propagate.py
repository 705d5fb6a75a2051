"""A correction proposes what is tied to it, for a reason, and nothing changes until it is chosen."""

import numpy as np
import pytest
import sqlalchemy as sa

from small_desk import MOMENT, TAXONOMY, Desk
from vitrine.desk import propagate
from vitrine.desk.decisions import Answer, decide, undo
from vitrine.desk.surroundings import Surroundings
from vitrine.errors import InputError, NotFound
from vitrine.records import Photo, ProductPhoto, Twin
from vitrine.stores import schema

ALL = tuple(f"p{i:02d}" for i in range(12))


def propose(
    desk: Desk, sku: str, value: str, attribute: str = "color", alike: Surroundings | None = None
) -> dict[str, str]:
    found = propagate.propose(desk.catalog, TAXONOMY, sku, attribute, value, surroundings=alike)
    return {one.sku: one.reason for one in found}


def add_photos(desk: Desk) -> None:
    """p00 and p07 show the same photo, p00 and p09 twins."""
    photos = {"a": ("p00", "p07"), "b": ("p09",)}
    rows = [Photo(name * 64, "c", 9, 9, 9, 9, 9, 9, "", 1.0, 1.0, b"", True, MOMENT) for name in photos]
    desk.catalog.add(schema.photos, rows)
    links = [ProductPhoto(sku, name * 64, "x", "1", None) for name, skus in photos.items() for sku in skus]
    desk.catalog.add(schema.product_photos, links)
    desk.catalog.add(schema.twins, [Twin("a" * 64, "b" * 64, "near", 0.99)])


def test_twins_and_family_are_proposed_first_each_for_its_surest_reason(desk: Desk) -> None:
    add_photos(desk)
    assert propose(desk, "p00", "blue") == {"p07": "twin", "p09": "twin", "p01": "family", "p02": "family"}


def test_colorways_are_proposed_for_what_does_not_depend_on_color(desk: Desk) -> None:
    with desk.catalog.transaction() as connection:
        for sku, name in (("p06", "Lumo Pump red"), ("p08", "Lumo PUMP Blue"), ("p10", "Lumo Clog red")):
            connection.execute(sa.update(schema.products).where(schema.products.c.sku == sku).values(name=name))
    assert propose(desk, "p06", "block", attribute="heel") == {"p08": "colorway"}
    assert propose(desk, "p06", "blue") == {}
    assert propose(desk, "p06", "none", attribute="heel") == {}, "the model says that of its colorway already"


def test_surroundings_are_proposed_where_the_model_made_the_same_mistake(desk: Desk) -> None:
    angles = np.linspace(0, 1.5, 12)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    alike = Surroundings(ALL, vectors, np.zeros(12, np.int64))
    with desk.catalog.transaction() as connection:
        of_p07 = (schema.predictions.c.sku == "p07") & (schema.predictions.c.attribute == "color")
        connection.execute(sa.update(schema.predictions).where(of_p07).values(value="pink"))
    found = propose(desk, "p06", "blue", alike=alike)
    assert set(found) == {"p02", "p03", "p04", "p05", "p08", "p09", "p10"} and set(found.values()) == {"look-alike"}


def test_what_people_answered_is_not_proposed(desk: Desk) -> None:
    decide(desk.catalog, TAXONOMY, [Answer("p01", "color", value="red", version=0)], author="ana", batch_id="action-1")
    assert propose(desk, "p00", "blue") == {"p02": "family"}


def test_what_is_chosen_is_applied_as_one_and_undone_as_one(desk: Desk) -> None:
    chosen = {sku: 0 for sku in ("p00", "p01", "p02")}
    decide(desk.catalog, TAXONOMY, [Answer("p02", "color", value="red", version=0)], author="budi", batch_id="action-1")
    done = propagate.apply(desk.catalog, TAXONOMY, "color", "blue", chosen=chosen, author="ana", batch_id="family-01")
    assert [one.sku for one in done.decisions] == ["p00", "p01"] and {one.mode for one in done.decisions} == {"family"}
    assert "budi decided 'red'" in done.conflicts["p02", "color"]
    undo(desk.catalog, "family-01", author="ana")
    assert propose(desk, "p00", "blue") == {"p01": "family"}


def test_unknown_products_and_values_are_named(desk: Desk) -> None:
    with pytest.raises(NotFound, match="'nope'"):
        propose(desk, "nope", "blue")
    with pytest.raises(InputError, match="'bleu' is not a value of color"):
        propose(desk, "p00", "bleu")
