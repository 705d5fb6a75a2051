"""What is learnt makes products of one kind near, and its probabilities mean what they say; a collapse is told."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vitrine.errors import NotFound, StorageError
from vitrine.learn.projection import Projection
from vitrine.lookalike.collapse import collapsed
from vitrine.lookalike.learn_metric import UNKNOWN, learn_metric
from vitrine.lookalike.search import diverse
from vitrine.lookalike.space import Described, Metric, Sameness, Space, load_metric, save_metric

KINDS, COLORS = 6, 4


def products(count: int, seed: int = 0) -> tuple[Described, dict[str, NDArray[np.int64]]]:
    """Looks that tell the kind and half hide the color; heads that are right in 90 % and 80 %, and know how sure they are."""
    random = np.random.default_rng(seed)
    kind, color = random.integers(0, KINDS, count), random.integers(0, COLORS, count)
    centers = np.random.default_rng(99).standard_normal((KINDS + COLORS, 20))
    looks = centers[kind] + 0.3 * centers[KINDS + color] + 0.8 * random.standard_normal((count, 20))
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    shares = {"kind": said(kind, KINDS, 0.9, random), "color": said(color, COLORS, 0.8, random)}
    return Described(looks.astype(np.float32), shares), {"kind": kind, "color": color}


def said(truth: NDArray[np.int64], values: int, right: float, random: np.random.Generator) -> NDArray[np.float32]:
    told = np.where(random.random(len(truth)) < right, truth, random.integers(0, values, len(truth)))
    shares = np.full((len(truth), values), (1 - right) / values, np.float32)
    shares[np.arange(len(truth)), told] += right
    return shares


def families(count: int) -> NDArray[np.str_]:
    return np.array([f"f{number // 2}" for number in range(count)])


def test_learnt_weights_find_more_of_the_same_than_looks_alone() -> None:
    described, labels = products(1_500)
    metric = learn_metric(described, labels, families(1_500))
    fresh, truth = products(400, seed=7)
    same = np.logical_and.reduce([truth[name][:, None] == truth[name][None, :] for name in truth])

    def recall(looks: float, attributes: dict[str, float]) -> float:
        near = looks * (fresh.looks @ fresh.looks.T)
        for name, weight in attributes.items():
            near = near + weight * (np.sqrt(fresh.shares[name]) @ np.sqrt(fresh.shares[name]).T)
        np.fill_diagonal(near, -np.inf)
        return float(same[np.arange(400), near.argmax(axis=1)].mean())

    assert recall(metric.looks, dict(metric.attributes)) > recall(1.0, {}) + 0.1


def test_probabilities_of_being_the_same_hold_on_fresh_products() -> None:
    described, labels = products(1_500)
    metric = learn_metric(described, labels, families(1_500))
    fresh, truth = products(1_500, seed=8)
    near = fresh.looks @ fresh.looks.T * metric.looks
    for name, weight in metric.attributes.items():
        near = near + weight * (np.sqrt(fresh.shares[name]) @ np.sqrt(fresh.shares[name]).T)
    near /= metric.total
    np.fill_diagonal(near, -np.inf)
    left, right = np.arange(1_500).repeat(40), np.argsort(-near, axis=1)[:, :40].reshape(-1)
    for name in ("kind", "color"):
        agreement = np.einsum("ij,ij->i", fresh.shares[name][left], fresh.shares[name][right]).astype(np.float64)
        chance = metric.sameness[name].probability(agreement, near[left, right].astype(np.float64))
        same = truth[name][left] == truth[name][right]
        assert abs(chance.mean() - same.mean()) < 0.04
        for part in np.array_split(np.argsort(chance), 5):
            assert abs(chance[part].mean() - same[part].mean()) < 0.12


def test_without_labels_every_block_weighs_the_same_and_nothing_is_claimed() -> None:
    described, labels = products(300)
    unknown = {name: np.full(300, UNKNOWN) for name in labels}
    metric = learn_metric(described, unknown, families(300))
    assert (metric.looks, dict(metric.attributes), dict(metric.sameness)) == (1.0, {"kind": 1.0, "color": 1.0}, {})
    one_family = learn_metric(described, labels, np.full(300, "f"))
    assert one_family.sameness == {} and one_family.unlike == -1.0


def test_what_was_learnt_is_kept_and_a_damaged_file_is_told(tmp_path: Path) -> None:
    folder = tmp_path
    metric = Metric(2.0, {"kind": 0.5}, {"kind": Sameness(-1.0, 0.7, 2.0)}, 0.3)
    save_metric(metric, "md-1", folder)
    assert load_metric("md-1", folder) == metric
    with pytest.raises(NotFound):
        load_metric("md-2", folder)
    (folder / "metric-md-1.json").write_text('{"version": 1, "looks"')
    with pytest.raises(StorageError, match="cannot be read"):
        load_metric("md-1", folder)


def space() -> Space:
    """A space of two attributes, without heads: only its points are looked at."""

    class Known(Space):
        @property
        def values(self) -> dict[str, tuple[str, ...]]:  # type: ignore[override]
            return {"kind": tuple("abcdef"), "color": tuple("wxyz")}

    projection = Projection("em", np.zeros(8, np.float32), np.zeros((8, 20), np.float32))
    return Known(projection, metric=Metric(3.0, {"kind": 2.0, "color": 0.05}, {}, -1.0))


@given(st.integers(0, 2**31))
def test_points_have_length_one_hold_their_shares_and_equals_are_most_alike(seed: int) -> None:
    described, _ = products(8, seed)
    here = space()
    points = here.points(described)
    assert np.allclose(np.linalg.norm(points, axis=1), 1, atol=1e-4)
    for name, shares in described.shares.items():
        assert np.allclose(here.shares(points, name), shares, atol=1e-3)
    near = points @ points.T
    assert (near.diagonal() >= near.max(axis=1) - 1e-4).all() and near.min() >= -1.001


@given(st.integers(1, 12), st.floats(0, 1), st.integers(0, 1000))
def test_diversity_only_changes_the_order(count: int, diversity: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    points = random.standard_normal((15, 4)).astype(np.float32)
    score = random.standard_normal(15)
    order = np.argsort(-score)
    varied = diverse(order, score, points, diversity, count)
    assert sorted(varied.tolist()) == sorted(order.tolist())
    if diversity == 0:
        assert varied[:count].tolist() == order[:count].tolist()


def test_a_collapsed_embedder_is_told_and_a_sound_one_is_not() -> None:
    random = np.random.default_rng(0)
    sound = np.abs(random.standard_normal((200, 64))).astype(np.float32)
    softmax = np.full((200, 1000), 1e-3, np.float32) + 1e-5 * random.random((200, 1000)).astype(np.float32)
    assert collapsed(sound) is None
    assert "100 % similar" in str(collapsed(softmax))
    assert collapsed(np.zeros((50, 4), np.float32)) is not None
    assert collapsed(sound[:3]) is None
