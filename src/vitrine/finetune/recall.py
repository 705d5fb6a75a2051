"""How often the nearest product of another family is alike: recall@1, and fine recall@1 where everything must agree."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vitrine.finetune.examples import MISSING

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

FINE = "fine"
_AT_ONCE = 2_048


def recall_at_1(embeddings: Floats, family: Integers, targets: Integers, names: Sequence[str]) -> Mapping[str, float]:
    """Per attribute the share of rows whose nearest row by cosine, of another family, has the same value; `fine`: of all.

    `embeddings` (n, dim), `family` (n,), `targets` (n, attributes) with MISSING. An attribute counts its labelled rows
    against labelled neighbors; `fine` counts all rows, and an attribute that one of the two lacks contradicts nothing. What
    has no two families to compare is left out.
    """
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    found = {}
    for column, name in enumerate(names):
        known = np.flatnonzero(targets[:, column] != MISSING)
        share = _share(unit[known], family[known], targets[known][:, [column]])
        if share is not None:
            found[name] = share
    fine = _share(unit, family, targets)
    return found if fine is None else found | {FINE: fine}


def _share(unit: Floats, family: Integers, targets: Integers) -> float | None:
    """The share of rows that their nearest row of another family contradicts in nothing; None without two families."""
    if len(np.unique(family)) < 2:
        return None
    right = 0
    for start in range(0, len(unit), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        cosine = unit[some] @ unit.T
        cosine[family[some][:, None] == family[None, :]] = -2
        own, nearest = targets[some], targets[cosine.argmax(axis=1)]
        contradicts = (own != nearest) & (own != MISSING) & (nearest != MISSING)
        right += int((~contradicts.any(axis=1)).sum())
    return right / len(unit)
