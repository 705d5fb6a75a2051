"""How often the nearest product of another family is alike: recall@1, and fine recall@1 where everything must agree."""

from collections.abc import Callable, Mapping, Sequence

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
        values = targets[known, column]
        share = _share(unit[known], family[known], lambda a, b, values=values: values[a] == values[b])
        if share is not None:
            found[name] = share
    fine = _share(unit, family, lambda a, b: ~_contradict(targets[a], targets[b]).any(axis=1))
    return found if fine is None else found | {FINE: fine}


def _contradict(first: Integers, second: Integers) -> NDArray[np.bool_]:
    return (first != second) & (first != MISSING) & (second != MISSING)


def _share(
    unit: Floats, family: Integers, alike: Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.bool_]]
) -> float | None:
    """The share of rows that are `alike` their nearest row of another family; None without two families."""
    if len(np.unique(family)) < 2:
        return None
    nearest = []
    for start in range(0, len(unit), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        cosine = unit[some] @ unit.T
        cosine[family[some][:, None] == family[None, :]] = -2
        nearest.append(cosine.argmax(axis=1))
    return float(alike(np.arange(len(unit)), np.concatenate(nearest)).mean())
