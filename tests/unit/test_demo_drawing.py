import csv
import hashlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vitrine.demo.assortment import ATTRIBUTES
from vitrine.demo.catalog import COLUMNS, Planted, draw_catalog
from vitrine.demo.draw import draw
from vitrine.demo.faults import contradictions, encode, spoil, taxonomy
from vitrine.demo.product import product, truth_of
from vitrine.errors import InputError
from vitrine.taxonomy import NOT_APPLICABLE

PRODUCTS = 400
SIZE = 80


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planted]:
    folder = tmp_path_factory.mktemp("catalog")
    return folder, draw_catalog(folder, products=PRODUCTS, seed=11, size=SIZE, workers=1)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "photos").iterdir()}


@given(seed=st.integers(0, 2**32 - 1), number=st.integers(0, 200_000))
@settings(max_examples=300, deadline=None)
def test_no_product_contradicts_the_taxonomy(seed: int, number: int) -> None:
    assert contradictions(product(seed, number).values) == []


@given(seed=st.integers(0, 2**32 - 1), block=st.integers(0, 20_000))
@settings(max_examples=60, deadline=None)
def test_products_of_a_style_differ_only_in_color(seed: int, block: int) -> None:
    styles: dict[str, list[dict[str, str]]] = {}
    for number in range(block * 8, block * 8 + 8):
        item = product(seed, number)
        styles.setdefault(item.style_id, []).append(dict(item.values))
    for members in styles.values():
        colors = [member.pop("color") for member in members]
        assert len(set(colors)) == len(colors)
        assert all(member == members[0] for member in members)


def test_every_value_occurs_and_none_is_unknown() -> None:
    truth = truth_of(seed=5, numbers=range(3000))
    for name, attribute in taxonomy().attributes.items():
        assert set(truth[name].to_pylist()) == set(attribute.values), name


def test_no_value_is_so_common_that_guessing_it_would_do() -> None:
    truth = truth_of(seed=5, numbers=range(3000))
    for name in ATTRIBUTES:
        counts = [entry["counts"] for entry in truth[name].value_counts().to_pylist()]
        assert max(counts) / 3000 < 0.7, name


def test_all_names_exist_in_four_languages_with_their_accents() -> None:
    for name, attribute in taxonomy().attributes.items():
        assert set(attribute.names) == {"en", "pt", "es", "id"}, name
        for value in attribute.values:
            if value != NOT_APPLICABLE:
                assert set(attribute.value_names[value]) == {"en", "pt", "es", "id"}, (name, value)
                assert attribute.read(attribute.value_names[value]["pt"]) == value
    display = taxonomy().attributes
    assert display["closure"].display_value("lace_up", "pt") == "Amarração"
    assert display["material"].display_value("synthetic", "pt") == "Sintético"
    assert display["heel_covering"].display("pt") == "Forração do Salto"
    assert display["heel"].display("es") == "Tacón"


def test_there_are_thirteen_attributes_and_three_depend_on_another() -> None:
    assert tuple(taxonomy().attributes) == ATTRIBUTES
    assert len(ATTRIBUTES) == 13
    assert sum(attribute.applies_when is not None for attribute in taxonomy().attributes.values()) >= 3


def test_a_product_does_not_depend_on_how_many_are_drawn(tmp_path: Path, drawn: tuple[Path, Planted]) -> None:
    whole, _ = drawn
    draw_catalog(tmp_path, products=61, seed=11, size=SIZE, workers=1)
    part, all_of_them = digests(tmp_path), digests(whole)
    assert part == {name: all_of_them[name] for name in part}
    assert rows_of(tmp_path) == [row for row in rows_of(whole) if row["sku"] <= "F000060"]


def test_the_number_of_workers_changes_no_byte(tmp_path: Path, drawn: tuple[Path, Planted]) -> None:
    whole, _ = drawn
    calls: list[tuple[int, int]] = []
    draw_catalog(
        tmp_path,
        products=72,
        seed=11,
        size=SIZE,
        workers=2,
        progress=lambda done, of: calls.append((done, of)),
    )
    part, all_of_them = digests(tmp_path), digests(whole)
    assert part == {name: all_of_them[name] for name in part}
    assert calls == [(64, 72), (72, 72)]


def test_another_seed_draws_another_catalog() -> None:
    assert truth_of(seed=1, numbers=range(40)) != truth_of(seed=2, numbers=range(40))


def test_truth_needs_no_drawing(drawn: tuple[Path, Planted]) -> None:
    _, planted = drawn
    assert truth_of(seed=11, numbers=range(PRODUCTS)).equals(planted.truth)


def test_the_table_names_every_photo_on_disk_once(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    rows = rows_of(folder)
    assert tuple(rows[0]) == COLUMNS
    assert sorted(row["photo"] for row in rows) == sorted(path.name for path in (folder / "photos").iterdir())
    assert len(rows) == planted.photos
    assert {row["sku"] for row in rows} == set(planted.truth["sku"].to_pylist())
    assert all(float(row["price"]) > 20 for row in rows)
    assert 0.02 < np.mean([row["stock"] == "0" for row in rows]) < 0.4


def test_the_planted_tables_are_written_beside_the_catalog(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    for name in ("truth", "twins", "wrong_labels", "bad_files", "off_taxonomy", "wrong_views"):
        table: pa.Table = getattr(planted, name)
        assert pq.read_table(folder / "truth" / f"{name}.parquet").equals(table)
        assert table.num_rows > 0, name


def test_cells_differ_from_the_truth_exactly_where_planted(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    truth = {row["sku"]: row for row in planted.truth.to_pylist()}
    wrong = {(row["sku"], row["attribute"]): row for row in planted.wrong_labels.to_pylist()}
    unknown = {(row["sku"], row["attribute"]): row["written"] for row in planted.off_taxonomy.to_pylist()}
    for row in rows_of(folder):
        for name in ATTRIBUTES:
            key, read = (row["sku"], name), taxonomy().attributes[name].read(row[name])
            if key in wrong:
                assert wrong[key]["true"] == truth[row["sku"]][name] != wrong[key]["written"] == row[name]
            elif key in unknown:
                assert read is None and row[name] == unknown[key]
            else:
                assert read == truth[row["sku"]][name]


def test_wrong_labels_are_not_given_away_by_the_rules(drawn: tuple[Path, Planted]) -> None:
    _, planted = drawn
    changed: dict[str, dict[str, str]] = {}
    for row in planted.wrong_labels.to_pylist():
        changed.setdefault(row["sku"], {})[row["attribute"]] = row["written"]
    truth = {row["sku"]: row for row in planted.truth.to_pylist()}
    for sku, cells in changed.items():
        assert contradictions({**{name: truth[sku][name] for name in ATTRIBUTES}, **cells}) == []


def test_some_cells_are_written_in_portuguese(drawn: tuple[Path, Planted]) -> None:
    folder, _ = drawn
    cells = [(name, row[name]) for row in rows_of(folder) for name in ATTRIBUTES]
    foreign = [cell for name, cell in cells if cell not in taxonomy().attributes[name].values]
    assert 0.01 < len(foreign) / len(cells) < 0.06


def test_twins_are_copies_with_the_same_truth_under_another_sku(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    truth = {row.pop("sku"): row for row in planted.truth.to_pylist()}
    styles = {row["sku"]: row["style_id"] for row in rows_of(folder)}
    kinds = set()
    for pair in planted.twins.to_pylist():
        first, second = (folder / "photos" / pair[side] for side in ("photo_a", "photo_b"))
        skus = [path.name.split("-")[0] for path in (first, second)]
        assert truth[skus[0]] == truth[skus[1]] and styles[skus[0]] != styles[skus[1]]
        same = first.read_bytes() == second.read_bytes()
        assert same == (pair["kind"] == "exact")
        kinds.add(pair["kind"])
        gap = np.asarray(Image.open(first), dtype=float) - np.asarray(Image.open(second), dtype=float)
        assert np.abs(gap).mean() < 26
    assert kinds == {"exact", "near"}


def is_bad(data: bytes, reason: str) -> bool:
    if reason == "unreadable":
        with pytest.raises(OSError):
            Image.open(BytesIO(data)).load()
        return True
    image = Image.open(BytesIO(data)).convert("L")
    if reason == "too-small":
        return max(image.size) <= 32
    pixels = np.asarray(image, dtype=float)
    steepest = np.abs(np.diff(pixels, axis=1)).max()
    return bool(steepest < (3 if reason == "blank" else 40))


@pytest.mark.parametrize("reason", ["unreadable", "too-small", "blank", "blurred"])
def test_a_spoilt_photo_is_bad_and_the_photo_itself_is_not(reason: str) -> None:
    item = product(11, 0)
    picture, quality = draw(item, item.shots[0], 128)
    for attempt in range(4):
        assert is_bad(spoil(picture, reason, np.random.default_rng(attempt)), reason)
    assert Image.open(BytesIO(encode(picture, quality))).size == (128, 128)
    assert np.abs(np.diff(picture.astype(float), axis=1)).max() > 60


def test_bad_files_are_bad_and_the_others_are_whole(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    reasons = {row["photo"]: row["reason"] for row in planted.bad_files.to_pylist()}
    for path in (folder / "photos").iterdir():
        if path.name in reasons:
            assert is_bad(path.read_bytes(), reasons[path.name])
        else:
            assert Image.open(path).size == (SIZE, SIZE)


def test_wrong_views_are_labelled_side(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    views = {row["photo"]: row["view"] for row in rows_of(folder)}
    for photo in planted.wrong_views["photo"].to_pylist():
        item = product(11, int(photo[1:7]))
        assert views[photo] == "side"
        assert item.shots[-1].view in ("front", "top")
    assert set(views.values()) == {"side", "front", "top", "detail"}


def test_without_faults_the_table_is_the_truth(tmp_path: Path) -> None:
    planted = draw_catalog(tmp_path, products=40, seed=4, size=64, workers=1, faults=False)
    assert planted.twins.num_rows == planted.wrong_labels.num_rows == planted.bad_files.num_rows == 0
    truth = {row["sku"]: row for row in planted.truth.to_pylist()}
    for row in rows_of(tmp_path):
        assert {name: row[name] for name in ATTRIBUTES} == {name: truth[row["sku"]][name] for name in ATTRIBUTES}


def test_only_the_labelled_share_has_cells(tmp_path: Path) -> None:
    draw_catalog(tmp_path, products=64, seed=4, size=64, workers=1, labelled=0.25)
    filled = {row["sku"]: bool(row["category"]) for row in rows_of(tmp_path)}
    assert 0.08 < sum(filled.values()) / len(filled) < 0.45


# The type says in one word what category, sole and toe already show.
@pytest.mark.parametrize("name", [name for name in ATTRIBUTES if name != "type"])
def test_changing_one_value_changes_the_picture(name: str) -> None:
    """What is in the truth can be seen: the same style with another value looks different."""
    changed = 0
    for number in range(0, 400, 8):
        item = product(9, number)
        for value in taxonomy().attributes[name].values:
            values = {**item.values, name: value}
            if value == item.values[name] or value == NOT_APPLICABLE or contradictions(values):
                continue
            other = replace(item, values=values)
            one, two = (draw(each, item.shots[0], 64)[0].astype(float) for each in (item, other))
            assert np.abs(one - two).max() > 12, (number, item.values, value)
            changed += 1
            break
        if changed == 4:
            break
    assert changed == 4


def test_a_catalog_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 products"):
        draw_catalog(tmp_path, products=0, seed=1)
