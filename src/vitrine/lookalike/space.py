"""The space in which look-alikes are near: what a product looks like, and what the champion says of each attribute.

A product is a point of length one. Its first block is its projected embedding; then comes a block for every attribute: the
square roots of the probabilities of its values, so that the product of two such blocks is their Bhattacharyya coefficient
(1943): 1 where both say the same. Each block is scaled by a weight learnt on train. The similarity of two products is the
inner product of their points, the weighted mean of the blocks' similarities, and any index can find it.

Square roots also keep the probabilities readable: a shelf of points is enough to say why, to filter and to steer.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from vitrine.errors import InputError, NotFound, StorageError, sentence
from vitrine.learn.predictor import Predictor
from vitrine.learn.projection import Projection
from vitrine.stores.whole import whole

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
Shares = Mapping[str, NDArray[np.floating[Any]]]

_VERSION = 1
_AT_ONCE = 4_096
_NEVER = 1e-4  # an agreement of exactly 0 or 1 must leave room for doubt


@dataclass(frozen=True, slots=True)
class Sameness:
    """How sure it is that two products have the same value of an attribute: logistic in agreement and similarity."""

    constant: float
    agreement: float
    similarity: float

    def probability(self, agreement: Floats, similarity: Floats) -> Floats:
        """Of n pairs, from the agreement of their probabilities (n,) in 0..1 and their similarity (n,)."""
        odds = self.constant + self.agreement * log_odds(agreement) + self.similarity * similarity
        return np.asarray(expit(odds))


@dataclass(frozen=True, slots=True)
class Metric:
    """What was learnt on pairs of train products (see `vitrine.lookalike.learn_metric`).

    `looks` and `attributes` are the weights of the blocks, in log-odds of "the same in everything"; `sameness` turns a pair
    into a probability, by attribute. `unlike` is the similarity below which a nearest product is no look-alike: 99 % of
    train products have a nearer one.
    """

    looks: float
    attributes: Mapping[str, float]
    sameness: Mapping[str, Sameness]
    unlike: float

    @property
    def total(self) -> float:
        """The sum of all weights."""
        return self.looks + sum(self.attributes.values())

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal metric back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Metric":
        """The metric that `to_json` wrote."""
        sameness = {name: Sameness(**one) for name, one in data["sameness"].items()}
        return cls(data["looks"], dict(data["attributes"]), sameness, data["unlike"])


LOOKS_ALONE = Metric(1.0, {}, {}, -1.0)


@dataclass(frozen=True)
class Described:
    """n products as a space sees them: `looks` (n, columns) of length one, and by attribute `shares` (n, values)."""

    looks: Vectors
    shares: Shares

    def take(self, rows: NDArray[Any]) -> "Described":
        """Some of the products, by row or by mask."""
        return Described(self.looks[rows], {name: one[rows] for name, one in self.shares.items()})


@dataclass(frozen=True)
class Space:
    """A projection, the heads that name the attributes (none without a champion), and the learnt metric."""

    projection: Projection
    predictor: Predictor | None = None
    model_id: str | None = None
    metric: Metric = field(default=LOOKS_ALONE)

    @cached_property
    def id(self) -> str:
        """`sp-…`: changes with whatever changes a point, so points of two spaces are never compared."""
        made_of = [_VERSION, self.projection.embedder_id, self.projection.id, self.model_id, self.metric.to_json()]
        return "sp-" + hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:12]

    @cached_property
    def values(self) -> dict[str, tuple[str, ...]]:
        """The values of each attribute, in the order of its block."""
        known = self.predictor.grammar.values if self.predictor else {}
        return {name: tuple(values) for name, values in known.items()}

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """The columns of each attribute's block; those before the first are the looks."""
        start, found = self.projection.columns, {}
        for name, values in self.values.items():
            found[name] = slice(start, start + len(values))
            start += len(values)
        return found

    @property
    def dim(self) -> int:
        """Length of a point."""
        return self.projection.columns + sum(map(len, self.values.values()))

    def scale(self, name: str | None) -> float:
        """What the numbers of an attribute's block (None: of the looks) are multiplied with in a point."""
        weight = self.metric.looks if name is None else self.metric.attributes[name]
        return float(np.sqrt(weight / self.metric.total))

    def describe(self, vectors: Vectors) -> Described:
        """Looks and shares of n products from their fused vectors (n, dim of the embedder)."""
        projected = self.projection.apply(vectors, embedder_id=self.projection.embedder_id)
        decided = self.predictor.decide_projected(projected) if self.predictor else {}
        shares = {name: one.marginal.astype(np.float32) for name, one in decided.items()}
        return Described(_of_length_one(projected), shares)

    def points(self, described: Described) -> Vectors:
        """Points (n, dim) of length one."""
        parts = [described.looks * np.float32(self.scale(None))]
        for name in self.values:
            parts.append(np.sqrt(np.maximum(described.shares[name], 0)) * np.float32(self.scale(name)))
        return np.concatenate(parts, axis=1).astype(np.float32)

    def shares(self, points: Vectors, name: str) -> NDArray[np.float32]:
        """The probabilities (n, values) of an attribute that points (n, dim) were made of."""
        block = points[:, self.blocks[name]] / np.float32(self.scale(name))
        return np.asarray(np.square(block), np.float32)

    def attribute(self, name: str) -> str:
        """The name itself; InputError, with what there is, for an attribute that the space does not know."""
        if name not in self.values:
            raise InputError(
                sentence(
                    "look-alikes know no attribute {name!r} (they know: {known})",
                    name=name[:80],
                    known=", ".join(self.values) or "none",
                ),
                hint=sentence("vitrine train learns attributes; vitrine models lists what was learnt"),
            )
        return name

    def value(self, name: str, value: str) -> int:
        """The place of a value in its attribute's block; InputError for one that no head knows."""
        known = self.values[self.attribute(name)]
        if value not in known:
            raise InputError(
                sentence(
                    "look-alikes know no {attribute} {given!r} (they know: {known})",
                    attribute=name,
                    given=value[:80],
                    known=", ".join(known),
                ),
                hint=sentence("a value is learnt from at least [learn] min_rows labelled products"),
            )
        return known.index(value)


def log_odds(agreement: Floats) -> Floats:
    """Of agreements in 0..1, which are never taken for quite sure."""
    return np.asarray(logit(np.clip(agreement, _NEVER, 1 - _NEVER)))


def in_parts(count: int) -> Iterator[slice]:
    """Slices over `count` rows: few enough at a time to bound memory on a large catalog."""
    yield from (slice(start, min(start + _AT_ONCE, count)) for start in range(0, count, _AT_ONCE))


def save_metric(metric: Metric, model_id: str, folder: Path) -> None:
    """Keep what was learnt for a model."""
    with whole(folder / f"metric-{model_id}.json", hint="free some space and search again") as temporary:
        temporary.write_text(json.dumps({"version": _VERSION, **metric.to_json()}, indent=1), encoding="utf-8")


def load_metric(model_id: str, folder: Path) -> Metric:
    """What was kept; NotFound where there is nothing, StorageError where it cannot be read."""
    path = folder / f"metric-{model_id}.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != _VERSION:
            raise NotFound(f"{path} is of another version")
        return Metric.from_json(data)
    except FileNotFoundError:
        raise NotFound(
            sentence("no look-alikes were learnt for {model}", model=model_id), hint="vitrine lookalike build"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{path} cannot be read: {error}", hint="vitrine lookalike build") from error


def _of_length_one(rows: Vectors) -> Vectors:
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return np.asarray(rows / np.maximum(lengths, 1e-9), np.float32)
