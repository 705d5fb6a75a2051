"""Look-alikes of products and photos on the drawn catalog: near, filtered, steered, without twins, and up to date."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from vitrine.demo.catalog import Planted
from vitrine.errors import InputError, NotFound, UnreadablePhoto
from vitrine.intake.discontinue import bring_back, discontinue
from vitrine.intake.ingest import blob_key
from vitrine.lookalike.exact import Exact
from vitrine.lookalike.finder import Finder
from vitrine.lookalike.index import Ids, Points
from vitrine.lookalike.known import known_values
from vitrine.lookalike.rows import map_points, write_points
from vitrine.lookalike.search import Found
from vitrine.lookalike.shelf import Shelf
from vitrine.lookalike.steer import Steering
from vitrine.lookalike.wanted import Filters, Wanted
from vitrine.records import now
from vitrine.stores import schema
from vitrine.workspace import Workspace


def skus(workspace: Workspace) -> list[str]:
    """The products that have a photo."""
    links = workspace.catalog.read(sa.select(schema.product_photos.c.sku).distinct())
    return sorted(links.column("sku").to_pylist())


def first_sku(workspace: Workspace, place: int = 0) -> str:
    return skus(workspace)[place]


def skus_of(found: Found) -> list[str]:
    return [one.sku for one in found.products]


def jpeg(workspace: Workspace, sku: str) -> bytes:
    links = schema.product_photos
    query = sa.select(links.c.photo_id).where(links.c.sku == sku).limit(1)
    photo_id = workspace.catalog.read(query).column("photo_id")[0].as_py()
    return workspace.photos.get(blob_key(photo_id, workspace.cleaning))


def test_look_alikes_come_best_first_with_reasons(trained: Workspace) -> None:
    found = trained.similar(first_sku(trained), Wanted(count=12))
    assert len(found.products) == 12 and first_sku(trained) not in skus_of(found)
    similarity = [one.similarity for one in found.products]
    assert similarity == sorted(similarity, reverse=True) and similarity[-1] >= -1 and similarity[0] <= 1
    for one in found.products:
        assert one.attribute == "category" and one.probability is not None and 0 <= one.probability <= 1
        assert {*one.why.same, *one.why.differs} == set(trained.taxonomy.attributes)
        assert all(one.attributes[name].query == one.attributes[name].product for name in one.why.same)
        assert one.name and one.price and one.description and one.brand and one.photo_id


def test_most_look_alikes_have_the_same_category_and_the_probability_knows(trained: Workspace) -> None:
    """By the true labels of both, over many products; n is small, so the bounds are wide."""
    labels = {sku: value for (sku, _), value in known_values(trained.catalog, attribute="category").items()}
    with trained.catalog.transaction() as connection:  # the search must not know
        connection.execute(sa.delete(schema.labels))
    said, right = [], []
    for sku in skus(trained)[::6]:
        for one in trained.similar(sku, Wanted(count=5)).products:
            if sku in labels and one.sku in labels:
                said.append(one.probability)
                right.append(labels[sku] == labels[one.sku])
    assert len(right) > 200 and np.mean(right) > 0.6
    assert abs(np.mean(said) - np.mean(right)) < 0.15
    sure = np.array(said) > 0.8
    assert np.mean(np.array(right)[sure]) > np.mean(np.array(right)[~sure]) + 0.2


def test_what_people_say_of_both_is_as_good_as_sure(trained: Workspace) -> None:
    known = known_values(trained.catalog)
    sku = next(sku for sku, name in known if name == "category")
    for one in trained.similar(sku, Wanted(count=20)).products:
        if (one.sku, "category") in known:
            same = known[one.sku, "category"] == known[sku, "category"]
            assert one.probability == (0.999 if same else 0.001) and ("category" in one.why.same) == same


def test_twins_of_the_query_are_kept_out(trained: Workspace, drawn: tuple[Path, Planted]) -> None:
    links = schema.product_photos
    shown = trained.catalog.rows(sa.select(links.c.photo_id, links.c.sku))
    by_photo: dict[str, set[str]] = {}
    for link in shown:
        by_photo.setdefault(link["photo_id"], set()).add(link["sku"])
    pairs = [tuple(sorted(skus)) for skus in by_photo.values() if len(skus) == 2]
    for twin in trained.catalog.rows(schema.twins):
        pairs += [(a, b) for a in by_photo[twin["photo_a"]] for b in by_photo[twin["photo_b"]] if a != b]
    assert len(pairs) > 2, "the drawn catalog has planted twins"
    for one, other in pairs:
        assert other not in skus_of(trained.similar(one, Wanted(count=50)))
        assert one not in skus_of(trained.similar(other, Wanted(count=50)))


def test_a_photo_finds_the_look_alikes_of_its_product_but_not_the_product(trained: Workspace) -> None:
    sku = first_sku(trained, 5)
    data = jpeg(trained, sku)  # the cleaned copy: another file that shows the same picture
    found = trained.similar_to_photo(data, Wanted(count=10))
    assert sku in found.same_picture and sku not in skus_of(found)
    assert len(set(skus_of(found)) & set(skus_of(trained.similar(sku, Wanted(count=10))))) >= 6


def test_a_photo_that_shows_nothing_or_is_none_is_refused(trained: Workspace) -> None:
    blank = BytesIO()
    Image.new("RGB", (300, 300), (250, 250, 250)).save(blank, "PNG")
    with pytest.raises(UnreadablePhoto, match="shows nothing"):
        trained.similar_to_photo(blank.getvalue())
    with pytest.raises(UnreadablePhoto):
        trained.similar_to_photo(b"this is no photo")
    with pytest.raises(NotFound, match="'nope'"):
        trained.similar("nope")


def test_a_photo_unlike_everything_is_told(trained: Workspace) -> None:
    noise = BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    Image.fromarray(pixels).resize((320, 320), Image.Resampling.NEAREST).save(noise, "PNG")
    assert "nothing here looks like this" in trained.similar_to_photo(noise.getvalue()).notes[-1].message
    links = schema.product_photos
    alone = sa.select(links.c.sku).group_by(links.c.sku).having(sa.func.count() == 1).order_by(links.c.sku).limit(20)
    for sku in trained.catalog.read(alone).column("sku").to_pylist():  # others may show the product from behind
        assert trained.similar_to_photo(jpeg(trained, sku)).notes == []


def test_filters_hold_for_every_product_found(trained: Workspace) -> None:
    sku = first_sku(trained)
    rows = trained.products().to_pylist()
    brand = rows[3]["brand"]
    with trained.catalog.transaction() as connection:
        connection.execute(sa.update(schema.products).values(stock=0))
        some = schema.products.c.sku.in_([row["sku"] for row in rows[::3]])
        connection.execute(sa.update(schema.products).where(some).values(stock=2))
    filters = Filters.read(brand=brand.upper(), at_least=50, at_most=400, in_stock=True)
    found = trained.similar(sku, Wanted(count=50, filters=filters))
    fitting = [
        row for number, row in enumerate(rows)
        if row["brand"] == brand and 50 <= row["price"] <= 400 and number % 3 == 0 and row["sku"] != sku
    ]  # fmt: skip
    assert found.products and {one.sku for one in found.products} <= {row["sku"] for row in fitting}
    assert len(found.products) >= min(50, len(fitting)) - 2, "all that fit are found, but for twins"
    dear = next(row["sku"] for row in rows if row["price"] > 400 and row["sku"] in trained.finder.shelf.place_of)
    with trained.catalog.transaction() as connection:
        changed = sa.update(schema.products).where(schema.products.c.sku == dear)
        connection.execute(changed.values(price=1.5, brand="Ánima", stock=1))
    cheapest = trained.similar(sku, Wanted(filters=Filters.read(brand="ÁNIMA", at_most=2, in_stock=True)))
    assert skus_of(cheapest) == [dear], "a changed price counts in the next search"
    by_value = trained.similar(sku, Wanted(count=30, filters=Filters.read(only=["category=boot"])))
    known = known_values(trained.catalog, attribute="category")
    assert {known.get((one.sku, "category"), "boot") for one in by_value.products} == {"boot"}
    nothing = trained.similar(sku, Wanted(filters=Filters.read(brand="no such brand")))
    assert nothing.products == [] and [note.code for note in nothing.notes] == ["none_fits"]


def test_steering_gives_what_was_asked_for(trained: Workspace) -> None:
    """Same heel, another color; and a stated one. Shares over many products, against the unsteered search."""
    steered, unsteered, stated = [], [], []
    for sku in skus(trained)[::20]:
        to_red = Wanted(count=3, steering=Steering.read(change=["color=red"]))
        other = Wanted(count=3, steering=Steering.read(keep=["heel"], change=["color"]))
        for wanted, flags in ((other, steered), (Wanted(count=3), unsteered)):
            for one in trained.similar(sku, wanted).products:
                flags.append("heel" in one.why.same and "color" in one.why.differs)
        stated += [one.attributes["color"].product == "red" for one in trained.similar(sku, to_red).products]
    assert np.mean(steered) > 0.8 and np.mean(steered) > np.mean(unsteered) + 0.2
    assert np.mean(stated) > 0.7


def test_mistakes_in_what_is_asked_are_named(trained: Workspace) -> None:
    sku = first_sku(trained)
    for steering, seen in [
        (Steering.read(keep=["heal"]), "'heal'"),
        (Steering.read(change=["color=mauve"]), "'mauve'"),
    ]:
        with pytest.raises(InputError, match=seen):
            trained.similar(sku, Wanted(steering=steering))
    with pytest.raises(InputError, match="kept and changed"):
        Steering.read(keep=["heel"], change=["heel"])
    with pytest.raises(InputError, match="no filter"):
        Filters.read(only=["category"])
    with pytest.raises(InputError, match="at least 9 and at most 3"):
        Filters.read(at_least=9, at_most=3)
    with pytest.raises(InputError, match="0 look-alikes"):
        Wanted(count=0)
    with pytest.raises(InputError, match="'nope'"):
        trained.similar(sku, Wanted(attribute="nope"))


def test_diversity_gives_products_that_are_less_like_each_other(trained: Workspace) -> None:
    def inner(found: Found) -> float:
        shelf = trained.finder.shelf
        points = shelf.points[shelf.places(skus_of(found))]
        return float((points @ points.T)[np.triu_indices(len(points), 1)].mean())

    for sku in skus(trained)[:5]:
        plain, varied = (trained.similar(sku, Wanted(count=10, diversity=share)) for share in (0.0, 0.6))
        assert inner(varied) < inner(plain)
        assert skus_of(varied)[0] == skus_of(plain)[0], "the best stays the best"


def test_what_comes_and_goes_counts_in_the_next_search(trained: Workspace) -> None:
    sku = first_sku(trained)
    nearest = skus_of(trained.similar(sku))[0]
    links = schema.product_photos
    kept = trained.catalog.rows(sa.select(links).where(links.c.sku == nearest))
    with trained.catalog.transaction() as connection:
        connection.execute(sa.delete(links).where(links.c.sku == nearest))
    assert nearest not in skus_of(trained.similar(sku, Wanted(count=50)))
    with trained.catalog.transaction() as connection:
        connection.execute(sa.insert(links), kept)
    assert skus_of(trained.similar(sku))[0] == nearest
    product = {"sku": "new", "name": "New", "price": 1.0, "stock": 1, "added_at": now()}
    with trained.catalog.transaction() as connection:
        connection.execute(sa.insert(schema.products), [product])
        connection.execute(sa.insert(links), [{**kept[0], "sku": "new"}])
    assert "new" in skus_of(trained.similar(sku, Wanted(count=5)))


def test_another_process_finds_the_same_from_the_file_and_a_torn_file_is_made_again(trained: Workspace) -> None:
    sku = first_sku(trained)
    expected = trained.similar(sku)
    path = next((trained.data / "lookalike").glob("shelf-*.points"))
    assert Workspace(trained.folder).similar(sku).products == expected.products
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:-2000] + bytes(2000), b"PK\x03\x04"):
        path.write_bytes(damaged)
        assert Workspace(trained.folder).similar(sku).products == expected.products
        assert path.stat().st_size == len(whole), "it is whole again"


class Shared(Exact):
    """An index that outlives its process, as one in a database does; the next put may fail."""

    fails = False

    def put(self, ids: Ids, points: Points) -> None:
        """Put them, or die before."""
        if self.fails and len(ids):
            raise ConnectionError("the database went away")
        super().put(ids, points)


def test_a_process_that_dies_before_the_index_has_a_change_leaves_it_to_the_next(trained: Workspace) -> None:
    links, space = schema.product_photos, trained.space()
    index = Shared(space.dim)

    def open_finder() -> Finder:
        return Finder(trained.catalog, Shelf(space, trained.data / "shared"), index, trained.finder._points_of)

    open_finder().refresh()
    rows = trained.catalog.rows(sa.select(links).order_by(links.c.sku))
    one, other = rows[0], next(row for row in rows[::-1] if row["sku"] != rows[0]["sku"])
    with trained.catalog.transaction() as connection:
        connection.execute(sa.delete(links).where(links.c.sku == one["sku"]))
        connection.execute(sa.insert(links).values({**other, "sku": one["sku"]}))
        connection.execute(sa.delete(links).where(links.c.sku.in_([row["sku"] for row in rows[40:80]])))
    index.fails = True
    with pytest.raises(ConnectionError):
        open_finder().refresh()
    index.fails = False
    finder = open_finder()
    finder.refresh()
    place = finder.shelf.place_of[one["sku"]]
    found, scores = index.search(finder.shelf.points[[place]], 3)
    assert place in found[0] and scores[0][list(found[0]).index(place)] > 0.9999 * scores[0][0]


def test_a_file_of_another_space_is_not_used(trained: Workspace) -> None:
    sku = first_sku(trained)
    expected = trained.similar(sku)
    path = next((trained.data / "lookalike").glob("shelf-*.points"))
    points, about = map_points(path, trained.space().dim)
    other = path.with_suffix(".other")
    write_points(other, points[: about["rows"], ::-1].copy(), {**about, "space": "sp-another"})
    other.replace(path)
    assert Workspace(trained.folder).similar(sku).products == expected.products


def test_before_there_is_a_champion_looks_alone_are_searched(trained: Workspace) -> None:
    with trained.catalog.transaction() as connection:
        connection.execute(sa.delete(schema.promotions))
    found = trained.similar(first_sku(trained))
    assert len(found.products) == 10 and found.products[0].probability is None and found.products[0].why.same == []
    with pytest.raises(InputError, match="know no attribute"):
        trained.similar(first_sku(trained), Wanted(steering=Steering.read(keep=["heel"])))


def test_the_measurement_reads_test_alone_and_counts_it(trained: Workspace) -> None:
    report = trained.evaluate_look_alikes(attributes=["category", "color"], change="color")
    assert trained.catalog.count(schema.test_uses) == 1
    assert report["fine"] == ["category", "color"] and report["collapsed"] is None
    for gallery in ("everything", "unseen"):
        one = report[gallery]
        assert 0 < one["queries"] < one["searched"] <= 420
        for figure in (one["attributes"]["category"]["recall@1"], one["fine"]["recall@5"], one["steered"]["recall@1"]):
            low, high = figure["interval"]
            assert low <= figure["learned"] <= high
            assert figure["gain"] == pytest.approx(figure["learned"] - figure["plain"])
        assert one["fine"]["recall@1"]["learned"] <= one["attributes"]["color"]["recall@1"]["learned"]
        assert one["steered"]["recall@1"]["learned"] > one["steered"]["recall@1"]["plain"] + 0.1
        assert 0 < one["coverage"]["learned"] <= 1
    with pytest.raises(InputError, match="not among"):
        trained.evaluate_look_alikes(attributes=["category"], change="color")
    with pytest.raises(InputError, match="'nope'"):
        trained.evaluate_look_alikes(attributes=["nope"])


def test_a_product_that_leaves_the_range_is_found_no_more_and_at_once_again_when_it_is_back(trained: Workspace) -> None:
    sku = first_sku(trained)
    nearest = skus_of(trained.similar(sku))[0]
    discontinue(trained.catalog, [nearest], author="ana")
    assert nearest not in skus_of(trained.similar(sku))
    with pytest.raises(NotFound):
        trained.similar(nearest)
    assert trained.classify().products == len(skus(trained)) - 1, "and it is classified no more"
    assert trained.classify([nearest]).products == 0, "nor when a new photo of it arrives"
    bring_back(trained.catalog, [nearest])
    assert skus_of(trained.similar(sku))[0] == nearest
    assert trained.classify(only_due=True).products == 1
