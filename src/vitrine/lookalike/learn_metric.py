"""Learn what makes products alike, on pairs of train products that lie near each other and are of different families.

Shares are out of fold, so that a pair looks as a new photo beside a product does. Weights come from a logistic regression
of "the same in every attribute that is known of both" on the similarities of the blocks, none below zero: the inner product
of points is then, but for a constant, the log-odds of being the same. Pairs are drawn where it matters, among the nearest by
the weights so far.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from threadpoolctl import threadpool_limits

from vitrine.lookalike.space import Described, Floats, Metric, Sameness, log_odds

Codes = NDArray[np.int64]

UNKNOWN = -1
_MOST_QUERIES = 2_500
_MOST_OTHERS = 12_000
_NEAREST = 40
_ROUNDS = 2
_QUERIES_AT_ONCE = 250
_LEAST_PAIRS = 200
_PENALTY = 1e-4
_LEAST_SPREAD = 1e-6
# Share of all weight that a block keeps at least: with none, a point would not hold the probabilities any more.
_LEAST_WEIGHT = 0.01
# Left alone, looks keep hardly any weight, and what has the same attributes comes in no order that an eye would see. On
# fashion-products 0.2 costs half a point of fine recall@1 and gains a point of recall@1 of the article type (docs/LOG.md).
_LEAST_LOOKS = 0.2
_STRAY = 0.01


@dataclass(frozen=True, slots=True)
class Pairs:
    """p pairs: the similarity of `looks` (p,), of each attribute's `shares` (p,), their `agreement`, and who is `same`.

    `same` is 1 or 0 where the value is known of both, and NaN elsewhere; `rank` counts a query's pairs, the nearest is 0.
    """

    rank: Codes
    looks: Floats
    shares: Mapping[str, Floats]
    agreement: Mapping[str, Floats]
    same: Mapping[str, Floats]

    def similarity(self, metric: Metric) -> Floats:
        """The inner products of the points (p,)."""
        weighted = metric.looks * self.looks
        for name, weight in metric.attributes.items():
            weighted = weighted + weight * self.shares[name]
        return np.asarray(weighted / metric.total)


def learn_metric(described: Described, labels: Mapping[str, Codes], families: NDArray[np.str_]) -> Metric:
    """The metric of n train products with out-of-fold shares; `labels` (n,) are places in the shares, or `UNKNOWN`.

    With too few pairs to learn from, every block weighs the same and there are no probabilities.
    """
    names = list(described.shares)
    metric = Metric(1.0, dict.fromkeys(names, 1.0), {}, -1.0)
    with threadpool_limits(limits=1):
        for _ in range(_ROUNDS):
            metric = _weights(_pairs(described, labels, families, metric), metric)
        pairs = _pairs(described, labels, families, metric)
    similarity = pairs.similarity(metric)
    sameness = {name: found for name in names if (found := _sameness(pairs, name, similarity)) is not None}
    nearest = similarity[pairs.rank == 0]
    unlike = float(np.quantile(nearest, _STRAY)) if len(nearest) >= _LEAST_PAIRS else -1.0
    return Metric(metric.looks, metric.attributes, sameness, unlike)


def _pairs(described: Described, labels: Mapping[str, Codes], families: NDArray[np.str_], metric: Metric) -> Pairs:
    """Each query with its nearest products of other families."""
    count = len(described.looks)
    others = np.arange(0, count, -(-count // _MOST_OTHERS))
    queries = np.arange(0, count, -(-count // _MOST_QUERIES))
    group = np.unique(families, return_inverse=True)[1]
    each = min(_NEAREST, len(others))
    found = list(_nearest(described, queries, others, group, metric, each))
    left, right, rank = (np.concatenate(side) for side in zip(*found, strict=True))
    looks = np.einsum("ij,ij->i", described.looks[left], described.looks[right]).astype(np.float64)
    shares, agreement, same = {}, {}, {}
    for name, own in described.shares.items():
        a, b = own[left], own[right]
        agreement[name] = np.einsum("ij,ij->i", a, b).astype(np.float64)
        shares[name] = np.einsum("ij,ij->i", np.sqrt(a), np.sqrt(b)).astype(np.float64)
        x, y = labels[name][left], labels[name][right]
        same[name] = np.where((x == UNKNOWN) | (y == UNKNOWN), np.nan, x == y)
    return Pairs(rank, looks, shares, agreement, same)


def _nearest(
    described: Described, queries: Codes, others: Codes, group: Codes, metric: Metric, each: int
) -> Iterator[tuple[Codes, Codes, Codes]]:
    """Rows of queries, of their nearest ones of other groups, and the ranks, some queries at a time."""
    roots = {name: np.sqrt(own) for name, own in described.shares.items()}
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        some = queries[start : start + _QUERIES_AT_ONCE]
        near = np.float32(metric.looks) * (described.looks[some] @ described.looks[others].T)
        for name, weight in metric.attributes.items():
            near += np.float32(weight) * (roots[name][some] @ roots[name][others].T)
        near[group[some][:, None] == group[others][None, :]] = -np.inf
        best = np.argpartition(-near, each - 1, axis=1)[:, :each]
        best = np.take_along_axis(best, np.argsort(-np.take_along_axis(near, best, axis=1), axis=1), axis=1)
        query, rank = np.nonzero(np.isfinite(np.take_along_axis(near, best, axis=1)))
        yield some[query], others[best[query, rank]], rank


def _weights(pairs: Pairs, metric: Metric) -> Metric:
    names = list(metric.attributes)
    known = np.array([pairs.same[name] for name in names]) if names else np.zeros((0, len(pairs.looks)))
    usable = ~np.isnan(known).all(axis=0) if names else np.zeros(len(pairs.looks), np.bool_)
    if usable.sum() < _LEAST_PAIRS:
        return metric
    alike = np.nanmin(known[:, usable], axis=0)
    columns = np.stack([pairs.looks, *(pairs.shares[name] for name in names)], axis=1)[usable]
    fitted = _logistic(columns, alike)[1:]
    fitted = np.maximum(fitted, _LEAST_WEIGHT * max(float(fitted.sum()), 1e-6))
    fitted[0] = max(fitted[0], fitted[1:].sum() * _LEAST_LOOKS / (1 - _LEAST_LOOKS))
    return Metric(float(fitted[0]), dict(zip(names, fitted[1:].tolist(), strict=True)), {}, -1.0)


def _sameness(pairs: Pairs, name: str, similarity: Floats) -> Sameness | None:
    usable = ~np.isnan(pairs.same[name])
    same = pairs.same[name][usable]
    if len(same) < _LEAST_PAIRS or same.min() == same.max():
        return None
    columns = np.stack([log_odds(pairs.agreement[name][usable]), similarity[usable]], axis=1)
    constant, by_agreement, by_similarity = _logistic(columns, same)
    return Sameness(float(constant), float(by_agreement), float(by_similarity))


def _logistic(columns: Floats, truth: Floats) -> Floats:
    """Constant and coefficients of a logistic regression whose coefficients are not below zero.

    Columns are standardized for the fit: near pairs differ in the third digit of their similarity.
    """
    from scipy.optimize import minimize

    middle, spread = columns.mean(axis=0), np.maximum(columns.std(axis=0), _LEAST_SPREAD)
    columns = (columns - middle) / spread

    def objective(theta: Floats) -> tuple[float, Floats]:
        q = theta[0] + columns @ theta[1:]
        loss = np.logaddexp(0, np.where(truth > 0.5, -q, q)).mean() + 0.5 * _PENALTY * (theta[1:] @ theta[1:])
        slope = (expit(q) - truth) / len(truth)
        return float(loss), np.r_[slope.sum(), columns.T @ slope + _PENALTY * theta[1:]]

    bounds = [(None, None), *[(0.0, None)] * columns.shape[1]]
    theta = minimize(objective, np.zeros(columns.shape[1] + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    scaled = theta[1:] / spread
    return np.asarray(np.r_[theta[0] - scaled @ middle, scaled])
