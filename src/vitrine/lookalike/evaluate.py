"""Measure look-alikes on test: recall, average precision, steering, coverage and leaks, beside plain cosine.

Queries are products of the test part, whose families the heads and the metric have never seen. Nothing of a query's own family
is found. What is predicted decides alone, as for a new photo: no label of the products searched is read but to judge. Two
galleries are searched: everything else, and only what is as unseen as the query (calibrate and test).

Plain cosine is the cosine of the same embedder's vectors as they are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vitrine.errors import InputError, Refused
from vitrine.learn.dataset import Dataset, is_color
from vitrine.learn.evaluate import interval, interval_of_difference
from vitrine.learn.train import Take
from vitrine.lookalike.collapse import collapsed
from vitrine.lookalike.space import Described, Space, Vectors, in_parts
from vitrine.lookalike.steer import Steering, agreement, steered_scores

_MOST_QUERIES = 3_000
_MOST_SEARCHED = 20_000
_QUERIES_AT_ONCE = 64
_SHOWN = 10
KS = (1, 5, 10)
_BINS = 10

Scores = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Side:
    """n products on one side of the search: their points, plain vectors of length one, labels by attribute, and families."""

    described: Described
    points: Vectors
    plain: Vectors
    labels: Mapping[str, NDArray[np.str_]]
    families: NDArray[np.str_]
    skus: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.skus)

    def take(self, rows: NDArray[Any]) -> "Side":
        """Some of the products."""
        labels = {name: one[rows] for name, one in self.labels.items()}
        return Side(
            self.described.take(rows), self.points[rows], self.plain[rows], labels, self.families[rows], self.skus[rows]
        )


def evaluate(
    space: Space, dataset: Dataset, take: Take, *, attributes: Sequence[str] = (), change: str | None = None
) -> dict[str, Any]:
    """The report as JSON values: all chosen `attributes` (by default all learnt) right is a fine hit; `change` is steered.

    Only products labelled in all chosen attributes take part. Raises Refused without a test product, InputError for an
    attribute that was not learnt.
    """
    names = [space.attribute(name) for name in attributes or space.values]
    if not names:
        raise Refused("nothing was learnt yet that could be measured", hint="vitrine train")
    steered = space.attribute(change) if change else next(filter(is_color, names), names[-1])
    if steered not in names:
        raise InputError(f"{steered} is not among the chosen attributes", hint=f"--attribute {steered}")
    labelled = np.all([np.array(dataset.strings(name)) != "" for name in names], axis=0)
    queries = _side(space, dataset, take, names, _some(labelled & (dataset.parts == "test"), _MOST_QUERIES))
    if not len(queries):
        raise Refused("no product of the test part is labelled in all attributes", hint="--attribute chooses fewer")
    galleries = {"everything": labelled, "unseen": labelled & (dataset.parts != "train")}
    report: dict[str, Any] = {"model": space.model_id, "embedder": space.projection.embedder_id, "fine": names}
    with threadpool_limits(limits=1):
        for name, flags in galleries.items():
            side = _side(space, dataset, take, names, _some(flags, _MOST_SEARCHED))
            report[name] = _measured(space, queries, side, names, steered)
    alarm = collapsed(queries.plain)
    report["collapsed"] = alarm and alarm.message
    return report


def _side(space: Space, dataset: Dataset, take: Take, names: Sequence[str], rows: NDArray[np.intp]) -> Side:
    parts = [take(rows[part]) for part in in_parts(len(rows))]
    vectors = np.concatenate(parts) if parts else np.zeros((0, space.projection.dim), np.float32)
    described = space.describe(vectors)
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    labels = {name: np.array(dataset.strings(name))[rows] for name in names}
    families, skus = np.array(dataset.strings("family_id"))[rows], np.array(dataset.skus)[rows]
    return Side(described, space.points(described), (vectors / lengths).astype(np.float32), labels, families, skus)


def _some(flags: Flags, most: int) -> NDArray[np.intp]:
    rows = np.flatnonzero(flags)
    return rows[:: max(1, -(-len(rows) // most))]


def _measured(space: Space, queries: Side, gallery: Side, names: Sequence[str], steered: str) -> dict[str, Any]:
    learned = _rankings(queries, gallery, lambda rows: queries.points[rows] @ gallery.points.T, names)
    plain = _rankings(queries, gallery, lambda rows: queries.plain[rows] @ gallery.plain.T, names)
    families = queries.families
    attributes = {}
    for name in names:
        attributes[name] = _recalls(learned.hits[name], plain.hits[name], families)
        attributes[name]["mAP"] = {
            "learned": float(learned.precision[name].mean()), "plain": float(plain.precision[name].mean())
        }  # fmt: skip
        attributes[name]["probability"] = _reliability(space, queries, gallery, learned, name)
    fine = [np.all([one.hits[name] for name in names], axis=0) for one in (learned, plain)]
    return {
        "queries": len(queries),
        "searched": len(gallery),
        "attributes": attributes,
        "fine": _recalls(fine[0], fine[1], families),
        "steered": _steered(space, queries, gallery, names, steered),
        "coverage": {
            "learned": len(np.unique(learned.top)) / len(gallery), "plain": len(np.unique(plain.top)) / len(gallery)
        },
        "leak": _leak(queries, gallery, names[0]),
    }  # fmt: skip


@dataclass(frozen=True)
class _Ranking:
    """Per query the `top` places, by attribute the `hits` among them (q, shown) and the average `precision` (q,)."""

    top: NDArray[np.intp]
    hits: Mapping[str, Flags]
    precision: Mapping[str, NDArray[np.float64]]


def _rankings(
    queries: Side, gallery: Side, scored: Callable[[NDArray[np.intp]], Scores], names: Sequence[str]
) -> _Ranking:
    tops, hits, precision = [], {name: [] for name in names}, {name: [] for name in names}  # type: ignore[var-annotated]
    for rows in _blocks(len(queries)):
        scores = scored(rows)
        scores[_kin(queries.take(rows), gallery)] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")
        usable = np.isfinite(np.take_along_axis(scores, order, axis=1))
        tops.append(order[:, :_SHOWN])
        for name in names:
            relevant = (gallery.labels[name][order] == queries.labels[name][rows][:, None]) & usable
            hits[name].append(relevant[:, :_SHOWN])
            ranks = np.arange(1, relevant.shape[1] + 1)
            found = relevant.cumsum(axis=1)
            precision[name].append((relevant * found / ranks).sum(axis=1) / np.maximum(found[:, -1], 1))
    joined = {name: np.concatenate(hits[name]) for name in names}
    return _Ranking(np.concatenate(tops), joined, {name: np.concatenate(precision[name]) for name in names})


def _blocks(count: int) -> Iterator[NDArray[np.intp]]:
    for start in range(0, count, _QUERIES_AT_ONCE):
        yield np.arange(start, min(start + _QUERIES_AT_ONCE, count))


def _kin(queries: Side, gallery: Side) -> Flags:
    return np.asarray(queries.families[:, None] == gallery.families[None, :], np.bool_)


def _recalls(learned: Flags, plain: Flags, families: NDArray[np.str_]) -> dict[str, Any]:
    """Recall@k of both with intervals, and the gain with its own."""
    return {
        f"recall@{k}": _compared(np.any(learned[:, :k], axis=1), np.any(plain[:, :k], axis=1), families) for k in KS
    }


def _compared(learned: Flags, plain: Flags, families: NDArray[np.str_]) -> dict[str, Any]:
    gain = learned.astype(np.float64) - plain
    return {
        "n": len(learned),
        "learned": float(learned.mean()),
        "interval": interval(learned, families),
        "plain": float(plain.mean()),
        "gain": float(gain.mean()),
        "gain_interval": interval_of_difference(gain, families),
    }


def _reliability(space: Space, queries: Side, gallery: Side, ranking: _Ranking, name: str) -> dict[str, Any] | None:
    """Of the products shown: mean probability, share that is the same, and the mean gap over bins of equal size."""
    sameness = space.metric.sameness.get(name)
    if sameness is None:
        return None
    said, true = [], []
    for row in range(len(queries)):
        top = ranking.top[row]
        others = gallery.described.take(top)
        similarity = gallery.points[top] @ queries.points[row]
        chance = agreement(queries.described.take(np.array([row])), others, name)
        said.append(sameness.probability(chance, similarity.astype(np.float64)))
        true.append(ranking.hits[name][row])
    probability, same = np.concatenate(said), np.concatenate(true)
    order = np.argsort(probability, kind="stable")
    gaps = [abs(probability[part].mean() - same[part].mean()) for part in np.array_split(order, _BINS)]
    return {"said": float(probability.mean()), "same": float(same.mean()), "gap": float(np.mean(gaps))}


def _steered(space: Space, queries: Side, gallery: Side, names: Sequence[str], change: str) -> dict[str, Any] | None:
    """Keep all chosen attributes but one, and change that one to a stated value that exists in the rest of the catalog.

    A query's target is drawn by a hash from the values, other than its own, that some product of another family has with
    everything else the same; queries without such a product are left out. A hit has all of it right.
    """
    keep = tuple(name for name in names if name != change)
    rows, hits = [], {name: [] for name in ("steered", "plain", "filtered")}  # type: ignore[var-annotated]
    for row in range(len(queries)):
        query = queries.take(np.array([row]))
        other = ~_kin(query, gallery)[0]
        fitting = other & np.logical_and.reduce([gallery.labels[n] == query.labels[n][0] for n in keep] or [other])
        target = _target(space, query, gallery.labels[change][fitting], change)
        if target is None:
            continue
        rows.append(row)
        right = fitting & (gallery.labels[change] == target)
        plain = gallery.plain @ query.plain[0]
        predicted = gallery.described.shares[change].argmax(axis=1) == space.value(change, target)
        steering = Steering(keep, {change: target})
        scores = {
            "steered": steered_scores(space, query.described, gallery.described, steering),
            "plain": plain,
            "filtered": np.where(predicted, plain, -2.0),
        }
        for name, score in scores.items():
            best = np.argsort(-np.where(other, score, -np.inf), kind="stable")[:_SHOWN]
            hits[name].append(right[best])
    if not rows:
        return None
    families = queries.families[np.array(rows)]
    flags = {name: np.array(one) for name, one in hits.items()}
    return {
        "keep": list(keep),
        "change": change,
        **_recalls(flags["steered"], flags["plain"], families),
        "filtered": {f"recall@{k}": float(flags["filtered"][:, :k].any(axis=1).mean()) for k in KS},
    }


def _target(space: Space, query: Side, offered: NDArray[np.str_], change: str) -> str | None:
    own = query.labels[change][0]
    values = sorted(set(offered.tolist()) & set(space.values[change]) - {own})
    if not values:
        return None
    drawn = int.from_bytes(sha256(f"target {query.skus[0]}".encode()).digest()[:4])
    return str(values[drawn % len(values)])


def _leak(queries: Side, gallery: Side, name: str) -> dict[str, Any]:
    """What recall@1 would claim were a query's own family among what is searched."""
    own, hits = [], []
    for rows in _blocks(len(queries)):
        some = queries.take(rows)
        scores = some.plain @ gallery.plain.T
        scores[some.skus[:, None] == gallery.skus[None, :]] = -np.inf
        best = scores.argmax(axis=1)
        own.append(gallery.families[best] == some.families)
        hits.append(gallery.labels[name][best] == some.labels[name])
    return {
        "attribute": name,
        "nearest_is_own_family": float(np.concatenate(own).mean()),
        "plain_recall@1_with_family": float(np.concatenate(hits).mean()),
    }
