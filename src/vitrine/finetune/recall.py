"""How often the nearest product of another family is alike: recall@1, and fine recall@1 where everything must be right."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vitrine.finetune.examples import MISSING

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_AT_ONCE = 2_048


def recall_at_1(embeddings: Floats, family: Integers, targets: Integers, names: list[str]) -> Mapping[str, float]:
    """Per attribute the share of rows whose nearest row by cosine, of another family, has the same value; `fine`: of all.

    `embeddings` (n, dim), `family` (n,), `targets` (n, attributes) with MISSING. Each attribute counts its labelled rows
    against labelled neighbors, `fine` those labelled throughout. An attribute without two families is left out.
    """
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    found = {}
    for column, name in enumerate(names):
        share = _share(unit, family, targets[:, [column]])
        if share is not None:
            found[name] = share
    fine = _share(unit, family, targets)
    return found if fine is None else found | {"fine": fine}


def _share(unit: Floats, family: Integers, targets: Integers) -> float | None:
    known = np.flatnonzero((targets != MISSING).all(axis=1))
    unit, family, targets = unit[known], family[known], targets[known]
    if len(np.unique(family)) < 2:
        return None
    right = 0
    for start in range(0, len(unit), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        alike = unit[some] @ unit.T
        alike[family[some][:, None] == family[None, :]] = -2
        right += int((targets[alike.argmax(axis=1)] == targets[some]).all(axis=1).sum())
    return right / len(unit)
