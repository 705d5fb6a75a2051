"""Look at a photo once more: is it turned on its side, does it show two things side by side, or nothing that is sold here?

All is seen by what the checks know already. A turned photo is more like labelled photos when it is turned back; of
two brands each half of the photo is sure of another one; a part of a photo of several products is a match where the whole is
none; and what is no product is like no product of the catalog. Whoever sees it asks for another photo: no answer becomes a
match or a mismatch by it, so what is proven of answers stays true. How often each is seen, or seen wrongly, is measured
(docs/LOG.md).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vitrine.learn.predictor import Predictor
from vitrine.receive.brand_check import BrandCheck, BrandSeen
from vitrine.receive.product_check import ProductCheck
from vitrine.receive.receipts import MATCH
from vitrine.receive.verify import NO_PRODUCT, SEVERAL, SEVERAL_BRANDS, TURNED

Pixels = NDArray[np.uint8]
Embed = Callable[[Sequence[Pixels]], NDArray[np.float32]]

MORE_FAMILIAR = 0.04  # mean cosine to the nearest labelled photos; 1 of 100 upright photos gains as much by turning


def second_look(
    check: BrandCheck, predictor: Predictor, embed: Embed, pixels: Pixels, seen: BrandSeen, answer: str
) -> str:
    """Why the photo `pixels` (height, width, 3) should be taken again; empty where nothing speaks for it.

    A photo that was answered with a match is the right way up.
    """
    turns = [] if answer == MATCH else _turns(pixels)
    looks = [check.see(predictor, vector[None]) for vector in embed([*_halves(pixels), *turns])]
    if _two_brands(check, looks[:2]):
        return SEVERAL_BRANDS
    gained = max((float(one.near.max()) for one in looks[2:]), default=-1.0) - float(seen.near.max())
    return TURNED if gained > MORE_FAMILIAR else ""


def second_look_at_product(
    check: ProductCheck,
    embed: Embed,
    pixels: Pixels,
    vector: NDArray[np.float32],
    references: NDArray[np.float32],
    known: NDArray[np.float32],
) -> str:
    """Why a photo that was called a mismatch of the ordered product should be taken again; empty where nothing speaks for it.

    `vector` (dim,) is that of the photo, `references` (n, dim) those of the ordered product, `known` those of `check.known`.
    """

    def matches(one: NDArray[np.float32]) -> bool:
        return check.answer(float(check.likeness(one, references).max())) == MATCH

    looks = embed([*_halves(pixels), *_turns(pixels)])
    if any(matches(one) for one in looks[:2]):
        return SEVERAL
    if any(matches(one) for one in looks[2:]):
        return TURNED
    return NO_PRODUCT if check.shows_none(vector, known) else ""


def _turns(pixels: Pixels) -> list[Pixels]:
    """The photo turned by one, two and three quarters."""
    return [np.ascontiguousarray(np.rot90(pixels, quarters)) for quarters in (1, 2, 3)]


def _halves(pixels: Pixels) -> list[Pixels]:
    """The photo cut in two across its longer side."""
    along = 1 if pixels.shape[1] >= pixels.shape[0] else 0
    return [np.ascontiguousarray(half) for half in np.array_split(pixels, 2, axis=along)]


def _two_brands(check: BrandCheck, halves: Sequence[BrandSeen]) -> bool:
    """Whether both halves are sure of a brand, and of another one."""
    if check.accept.level is None:
        return False
    best = [int(half.scores.argmax()) for half in halves]
    sure = all(half.scores[brand] > -check.accept.level for half, brand in zip(halves, best, strict=True))
    return sure and len(set(best)) > 1
