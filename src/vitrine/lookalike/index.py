"""The nearest points by inner product, behind one small interface with several implementations.

An index is derived: it holds what a shelf holds and can always be built again from it. Ids are the shelf's row numbers.

>>> import numpy as np
>>> index = make("exact", 2)
>>> index.put(np.array([0, 1, 2]), np.array([[1, 0], [0, 1], [0.8, 0.6]], np.float32))
>>> index.search(np.array([[1, 0]], np.float32), 2)[0].tolist()
[[0, 2]]
>>> index.search(np.array([[1, 0]], np.float32), 3, allowed=np.array([False, True, True]))[0].tolist()
[[2, 1, -1]]
"""

import importlib
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError, MissingPart

Points = NDArray[np.float32]
_SORTED_AS_A_WHOLE = 256  # scores; of more, the best are set apart first

Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]

INDEXES = {
    "exact": "vitrine.lookalike.exact:Exact",
    "ivf": "vitrine.lookalike.ivf:Ivf",
    "pgvector": "vitrine.lookalike.pgvector:PgVector",
}


class Index(Protocol):
    """Points of `dim` columns by id."""

    dim: int

    def ids(self) -> Ids:
        """The ids of all points."""
        ...

    def put(self, ids: Ids, points: Points) -> None:
        """Add points (n, dim), or replace those whose id is there already; the next search sees them."""
        ...

    def remove(self, ids: Ids) -> None:
        """Take points out; ids that are not there are passed over. The next search does not see them."""
        ...

    def search(self, queries: Points, count: int, *, allowed: Mask | None = None) -> tuple[Ids, Points]:
        """Ids and inner products (q, count) of the nearest points of q queries, best first.

        Only ids that are true in `allowed` (one flag an id; ids past its end are not) are looked at, in the search and
        not after it. Where there are fewer than `count`, ids are -1 and products minus infinity.
        """
        ...


def make(kind: str, dim: int, **options: Any) -> Index:
    """An empty index of the registry, imported only now; MissingPart where its library is absent."""
    if kind not in INDEXES:
        raise InputError(f"index {kind!r} is unknown; known: {', '.join(INDEXES)}", hint="set [lookalike] index")
    module_name, _, class_name = INDEXES[kind].partition(":")
    try:
        made: Index = getattr(importlib.import_module(module_name), class_name)(dim, **options)
    except ModuleNotFoundError as error:
        raise MissingPart(f"index {kind!r} needs the package {error.name}", hint="pip install 'vitrine[ann]'") from None
    return made


def best(scores: Points, count: int) -> tuple[Ids, Points]:
    """Columns and scores (q, count) of the largest of `scores` (q, n), best first, the smaller column first among equals."""
    found = min(count, scores.shape[1])
    ids = np.full((len(scores), count), -1, np.int64)
    values = np.full((len(scores), count), -np.inf, np.float32)
    for row, line in enumerate(scores):
        if len(line) <= _SORTED_AS_A_WHOLE:
            top = np.argsort(-line, kind="stable")[:found]
        else:
            top = np.argpartition(-line, found - 1)[:found] if found else np.zeros(0, np.intp)
            top = top[np.lexsort((top, -line[top]))]
        top = top[np.isfinite(line[top])]
        ids[row, : len(top)], values[row, : len(top)] = top, line[top]
    return ids, values


def check_points(points: Points, dim: int) -> None:
    """Raise InputError unless `points` is (n, dim) and finite."""
    if points.ndim != 2 or points.shape[1] != dim:
        raise InputError(f"points of shape {points.shape} where (n, {dim}) is needed")
    if not np.isfinite(points).all():
        row = int((~np.isfinite(points).all(axis=1)).argmax())
        raise InputError(f"point {row} has a number that is not finite")
