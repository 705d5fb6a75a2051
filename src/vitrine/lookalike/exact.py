"""The exact index: one scan over all points, in numpy."""

import numpy as np

from vitrine.lookalike.index import Ids, Mask, Points, best, check_points
from vitrine.lookalike.rows import Rows

# Below this share of allowed points a copy of them is cheaper to scan than all.
_FEW = 0.2
# Scores held at a time: 32 queries over a million points are 128 MB.
_QUERIES_AT_ONCE = 32


class Exact:
    """All points in one array that grows; a scan of 120,000 × 512 takes some tens of milliseconds.

    With `rows` the array is the shelf's own, which has what is put already.
    """

    def __init__(self, dim: int, *, rows: Rows | None = None) -> None:
        self.dim = dim
        self._rows = rows or Rows(dim)
        self._shared = rows is not None
        self._there: Mask = np.zeros(0, np.bool_)
        self._end = 0

    def ids(self) -> Ids:
        """The ids of all points."""
        return np.flatnonzero(self._there[: self._end])

    def put(self, ids: Ids, points: Points) -> None:
        """Add or replace points (n, dim)."""
        check_points(points, self.dim)
        if not len(ids):
            return
        self._grow(int(ids.max()) + 1)
        if not self._shared:
            self._rows.array[ids] = points
        self._there[ids] = True

    def remove(self, ids: Ids) -> None:
        """Take points out."""
        self._there[ids[ids < len(self._there)]] = False

    def search(self, queries: Points, count: int, *, allowed: Mask | None = None) -> tuple[Ids, Points]:
        """The nearest points by a scan."""
        check_points(queries, self.dim)
        usable = self._there[: self._end].copy()
        if allowed is not None:
            usable[: len(allowed)] &= allowed[: self._end]
            usable[len(allowed) :] = False
        few = usable.sum() < _FEW * len(usable)
        rows = np.flatnonzero(usable) if few else np.arange(len(usable))
        points = self._rows.array[rows] if few else self._rows.array[: len(usable)]
        parts = []
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            scores = queries[start : start + _QUERIES_AT_ONCE] @ points.T
            if not few:
                scores[:, ~usable] = -np.inf
            parts.append(best(scores, count))
        found = np.concatenate([part[0] for part in parts]) if parts else np.zeros((0, count), np.int64)
        scored = np.concatenate([part[1] for part in parts]) if parts else np.zeros((0, count), np.float32)
        return np.where(found >= 0, rows[found] if len(rows) else -1, -1), scored

    def points(self, ids: Ids) -> Points:
        """The points (n, dim) of ids that are there."""
        return self._rows.of(ids)

    def rescore(self, queries: Points, near: Ids, count: int) -> tuple[Ids, Points]:
        """The best `count` of the candidates `near` (q, c) of each query, by their exact inner products; -1 is none."""
        points = self._rows.array
        products = np.stack([points[row] @ query for row, query in zip(near, queries, strict=True)])
        products[(near < 0) | ~self._there[near]] = -np.inf
        places, scores = best(products, count)
        ids = np.where(places >= 0, np.take_along_axis(near, np.maximum(places, 0), axis=1), -1)
        return ids, scores

    def _grow(self, end: int) -> None:
        self._rows.reserve(end)
        if end > len(self._there):
            there = np.zeros(max(end, len(self._rows.array)), np.bool_)
            there[: len(self._there)] = self._there
            self._there = there
        self._end = max(self._end, end)  # last: a search meanwhile sees no id without its room
