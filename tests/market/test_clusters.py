"""Segments that are there are found, called stable and described; a cloud is not."""

import numpy as np
import pyarrow as pa
import pytest

from vitrine.errors import InputError
from vitrine.market.clusters import Choice, choose, jaccard_stability, segment


def sellers(n: int = 600, seed: int = 0) -> tuple[pa.Table, np.ndarray]:
    """Three kinds: large and punctual, small and new, late and badly reviewed."""
    random = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    orders = np.exp(random.normal(np.array([5.0, 1.0, 2.5])[kind], 0.3))
    table = {
        "seller_id": [f"s{i}" for i in range(n)],
        "sales_orders_180d": orders,
        "sales_revenue_180d": orders * np.exp(random.normal(4, 0.2, n)),
        "sales_days_since_first_sale": random.normal(np.array([700, 60, 400])[kind], 30),
        "reviews_score_mean_180d": random.normal(np.array([4.6, 4.3, 2.2])[kind], 0.2),
        "delivery_late_share_180d": np.clip(random.normal(np.array([0.03, 0.05, 0.5])[kind], 0.03), 0, 1),
    }
    return pa.table(table), kind


def test_planted_kinds_are_found_and_stable() -> None:
    table, kind = sellers()
    found = segment(table)
    assert len(found.segments) == 3
    pairs = {(int(a), int(b)) for a, b in zip(found.of_row, kind, strict=True)}
    assert len(pairs) == 3  # one segment each, and no seller elsewhere
    assert min(one.stability for one in found.segments) > 0.9
    late = found.segments[int(found.of_row[2])]
    assert "late" in late.words and "badly reviewed" in late.words
    assert (found.assign(table) == found.of_row).all()


def test_a_cloud_is_no_stable_set_of_many_clusters() -> None:
    z = np.random.default_rng(1).normal(size=(400, 5))
    labels = np.random.default_rng(2).integers(0, 6, 400)
    assert jaccard_stability(z, labels, 6, seed=0, draws=5).mean() < 0.6


def test_k_is_chosen_among_the_sound() -> None:
    tried = (Choice(2, 0.3, 0.9, 0.9, 100), Choice(3, 0.5, 0.8, 0.4, 90), Choice(4, 0.4, 0.8, 0.7, 60))
    assert choose(tried, 300).k == 4
    assert choose(tried[1:2], 300).k == 3


def test_too_little_to_cluster_says_so() -> None:
    with pytest.raises(InputError, match="50 rows and 3 aspects"):
        segment(sellers(30)[0])
