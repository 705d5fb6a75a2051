"""An approximate index: faiss with inverted lists and one byte a number, by measurement the one to take (docs/decisions)."""

import importlib
import json
import logging
import zlib
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from vitrine.errors import StorageError
from vitrine.lookalike.exact import Exact
from vitrine.lookalike.index import Ids, Mask, Points, check_points
from vitrine.lookalike.rows import Rows
from vitrine.stores.whole import whole

logger = logging.getLogger(__name__)

_faiss: Any = importlib.import_module("faiss")  # its stubs know neither its search parameters nor its selectors

# Fewer points than this are scanned: lists need points to be learnt from.
LEAST = 10_000
# Of the lists one in so many is looked into, and at least so many; chosen for a recall@10 above 0.97 on clustered points
# (24 of 384 lists gave 0.963 at 120,000 x 512).
_ONE_IN = 8
_LEAST_LOOKED_INTO = 24
_POINTS_PER_LIST = 39 * 8
MOST_LEARNT_FROM = 100_000
# A filter that leaves fewer points than this is answered exactly: the lists looked into would hold too few of them.
_FEW = 20_000
_WIDER = 4
# Lists that grow in small steps lie scattered in memory: put in at once, 120,000 points are searched a tenth faster.
_ADDED_AT_ONCE = 200_000
# Lists are learnt anew when there are so many times more points than lists were learnt for.
_OUTGROWN = 4


def lists_for(count: int) -> int:
    """How many lists `count` points are put into."""
    return int(max(1, min(4 * np.sqrt(count), count / _POINTS_PER_LIST)))


def lists_looked_into(lists: int) -> int:
    """How many of the lists a search looks into."""
    return min(lists, max(_LEAST_LOOKED_INTO, lists // _ONE_IN))


class Ivf:
    """Inverted lists (Jégou et al. 2011) over scalar-quantized points, re-scored exactly.

    The points themselves are kept as well: candidates are re-scored with them, and what a filter leaves is scanned where
    it is little. What was learnt, the lists without their points, is kept in `file`, so that a process that starts only
    fills them. A file that is torn, of other points or outgrown is learnt anew.
    """

    def __init__(self, dim: int, *, rows: Rows | None = None, file: Path | None = None) -> None:
        self.dim = dim
        self._exact = Exact(dim, rows=rows)
        self._file = file
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
        options = _faiss.SearchParametersIVF(nprobe=lists_looked_into(self._lists.nlist))
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            options.sel = _faiss.IDSelectorBitmap(bits)
        queries = np.ascontiguousarray(queries, np.float32)
        with self._lock:  # faiss reads and changes its lists without looking at each other
            _, near = self._lists.search(queries, _WIDER * count, params=options)
        return self._exact.rescore(queries, near, count)

    def _learn(self) -> None:
        ids = self._exact.ids()
        if len(ids) < LEAST:
            return
        learnt, learnt_for = self._kept(len(ids)) or self._train(ids)
        for start in range(0, len(ids), _ADDED_AT_ONCE):
            some = ids[start : start + _ADDED_AT_ONCE]
            learnt.add_with_ids(self._exact.points(some), some)
        self._lists, self._learnt_for = learnt, learnt_for

    def _train(self, ids: Ids) -> tuple[Any, int]:
        learnt = _faiss.index_factory(self.dim, f"IVF{lists_for(len(ids))},SQ8", _faiss.METRIC_INNER_PRODUCT)
        learnt.train(self._exact.points(ids[:: -(-len(ids) // MOST_LEARNT_FROM)]))
        self._keep(learnt, len(ids))
        return learnt, len(ids)

    def _kept(self, count: int) -> tuple[Any, int] | None:
        """What a process before learnt for about as many points, and for how many."""
        if self._file is None:
            return None
        try:
            with np.load(self._file, allow_pickle=False) as kept:
                about, data = json.loads(kept["about"].tobytes()), kept["learnt"]
            if about["dim"] != self.dim or zlib.crc32(data.tobytes()) != about["crc32"]:
                raise ValueError("it is of other points, or damaged")
            grown = count / about["learnt_for"]
            return (_faiss.deserialize_index(data), about["learnt_for"]) if 1 / _OUTGROWN < grown < _OUTGROWN else None
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever a torn file raises: the lists are learnt again
            logger.warning("%s is made again: %s", self._file, error)
            return None

    def _keep(self, learnt: Any, learnt_for: int) -> None:
        if self._file is None:
            return
        data = _faiss.serialize_index(learnt)
        about = {"dim": self.dim, "learnt_for": learnt_for, "crc32": zlib.crc32(data.tobytes())}
        try:
            with whole(self._file, hint="free some space") as temporary, temporary.open("wb") as file:
                np.savez(file, about=np.frombuffer(json.dumps(about).encode(), np.uint8), learnt=data)
        except StorageError as error:  # the next process learns again
            logger.warning("%s", error.message)
            return
        for old in self._file.parent.glob("lists-*.npz"):  # of spaces that are no more
            if old != self._file:
                old.unlink(missing_ok=True)
