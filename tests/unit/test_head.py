"""One attribute's classifier: it learns, is honest out of fold, and comes back as it was saved."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrine.errors import InputError, Refused, StorageError
from vitrine.learn.folds import folds
from vitrine.learn.head import Classifier, fit_classifier, out_of_fold
from vitrine.learn.kinds import KINDS, Kind
from vitrine.learn.projection import Projection, fit_projection
from vitrine.learn.rowwise import rowwise


def blobs(rows: int, k: int, columns: int = 16, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows around k far corners, mean square about one, and the corner of each."""
    random = np.random.default_rng(seed)
    y = np.arange(rows) % k
    corners = random.standard_normal((k, columns))
    x = corners[y] + 0.15 * random.standard_normal((rows, columns))
    return x.astype(np.float32), y


def fitted(x: np.ndarray, y: np.ndarray, kind: Kind | str = "auto", seed: int = 0):
    values = [f"value {number}" for number in range(int(y.max()) + 1)]
    return fit_classifier(x, y, values, range(len(y)), attribute="heel", projection_id="p", kind=kind, seed=seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [2, 5])
def test_learns_what_is_separable(kind: Kind, k: int) -> None:
    x, y = blobs(300, k)
    made = fitted(x, y, kind)
    assert (made.oof_log_proba.argmax(axis=1) == y).mean() > 0.97
    assert made.classifier.kind == kind
    fresh = made.classifier.log_proba(x)
    assert fresh.shape == (300, k) and fresh.dtype == np.float32
    np.testing.assert_allclose(np.exp(fresh.astype(np.float64)).sum(axis=1), 1, atol=1e-5)


def test_sixty_values() -> None:
    x, y = blobs(600, 60, 32)
    made = fitted(x, y)
    assert made.oof_log_proba.shape == (600, 60)
    assert (made.oof_log_proba.argmax(axis=1) == y).mean() > 0.9


def test_auto_keeps_the_smaller_loss_and_says_what_it_tried() -> None:
    x, _ = blobs(600, 4)
    # A checkerboard: no plane separates it.
    y = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(np.int64)
    made = fitted(x, y)
    chosen = [one for one in made.report if one.chosen]
    assert len(chosen) == 1 and chosen[0].kind == made.classifier.kind != "linear"
    assert chosen[0].log_loss == min(one.log_loss for one in made.report)
    assert {"linear", "network"} <= {one.kind for one in made.report}


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_it_predicts_bit_for_bit(kind: Kind, tmp_path: Path) -> None:
    x, y = blobs(120, 3)
    before = fitted(x, y, kind).classifier
    before.save(tmp_path)
    after = Classifier.load(tmp_path)
    assert (after.id, after.values, after.attribute) == (before.id, before.values, "heel")
    assert np.array_equal(after.log_proba(x), before.log_proba(x))


@pytest.mark.parametrize("kind", KINDS)
def test_one_row_gets_the_same_bits_alone_as_in_a_batch(kind: Kind) -> None:
    x, y = blobs(150, 3)
    classifier = fitted(x, y, kind).classifier
    together = classifier.log_proba(x)
    for row in (0, 63, 64, 149):
        assert np.array_equal(classifier.log_proba(x[row : row + 1])[0], together[row])


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 200), columns=st.integers(1, 300), values=st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_a_product_of_rows_is_the_same_in_any_order_of_summation(
    seed: int, rows: int, columns: int, values: int
) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-6, 6, (rows, 1))).astype(np.float32)
    matrix = rng.normal(size=(columns, values)).astype(np.float32)
    found, order = rowwise(x, matrix), rng.permutation(columns)
    assert np.array_equal(found, rowwise(x[:, order], matrix[order]))
    assert np.array_equal(found[-1:], rowwise(x[-1:], matrix))
    exact = x.astype(np.float64) @ matrix.astype(np.float64)
    size = np.abs(x).max(1, keepdims=True) * np.abs(matrix).max(0) * columns
    assert (np.abs(found - exact) <= 2e-6 * size + 1e-30).all()


def test_damaged_or_absent_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no usable classifier"):
        Classifier.load(tmp_path / "nowhere")
    x, y = blobs(60, 2)
    fitted(x, y, "linear").classifier.save(tmp_path)
    meta = (tmp_path / "classifier.json").read_text()
    (tmp_path / "classifier.json").write_text(meta.replace("value 1", "value 9"))
    with pytest.raises(StorageError, match="states classifier-"):
        Classifier.load(tmp_path)
    (tmp_path / "classifier.npz").write_bytes(b"PK torn")
    with pytest.raises(StorageError, match="no usable classifier"):
        Classifier.load(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_classifier_whatever_the_threads(kind: Kind) -> None:
    x, y = blobs(120, 3)
    ids = {
        fit_classifier(
            x, y, "abc", range(120), attribute="a", projection_id="p", kind=kind, threads=threads
        ).classifier.id
        for threads in (1, 2)
    }
    assert len(ids) == 1


@pytest.mark.parametrize("y", [np.zeros(10, np.int64), np.zeros(0, np.int64)])
def test_nothing_to_tell_apart_is_an_input_error(y: np.ndarray) -> None:
    with pytest.raises(InputError, match="heel: nothing to tell apart"):
        fit_classifier(
            np.zeros((len(y), 4), np.float32), y, ["flat"], range(len(y)), attribute="heel", projection_id="p"
        )


def test_one_family_is_an_input_error() -> None:
    x, y = blobs(20, 2)
    with pytest.raises(InputError, match="one family"):
        fit_classifier(x, y, "ab", ["same"] * 20, attribute="heel", projection_id="p")


def test_tables_that_do_not_agree_are_an_input_error() -> None:
    x, y = blobs(20, 2)
    with pytest.raises(InputError, match="do not agree"):
        fit_classifier(x, y[:-1], "ab", range(20), attribute="heel", projection_id="p")
    with pytest.raises(InputError, match="value number 1"):
        fit_classifier(x, y, "a", range(20), attribute="heel", projection_id="p")


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_absent_from_training_rows_gets_the_floor(kind: Kind) -> None:
    x, y = blobs(90, 3)
    y[y == 2] = 0
    y[0] = 2
    log_proba = out_of_fold(x, y, range(90), k=3, kind=kind)
    assert np.isfinite(log_proba).all()
    # Row 0 is the only one of its value, so what judged it had never seen that value.
    assert log_proba[0].argmax() != 2 and log_proba[0, 2] < np.log(0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_out_of_fold_never_learns_from_its_own_group(kind: Kind) -> None:
    """Labels that are pure noise, but equal within a group of equal rows: only a leak could predict them."""
    random = np.random.default_rng(3)
    group = np.arange(240) // 4
    y = random.integers(0, 2, 60)[group]
    x = random.standard_normal((60, 12))[group].astype(np.float32)
    log_proba = out_of_fold(x, y, group.tolist(), k=2, kind=kind)
    assert (log_proba.argmax(axis=1) == y).mean() < 0.7


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=2, max_size=60), st.integers(0, 99))
def test_folds_keep_groups_whole_and_ignore_the_order(rows: list[tuple[int, int]], seed: int) -> None:
    groups, y = [group for group, _ in rows], np.array([value for _, value in rows])
    if len(set(groups)) < 2:
        with pytest.raises(InputError):
            folds(y, groups, seed=seed)
        return
    fold = folds(y, groups, seed=seed)
    of_group = {group: set(fold[np.array(groups) == group]) for group in groups}
    assert all(len(found) == 1 for found in of_group.values())
    assert len(set(fold)) == min(5, len(of_group))
    turned = folds(y[::-1], groups[::-1], seed=seed)
    assert np.array_equal(turned[::-1], fold)


def vectors(rows: int = 200, dim: int = 40) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((rows, dim)).astype(np.float32)


def test_projection_round_trip_and_identity(tmp_path: Path) -> None:
    before = fit_projection(vectors(), embedder_id="shape-1", blocks=[(0, 30), (30, 40)], columns=8)
    before.save(tmp_path)
    after = Projection.load(tmp_path)
    rows = after.apply(vectors(), embedder_id="shape-1")
    assert after.id == before.id and rows.shape == (200, 8) and rows.dtype == np.float32
    assert np.array_equal(rows, before.apply(vectors(), embedder_id="shape-1"))
    assert np.mean(rows.astype(np.float64) ** 2) == pytest.approx(1, rel=1e-3)


def test_projection_gives_a_row_the_same_bits_alone() -> None:
    projection = fit_projection(vectors(), embedder_id="e", columns=8)
    together = projection.apply(vectors(), embedder_id="e")
    for row in (0, 64, 199):
        assert np.array_equal(projection.apply(vectors()[[row]], embedder_id="e")[0], together[row])


def test_projection_refuses_vectors_of_another_embedder() -> None:
    projection = fit_projection(vectors(), embedder_id="shape-1")
    with pytest.raises(Refused, match="shape-1, not of shape-2"):
        projection.apply(vectors(), embedder_id="shape-2")
    with pytest.raises(InputError, match=r"\(n, 40\) is needed"):
        projection.apply(vectors(dim=39), embedder_id="shape-1")


def test_projection_refuses_numbers_it_cannot_use() -> None:
    broken = vectors()
    broken[7, 3] = np.nan
    with pytest.raises(InputError, match="row 7"):
        fit_projection(broken, embedder_id="e")
    with pytest.raises(InputError, match="all vectors are equal"):
        fit_projection(np.ones((9, 4), np.float32), embedder_id="e")
    with pytest.raises(InputError, match="at least two"):
        fit_projection(vectors(rows=1), embedder_id="e")


def test_a_classifier_refuses_another_projection() -> None:
    first = fit_projection(vectors(), embedder_id="e", columns=8)
    other = fit_projection(vectors(), embedder_id="e", columns=9)
    y = np.arange(200) % 2
    x = first.apply(vectors(), embedder_id="e")
    classifier = fit_classifier(x, y, "ab", range(200), attribute="a", projection_id=first.id, kind="linear").classifier
    classifier.check(first)
    with pytest.raises(Refused, match="the a classifier reads"):
        classifier.check(other)


def test_few_rows_have_the_components_that_their_covariance_has() -> None:
    few = np.random.default_rng(3).normal(size=(30, 40)).astype(np.float32)
    blocks = [(0, 30), (30, 40)]
    # each row twice has the same covariance, and more rows than columns
    one, other = (fit_projection(rows, embedder_id="e", blocks=blocks, columns=12) for rows in (few, few.repeat(2, 0)))
    assert np.allclose(one.basis, other.basis, atol=1e-4)
    seen = one.apply(few, embedder_id="e")
    products = seen.T @ seen / len(seen)
    assert np.allclose(products, np.diag(products.diagonal()), atol=1e-4)
    assert np.all(np.diff(products.diagonal()) <= 1e-6)


def test_a_projection_of_many_rows_does_not_depend_on_how_many_are_prepared_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = vectors(rows=300)
    together = fit_projection(rows, embedder_id="e", columns=8)
    monkeypatch.setattr("vitrine.learn.projection.CHUNK", 64)
    assert np.allclose(fit_projection(rows, embedder_id="e", columns=8).basis, together.basis, atol=1e-4)
