"""Whether a photo shows the brand that was ordered: how probable the head finds it, and how near its photos are.

A head that knows three brands calls a fourth one by one of their names. So the score of a brand is the log-odds that
the head gives it plus how much the photo is like the nearest labelled photos of that brand. And a match takes more: the
photo must be nearer to photos of the ordered brand than strangers are. Photos of the other learnt brands stand in for
strangers there, because that nearness knows nothing of their labels. All was measured with one brand held out in turn
(docs/LOG.md). Levels are chosen out of fold on train and proven on the calibrate part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.desk.deliveries import MISMATCH
from vitrine.errors import StorageError
from vitrine.learn.answers import one_per_family
from vitrine.learn.predictor import Predictor
from vitrine.learn.rowwise import rowwise
from vitrine.receive.bound import Bound, levels, prove
from vitrine.receive.receipts import MATCH, UNKNOWN
from vitrine.receive.verify import Compared

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]

NEAR = 5  # photos of a brand that a photo is compared with
WEIGHT = 15.0  # of their mean cosine against log-odds
CATALOG, DELIVERIES = "catalog", "deliveries"
REFUSED = 0.01  # of the photos of learnt brands are taken for none of them
_SURE = 1e-6
_SALT = "brand-check"


@dataclass(frozen=True, slots=True)
class Rows:
    """n labelled products: projected vectors `z` (n, d), brand numbers `brand` (n,) and what they are called."""

    z: Matrix
    brand: NDArray[np.int64]
    family: NDArray[np.str_]
    sku: NDArray[np.str_]
    photo_id: NDArray[np.str_]

    def take(self, rows: NDArray[np.intp]) -> "Rows":
        """Some of the rows."""
        return Rows(self.z[rows], self.brand[rows], self.family[rows], self.sku[rows], self.photo_id[rows])


@dataclass(frozen=True, slots=True)
class BrandSeen:
    """What a photo shows: the most probable brand, None where it is like none of them.

    `scores` (k,) and `near` (k,), the mean cosines to the nearest photos of each brand, are in brand order.
    """

    brand: str | None
    confidence: float
    probabilities: Mapping[str, float]
    scores: Floats
    near: Floats
    z: Matrix


@dataclass(frozen=True, slots=True)
class BrandCheck:
    """At most `alarm.rate` of photos of the ordered brand score below `alarm.level`.

    Of photos of another learnt brand at most `accept.rate` score above `-accept.level`, whichever brand was ordered, and at
    most `strange.rate` are nearer to photos of the ordered brand than `-strange.level`, though not asked for their own. A
    photo less like any labelled one than `familiar` shows none of the learnt brands. `proven_on` says of which photos this
    holds: those of the catalog, or of deliveries that people accepted.
    """

    attribute: str
    brands: tuple[str, ...]
    reference: Rows
    alarm: Bound
    accept: Bound
    strange: Bound
    familiar: float
    proven_on: str = CATALOG

    def see(self, predictor: Predictor, vector: Matrix) -> BrandSeen:
        """What the photo with this embedding (1, dim) shows."""
        z = predictor.projection.apply(vector, embedder_id=predictor.projection.embedder_id)
        proba = predictor.probabilities(z)[self.attribute]
        near = nearness(z, self.reference, len(self.brands))
        return self.judge(proba[0], near[0], z)

    def judge(self, proba: Floats, near: Floats, z: Matrix) -> BrandSeen:
        """What a photo with these probabilities (k,) and nearness (k,) shows."""
        best = int(proba.argmax())
        seen = self.brands[best] if near.max() >= self.familiar else None
        probabilities = {brand: round(float(p), 4) for brand, p in zip(self.brands, proba, strict=True)}
        return BrandSeen(seen, round(float(min(proba[best], 1.0)), 4), probabilities, score(proba, near), near, z)

    def compare(self, seen: BrandSeen, expected: str) -> Compared:
        """Whether what was seen is the brand that was ordered."""
        if expected not in self.brands:
            return Compared(UNKNOWN, "brand_not_learnt")
        if self.alarm.level is None and self.accept.level is None:
            return Compared(UNKNOWN, "not_proven")
        ordered = self.brands.index(expected)
        found = seen.scores[ordered]
        match = self.accept.level is not None and found > -self.accept.level
        match = match and self.strange.level is not None and seen.near[ordered] > -self.strange.level
        if match and seen.brand == expected:
            return Compared(MATCH, "brand_match")
        if not match and self.alarm.level is not None and found < self.alarm.level:
            return Compared(MISMATCH, "brand_mismatch")
        return Compared(UNKNOWN, "brand_unsure" if seen.brand else "unknown_brand")

    def nearest(self, seen: BrandSeen, count: int) -> list[dict[str, Any]]:
        """The labelled photos most like the one seen, nearest first: sku, photo_id, brand, similarity in -1..1."""
        alike = cosines(seen.z, self.reference.z)[0]
        rows = np.argsort(-alike, kind="stable")[:count]
        return [
            {
                "sku": str(self.reference.sku[row]),
                "photo_id": str(self.reference.photo_id[row]),
                "brand": self.brands[self.reference.brand[row]],
                "similarity": round(float(alike[row]), 4),
            }
            for row in rows
        ]

    def save(self, path: Path) -> None:
        """Write the reference as numbers and texts, without pickle."""
        rows = {name: getattr(self.reference, name) for name in Rows.__dataclass_fields__}
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **rows)

    def to_json(self) -> dict[str, Any]:
        """Everything but the reference, as plain JSON values."""
        return {
            "attribute": self.attribute,
            "brands": list(self.brands),
            "alarm": self.alarm.to_json(),
            "accept": self.accept.to_json(),
            "strange": self.strange.to_json(),
            "familiar": self.familiar,
            "proven_on": self.proven_on,
        }

    @classmethod
    def load(cls, data: Mapping[str, Any], path: Path) -> "BrandCheck":
        """The check that `to_json` and `save` wrote. Raises StorageError where the reference is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as kept:
                reference = Rows(**{name: kept[name] for name in Rows.__dataclass_fields__})
        except Exception as error:
            raise StorageError(f"{path} cannot be read: {error}") from error
        alarm, accept, strange = (Bound.from_json(data[name]) for name in ("alarm", "accept", "strange"))
        familiar, proven_on = float(data["familiar"]), data["proven_on"]
        return cls(data["attribute"], tuple(data["brands"]), reference, alarm, accept, strange, familiar, proven_on)


def fit_brand_check(
    attribute: str,
    brands: Sequence[str],
    train: Rows,
    train_proba: Floats,
    calibrate: Rows,
    calibrate_proba: Floats,
    *,
    false_alarms: float,
    false_matches: float,
    strangers: float,
    confidence: float,
    proven_on: str = CATALOG,
) -> BrandCheck:
    """Choose levels on `train`, whose probabilities (n, k) are out of fold, and prove them on `calibrate`.

    One product a family is drawn on the calibrate part, by a coin that knows no label. `proven_on` says what that part is.
    """
    k = len(brands)
    near = nearness(train.z, train, k, without=train.family)
    right, wrong = _right_and_wrong(score(train_proba, near), train.brand)
    drawn = one_per_family(calibrate.sku.tolist(), calibrate.family.tolist(), _SALT)
    some = calibrate.take(drawn)
    near_some = nearness(some.z, train, k)
    proven_right, proven_wrong = _right_and_wrong(score(calibrate_proba[drawn], near_some), some.brand)
    alarm = prove(proven_right, levels(right, rate=false_alarms), rate=false_alarms, confidence=confidence)
    accept = prove(-proven_wrong, levels(-wrong, rate=false_matches), rate=false_matches, confidence=confidence)
    _, near_others = _right_and_wrong(near, train.brand)
    _, proven_others = _right_and_wrong(near_some, some.brand)
    strange = prove(-proven_others, levels(-near_others, rate=strangers), rate=strangers, confidence=confidence)
    # naming no brand takes matches away and adds none: both proofs hold wherever this level lies
    familiar = float(np.quantile(near_some.max(axis=1), REFUSED)) if len(some.z) else -1.0
    return BrandCheck(attribute, tuple(brands), train, alarm, accept, strange, familiar, proven_on)


def score(proba: Floats, near: Floats) -> Floats:
    """Scores from probabilities and nearness of the same shape: higher is more like that brand."""
    sure = np.clip(proba, _SURE, 1 - _SURE)
    return np.asarray(np.log(sure) - np.log1p(-sure) + WEIGHT * near)


def nearness(z: Matrix, reference: Rows, k: int, *, without: NDArray[np.str_] | None = None) -> Floats:
    """(n, k) mean cosine of each row to its nearest photos of each brand; `without` (n,) names families left out."""
    alike = cosines(z, reference.z)
    if without is not None:
        alike[without[:, None] == reference.family[None, :]] = -1.0
    result = np.full((len(z), k), -1.0)
    for brand in range(k):
        of_brand = alike[:, reference.brand == brand]
        some = min(NEAR, of_brand.shape[1])
        if some:
            result[:, brand] = np.partition(of_brand, of_brand.shape[1] - some, axis=1)[:, -some:].mean(axis=1)
    return result


def cosines(z: Matrix, others: Matrix) -> Floats:
    """(n, m) cosines of rows (n, d) and (m, d)."""
    a, b = (one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-9) for one in (z, others))
    return np.asarray(rowwise(a.astype(np.float32), np.ascontiguousarray(b.T.astype(np.float32))), np.float64)


def _right_and_wrong(scores: Floats, brand: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """(n,) scores of each row's own brand, and the highest of the others."""
    rows = np.arange(len(scores))
    others = scores.copy()
    others[rows, brand] = -np.inf
    return scores[rows, brand], others.max(axis=1) if scores.shape[1] > 1 else np.zeros(0)
