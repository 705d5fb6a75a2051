"""An approximate index: faiss with inverted lists and one byte a number, by measurement the one to take (docs/decisions)."""

import importlib
from threading import Lock
from typing import Any

import numpy as np

from vitrine.lookalike.exact import Exact
from vitrine.lookalike.index import Ids, Mask, Points, check_points

_faiss: Any = importlib.import_module("faiss")  # its stubs know neither its search parameters nor its selectors

# Fewer points than this are scanned: lists need points to be learnt from.
LEAST = 10_000
# Of the lists, this many are looked into; chosen for a recall@10 of 0.97 and more on clustered points.
LISTS_LOOKED_INTO = 24
_POINTS_PER_LIST = 39 * 8
MOST_LEARNT_FROM = 100_000
# A filter that leaves fewer points than this is answered exactly: the lists looked into would hold too few of them.
_FEW = 20_000
_WIDER = 4
# Lists are learnt anew when there are so many times more points than lists were learnt for.
_OUTGROWN = 4


def lists_for(count: int) -> int:
    """How many lists `count` points are put into."""
    return int(max(1, min(4 * np.sqrt(count), count / _POINTS_PER_LIST)))


class Ivf:
    """Inverted lists (Jégou et al. 2011) over scalar-quantized points, re-scored exactly.

    The points themselves are kept as well: candidates are re-scored with them, and what a filter leaves is scanned where
    it is little.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._exact = Exact(dim)
        self._lists: Any = None
        self._learnt_for = 0
        self._lock = Lock()

    def ids(self) -> Ids:
        """The ids of all points."""
        return self._exact.ids()

    def put(self, ids: Ids, points: Points) -> None:
        """Add or replace points; the lists are learnt when there are enough."""
        with self._lock:
            self._exact.put(ids, points)
            if self._lists is None or self._lists.ntotal + len(ids) > _OUTGROWN * self._learnt_for:
                self._learn()
            else:
                self._lists.remove_ids(_faiss.IDSelectorBatch(ids))
                self._lists.add_with_ids(np.ascontiguousarray(points, np.float32), ids)

    def remove(self, ids: Ids) -> None:
        """Take points out."""
        with self._lock:
            self._exact.remove(ids)
            if self._lists is not None:
                self._lists.remove_ids(_faiss.IDSelectorBatch(ids))

    def search(self, queries: Points, count: int, *, allowed: Mask | None = None) -> tuple[Ids, Points]:
        """The nearest points of the lists looked into, re-scored."""
        check_points(queries, self.dim)
        if self._lists is None or (allowed is not None and int(allowed.sum()) < _FEW):
            return self._exact.search(queries, count, allowed=allowed)
        options = _faiss.SearchParametersIVF(nprobe=LISTS_LOOKED_INTO)
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            options.sel = _faiss.IDSelectorBitmap(bits)
        queries = np.ascontiguousarray(queries, np.float32)
        _, near = self._lists.search(queries, _WIDER * count, params=options)
        return self._exact.rescore(queries, near, count)

    def _learn(self) -> None:
        ids = self._exact.ids()
        if len(ids) < LEAST:
            return
        points = self._exact.points(ids)
        learnt = _faiss.index_factory(self.dim, f"IVF{lists_for(len(ids))},SQ8", _faiss.METRIC_INNER_PRODUCT)
        learnt.train(points[:: -(-len(points) // MOST_LEARNT_FROM)])
        learnt.add_with_ids(points, ids)
        self._lists, self._learnt_for = learnt, len(ids)
