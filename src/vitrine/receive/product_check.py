"""Whether a photo shows the ordered product itself, by how much it is like the reference photos of that product.

How much two photos of one product are alike differs from catalog to catalog, so the levels are proven on pairs of this
one: a photo against the others of its product, and against those of another product. Nothing in the comparison is
learnt from products, so all families but those of the test part may speak.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.desk.deliveries import MISMATCH
from vitrine.learn.answers import one_per_family
from vitrine.learn.fuse import PhotoVectors
from vitrine.receive.bound import Bound, prove
from vitrine.receive.receipts import MATCH, UNKNOWN

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
Embed = Callable[[Sequence[str]], PhotoVectors]

_MOST_FAMILIES = 4_000
_LEVELS = np.linspace(-1.0, 1.0, 801)  # fixed before anything is seen
_SALT = "product-check"


@dataclass(frozen=True, slots=True)
class ProductCheck:
    """At most `alarm.rate` of photos of the right product are less like it than `alarm.level`.

    Of photos of another product at most `accept.rate` are more like it than `-accept.level`.
    """

    alarm: Bound
    accept: Bound

    def answer(self, similarity: float) -> str:
        """Match, mismatch or unknown for a likeness in -1..1; what two proofs both claim is not known."""
        mismatch = self.alarm.level is not None and similarity < self.alarm.level
        match = self.accept.level is not None and similarity > -self.accept.level
        return UNKNOWN if match == mismatch else MATCH if match else MISMATCH

    @property
    def proven(self) -> bool:
        """Whether it can say anything at all."""
        return self.alarm.level is not None or self.accept.level is not None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal check back."""
        return {"alarm": self.alarm.to_json(), "accept": self.accept.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ProductCheck":
        """The check that `to_json` wrote."""
        return cls(Bound.from_json(data["alarm"]), Bound.from_json(data["accept"]))


def fit_product_check(
    photos_of: Mapping[str, Sequence[str]],
    family_of: Mapping[str, str],
    embed: Embed,
    blocks: Sequence[tuple[int, int]],
    *,
    false_alarms: float,
    false_matches: float,
    confidence: float,
) -> ProductCheck:
    """Prove the levels on products (sku → photo_ids) with several photos, one a family.

    `embed(photo_ids)` gives their vectors, `blocks` are the column ranges that belong together.
    """
    several = sorted(sku for sku, photos in photos_of.items() if len(set(photos)) > 1 and sku in family_of)
    drawn = [several[row] for row in one_per_family(several, [family_of[sku] for sku in several], _SALT)]
    drawn = sorted(drawn, key=_coin)[:_MOST_FAMILIES]
    vectors = embed(sorted({photo for sku in drawn for photo in photos_of[sku]})) if drawn else None
    same, other = [], []
    for place, sku in enumerate(drawn):
        asked, *references = sorted(photos_of[sku], key=_coin)
        stranger = drawn[place - 1]  # the order is that of a coin, and no two are of one family
        taken = vectors.take([asked, *references, *photos_of[stranger]]) if vectors else np.zeros((0, 0), np.float32)
        alike = likeness(taken[0], taken[1:], blocks)
        same.append(float(alike[: len(references)].max()))
        if len(drawn) > 1:
            other.append(float(alike[len(references) :].max()))
    alarm = prove(np.array(same), _LEVELS, rate=false_alarms, confidence=confidence)
    accept = prove(-np.array(other), _LEVELS, rate=false_matches, confidence=confidence)
    return ProductCheck(alarm, accept)


def likeness(one: Vectors, others: Vectors, blocks: Sequence[tuple[int, int]]) -> Floats:
    """How much a photo's vector (dim,) is like n others (n, dim), in -1..1: the mean cosine of their blocks.

    Square roots with their sign keep a few large columns from deciding (Perronnin et al. 2010).
    """
    total = np.zeros(len(others))
    for start, stop in blocks:
        a, b = _root(one[None, start:stop]), _root(others[:, start:stop])
        norms = np.linalg.norm(a) * np.linalg.norm(b, axis=1)
        total += (b @ a[0]) / np.maximum(norms, 1e-9)
    return total / max(1, len(blocks))


def _root(vectors: Vectors) -> Floats:
    wide = vectors.astype(np.float64)
    return np.asarray(np.copysign(np.sqrt(np.abs(wide)), wide))


def _coin(key: str) -> bytes:
    return sha256(f"{_SALT}|{key}".encode()).digest()
