"""AUC, PR-AUC, Brier score, log-loss and precision at the top tenth, with intervals by bootstrap over groups.

>>> import numpy as np
>>> measure(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))["auc"]
0.75
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 500
METRICS = ("auc", "pr_auc", "brier", "log_loss", "precision_top_tenth")
_FLOOR = 1e-7

Floats = NDArray[np.float64]
Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Rows by falling score; `ends` are the last rows of each stretch of equal scores."""

    order: NDArray[np.intp]
    y: Floats
    p: Floats
    ends: NDArray[np.intp]


def measure(y: Labels, p: Floats, weight: Floats | None = None) -> dict[str, float]:
    """All metrics of probabilities `p` (n,) for labels `y` (n,), rows counted `weight` times; NaN where one class is absent."""
    rows = _sorted(y, p)
    return _measure(rows, np.ones(len(y)) if weight is None else weight[rows.order])


def auc(y: Labels, score: Floats) -> float:
    """The chance that a one is ranked before a zero, ties counted half (Mann and Whitney 1947)."""
    return _auc(_sorted(y, score), np.ones(len(y)))


def with_intervals(y: Labels, p: Floats, groups: NDArray[Any], *, seed: int = 0, draws: int = DRAWS) -> dict[str, Any]:
    """`{metric: {"mean", "low", "high"}}` plus n, groups and share of ones; 95 % percentile bootstrap over `groups` (n,)."""
    rows = _sorted(y, p)
    _, group_of = np.unique(groups, return_inverse=True)
    group_of = group_of[rows.order]
    count = int(group_of.max()) + 1 if len(y) else 0
    point = _measure(rows, np.ones(len(y)))
    drawn = [_measure(rows, weight[group_of]) for weight in bootstrap(count, seed, draws)] if count > 1 else []
    found: dict[str, Any] = {"n": len(y), "groups": count, "share": float(np.mean(y)) if len(y) else float("nan")}
    for name in METRICS:
        values = np.array([one[name] for one in drawn])
        values = values[~np.isnan(values)]
        low, high = np.quantile(values, (0.025, 0.975)).tolist() if len(values) else (float("nan"),) * 2
        found[name] = {"mean": _rounded(point[name]), "low": _rounded(low), "high": _rounded(high)}
    return found


def auc_difference(
    y: Labels, first: Floats, second: Floats, groups: NDArray[Any], *, seed: int = 0, draws: int = 1_000
) -> tuple[float, tuple[float, float]]:
    """AUC of `first` minus AUC of `second` on the same rows, and its 95 % interval by paired bootstrap over `groups`."""
    sides = [_sorted(y, first), _sorted(y, second)]
    _, group_of = np.unique(groups, return_inverse=True)
    count = int(group_of.max()) + 1
    ones = np.ones(len(y))
    mean = _auc(sides[0], ones) - _auc(sides[1], ones)
    drawn = []
    for of_group in bootstrap(count, seed, draws):
        weight = of_group[group_of]
        drawn.append(_auc(sides[0], weight[sides[0].order]) - _auc(sides[1], weight[sides[1].order]))
    low, high = np.nanquantile(drawn, (0.025, 0.975)).tolist()
    return mean, (low, high)


def auc_within(
    y: Labels, score: Floats, strata: NDArray[Any], groups: NDArray[Any], *, seed: int = 0, draws: int = DRAWS
) -> dict[str, float]:
    """AUC over pairs of one stratum alone, `{"mean", "low", "high"}`; 95 % interval by bootstrap over `groups` (n,)."""
    rows_of = [np.flatnonzero(strata == one) for one in np.unique(strata)]
    parts = [(rows, _sorted(y[rows], score[rows])) for rows in rows_of]
    _, group_of = np.unique(groups, return_inverse=True)

    def paired(weight: Floats) -> float:
        pairs, right = 0.0, 0.0
        for rows, part in parts:
            heavy = weight[rows][part.order]
            ones = float((heavy * part.y).sum())
            of_part = ones * float((heavy * (1 - part.y)).sum())
            if of_part:
                pairs, right = pairs + of_part, right + of_part * _auc(part, heavy)
        return right / pairs if pairs else float("nan")

    drawn = [paired(weight[group_of]) for weight in bootstrap(int(group_of.max()) + 1, seed, draws)]
    low, high = np.nanquantile(drawn, (0.025, 0.975)).tolist()
    return {"mean": paired(np.ones(len(y))), "low": low, "high": high}


def bootstrap(count: int, seed: int, draws: int) -> Iterator[Floats]:
    """How often each of `count` groups is drawn, with replacement, once for each of `draws` worlds."""
    random = np.random.default_rng(seed)
    for _ in range(draws):
        yield np.bincount(random.integers(count, size=count), minlength=count).astype(np.float64)


def _sorted(y: Labels, p: Floats) -> _Sorted:
    order = np.argsort(-p, kind="stable")
    falling = p[order]
    ends = np.flatnonzero(np.append(np.diff(falling) != 0, True)) if len(p) else np.zeros(0, dtype=np.intp)
    return _Sorted(order, y[order].astype(np.float64), falling, ends)


def _measure(rows: _Sorted, weight: Floats) -> dict[str, float]:
    total = float(weight.sum())
    ones = float((weight * rows.y).sum())
    if not 0 < ones < total:
        return dict.fromkeys(METRICS, float("nan"))
    seen = weight.cumsum()[rows.ends]
    hits = (weight * rows.y).cumsum()[rows.ends]
    p = np.clip(rows.p, _FLOOR, 1 - _FLOOR)
    loss = -(weight * (rows.y * np.log(p) + (1 - rows.y) * np.log(1 - p))).sum() / total
    gained = np.diff(hits, prepend=0.0)
    top = total / 10
    return {
        "auc": _auc(rows, weight),
        "pr_auc": float((gained * np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)).sum() / ones),
        "brier": float((weight * (rows.y - rows.p) ** 2).sum() / total),
        "log_loss": float(loss),
        # ties at the edge of the top tenth count in proportion
        "precision_top_tenth": float(np.interp(top, np.append(0.0, seen), np.append(0.0, hits)) / top),
    }


def _auc(rows: _Sorted, weight: Floats) -> float:
    hits = np.append(0.0, (weight * rows.y).cumsum()[rows.ends])
    misses = np.append(0.0, (weight * (1 - rows.y)).cumsum()[rows.ends])
    if not hits[-1] or not misses[-1]:
        return float("nan")
    return float((np.diff(misses) * (hits[1:] + hits[:-1]) / 2).sum() / (hits[-1] * misses[-1]))


def _rounded(value: float) -> float | None:
    return None if value != value else round(float(value), 4)
