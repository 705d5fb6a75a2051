"""Families: what is tied is never cut, what is old moves by one rule only, row order is nothing."""

import random
import time
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrine.errors import InputError, Refused
from vitrine.learn.split import PARTS, check_no_crossing, families, place, split

SKUS = st.sampled_from([f"s{i}" for i in range(14)])
PHOTOS = st.sampled_from([f"p{i}" for i in range(18)])
PRODUCTS = st.dictionaries(SKUS, st.sampled_from([None, "", "1", "2", "3"]), min_size=1)
SHOWN = st.lists(st.tuples(SKUS, PHOTOS), max_size=20)
PAIRS = st.lists(st.tuples(PHOTOS, PHOTOS), max_size=4)

Products = dict[str, str | None]
Pairs = list[tuple[str, str]]


def product_table(products: Products) -> pa.Table:
    return pa.table({"sku": list(products), "style_id": pa.array(products.values(), pa.string())})


def photo_table(shown: Pairs) -> pa.Table:
    return pa.table(
        {
            "sku": pa.array([s for s, _ in shown], pa.string()),
            "photo_id": pa.array([p for _, p in shown], pa.string()),
        }
    )


def twin_table(pairs: Pairs) -> pa.Table:
    return pa.table(
        {
            "photo_a": pa.array([a for a, _ in pairs], pa.string()),
            "photo_b": pa.array([b for _, b in pairs], pa.string()),
        }
    )


def column(members: pa.Table, name: str) -> dict[str, str]:
    return dict(zip(members["sku"].to_pylist(), members[name].to_pylist(), strict=True))


@given(PRODUCTS, SHOWN, PAIRS)
def test_what_is_tied_shares_family_and_part(products: Products, shown: Pairs, pairs: Pairs) -> None:
    members = split(product_table(products), photo_table(shown), twins=twin_table(pairs)).members
    family, part = column(members, "family_id"), column(members, "part")
    assert set(family) == set(products) | {sku for sku, _ in shown}
    assert len({(family[sku], part[sku]) for sku in family}) == len(set(family.values()))
    for a, style in products.items():
        assert all(family[a] == family[b] for b, other in products.items() if style and style == other)
    same = [{p} for p in dict(shown).values()] + [set(pair) for pair in pairs]
    for photos in same:
        assert len({family[sku] for sku, photo in shown if photo in photos}) <= 1
    check_no_crossing(members, photo_table(shown), twin_table(pairs))


@given(PRODUCTS, SHOWN, PAIRS, st.randoms(use_true_random=False))
def test_row_order_changes_nothing(products: Products, shown: Pairs, pairs: Pairs, rng: random.Random) -> None:
    straight = split(product_table(products), photo_table(shown), twins=twin_table(pairs))
    items, turned = list(products.items()), [(b, a) for a, b in pairs]
    for rows in (items, shown, turned):
        rng.shuffle(rows)
    assert split(product_table(dict(items)), photo_table(shown), twins=twin_table(turned)) == straight


@given(PRODUCTS, SHOWN, PAIRS, PRODUCTS, SHOWN, PAIRS)
def test_growing_moves_only_by_the_rule(
    products: Products, shown: Pairs, pairs: Pairs, more: Products, also: Pairs, new_pairs: Pairs
) -> None:
    first = split(product_table(products), photo_table(shown), twins=twin_table(pairs)).members
    grown = split(product_table(more), photo_table(shown + also), twins=twin_table(pairs + new_pairs), previous=first)
    old_family, old_part = column(first, "family_id"), column(first, "part")
    family, part = column(grown.members, "family_id"), column(grown.members, "part")
    for sku, name in family.items():
        before = {old_part[other] for other in old_part if family[other] == name}
        assert part[sku] == (min(before, key=PARTS.index) if before else place(name))
        ids = {old_family[other] for other in old_part if family[other] == name}
        assert not ids or name in ids
    moved = {move.sku: (move.from_part, move.to_part) for move in grown.moves}
    assert moved == {sku: (old_part[sku], part[sku]) for sku in old_part if old_part[sku] != part[sku]}
    assert len({family[sku] for sku in old_family}) <= len(set(old_family.values()))
    for a in old_family:
        assert all(family[a] == family[b] for b in old_family if old_family[a] == old_family[b])


@given(PRODUCTS, SHOWN, PAIRS)
def test_splitting_again_changes_nothing(products: Products, shown: Pairs, pairs: Pairs) -> None:
    tables = product_table(products), photo_table(shown)
    first = split(*tables, twins=twin_table(pairs)).members
    again = split(*tables, twins=twin_table(pairs), previous=first, salt="another")
    assert again.members == first
    assert again.moves == ()


@given(st.lists(st.tuples(SKUS, st.integers(0, 12).map(str)), max_size=30))
def test_links_are_transitive(links: Pairs) -> None:
    family = families(links)
    reached = {sku: {sku} for sku, _ in links}
    for _ in links:
        for sku, key in links:
            for other, shared in links:
                if shared == key:
                    reached[sku] |= reached[other]
    assert all((family[a] == family[b]) == (b in reached[a]) for a in family for b in family)


@settings(max_examples=20)
@given(st.text(max_size=8))
def test_parts_have_their_sizes(salt: str) -> None:
    parts = Counter(place(f"f-{i}", salt) for i in range(6000))
    # Five standard deviations of a binomial with n = 6,000.
    assert abs(parts["train"] - 4000) < 183
    assert abs(parts["calibrate"] - 1000) < 145
    assert abs(parts["test"] - 1000) < 145


def test_a_new_tie_moves_the_loser_and_says_so() -> None:
    in_part = {place(f"f-{i}"): f"f-{i}" for i in range(60)}
    members = pa.table(
        {
            "sku": ["c", "t"],
            "family_id": [in_part["calibrate"], in_part["test"]],
            "part": ["calibrate", "test"],
        }
    )
    photos = pa.table({"sku": ["c", "t"], "photo_id": ["p1", "p1"]})
    with pytest.raises(Refused, match="photo p1 crosses the split: sku 'c' in calibrate and sku 't' in test"):
        check_no_crossing(members, photos)
    after = split(photos.select(["sku"]), photos, previous=members)
    (move,) = after.moves
    assert (move.sku, move.from_part, move.to_part) == ("t", "test", "calibrate")
    assert in_part["test"] in move.reason and in_part["calibrate"] in move.reason


def test_a_crossing_twin_is_named() -> None:
    members = pa.table({"sku": ["a", "b"], "family_id": ["f1", "f2"], "part": ["train", "test"]})
    photos = pa.table({"sku": ["a", "b"], "photo_id": ["p1", "p2"]})
    check_no_crossing(members, photos)
    with pytest.raises(Refused, match="twin photos p1 and p2 cross"):
        check_no_crossing(members, photos, pa.table({"photo_a": ["p1"], "photo_b": ["p2"]}))


def test_a_product_that_comes_back_finds_its_place() -> None:
    first = split(pa.table({"sku": ["a", "b"]}), pa.table({"sku": ["a", "b"], "photo_id": ["p", "p"]})).members
    gone = split(pa.table({"sku": ["b"]}), pa.table({"sku": ["b"], "photo_id": ["p"]}), previous=first).members
    assert gone == first


def test_bad_tables_are_refused_with_the_row() -> None:
    photos = pa.table({"sku": ["a"], "photo_id": ["p"]})
    with pytest.raises(InputError, match=r"products: row 2 has no sku"):
        split(pa.table({"sku": ["a", None]}), photos)
    with pytest.raises(InputError, match="photos: there is no column 'photo_id'"):
        split(pa.table({"sku": ["a"]}), pa.table({"sku": ["a"]}))
    crossing = pa.table({"sku": ["a", "b"], "family_id": ["f", "f"], "part": ["train", "test"]})
    with pytest.raises(InputError, match="family 'f' is in train and, by sku 'b', in test"):
        split(pa.table({"sku": ["a"]}), photos, previous=crossing)


def test_a_catalog_of_120_000_products_is_split_in_seconds() -> None:
    rng = random.Random(5)
    skus = [f"{i}" for i in range(120_000)]
    products = pa.table(
        {"sku": skus, "style_id": [f"{i // 3}" if rng.random() < 0.5 else None for i in range(120_000)]}
    )
    photos = pa.table({"sku": skus + skus, "photo_id": [f"{rng.randrange(4_000_000):064}" for _ in range(240_000)]})
    began = time.process_time()
    parts = Counter(split(products, photos).members["part"].to_pylist())
    assert time.process_time() - began < 10
    assert abs(parts["train"] / 120_000 - 4 / 6) < 0.01
