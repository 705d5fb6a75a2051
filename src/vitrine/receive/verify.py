"""Bring together what brand and product say of a photo: one answer, the reason for it, and what it rests on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitrine.desk.deliveries import MISMATCH
from vitrine.receive.bound import Bound
from vitrine.receive.receipts import UNKNOWN

TURNED, SEVERAL, SEVERAL_BRANDS, NO_PRODUCT = "turned", "several", "several_brands", "no_product"


@dataclass(frozen=True, slots=True)
class Compared:
    """What one comparison says: match, mismatch or unknown, and the word for why."""

    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one photo and order line.

    `evidence` are labelled photos near it (sku, photo_id, brand, similarity), nearest first, or the ordered product's own
    where no brand is compared; `product` is the comparison
    with the ordered product's own photos; `promises` are the proven rates behind the answer.
    """

    answer: str
    reason: str
    brand: str | None = None
    confidence: float | None = None
    expected: str | None = None
    evidence: Sequence[Mapping[str, Any]] = ()
    probabilities: Mapping[str, float] = field(default_factory=dict)
    product: Mapping[str, Any] | None = None
    notes: Sequence[str] = ()
    promises: Sequence[Mapping[str, Any]] = ()

    @property
    def basis(self) -> str:
        """What the answer rests on, as the JSON that a receipt keeps."""
        names = ("evidence", "probabilities", "product", "notes", "promises")
        return json.dumps({name: getattr(self, name) for name in names}, ensure_ascii=False)


def settle(brand: Compared | None, product: Compared | None) -> Compared:
    """One answer from both comparisons, either of which may be missing.

    A mismatch of one is a mismatch, unless the product's photos tell that another photo is needed. Where the product
    itself can be compared, its brand alone makes no match.
    """
    said = [one for one in (brand, product) if one is not None]
    if not said:
        return Compared(UNKNOWN, "nothing_to_compare")
    if product is not None and product.reason in (TURNED, SEVERAL, NO_PRODUCT):
        return product
    for one in said:
        if one.answer == MISMATCH:
            return one
    return product if product is not None else said[0]


def proven(of: str, alarm: Bound, accept: Bound, strange: Bound | None = None, *, on: str) -> list[dict[str, Any]]:
    """The proven rates of one comparison as an answer shows them; `on` says on which photos they were proven."""
    return [
        {
            "of": of,
            "kind": kind,
            "rate": bound.rate,
            "confidence": bound.confidence,
            "n": bound.n,
            "errors": bound.below,
            "on": on,
        }
        for kind, bound in (("false_alarms", alarm), ("false_matches", accept), ("strangers", strange))
        if bound is not None and bound.level is not None
    ]
