"""One array of points that grows, held once for the shelf and the index over it.

It may begin as a file that is mapped: processes that read the same file share its pages, and a row that one of them
changes is copied for that process alone.

>>> rows = Rows(2)
>>> rows.reserve(3)
>>> rows.array[2] = 1.0
>>> rows.array[:3].tolist()
[[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]
"""

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vitrine.lookalike.index import Ids, Points

_MOST_ADDED = 100_000


class Rows:
    """`array` (room, dim) has a row for every id below `room`; those that nobody wrote are zeros."""

    def __init__(self, dim: int, array: Points | None = None) -> None:
        self.array: Points = np.zeros((0, dim), np.float32) if array is None else array

    def of(self, ids: Ids) -> Points:
        """The rows (n, dim) of ids; without a copy where they lie one after the other, as all of them do at first."""
        start, end = (int(ids[0]), int(ids[-1]) + 1) if len(ids) else (0, 0)
        together = end - start == len(ids) and bool((np.diff(ids) == 1).all())
        return self.array[start:end] if together else self.array[ids]

    def reserve(self, end: int) -> None:
        """Room for ids below `end`; the array doubles, up to a step, so that adding one by one costs little."""
        there = len(self.array)
        if end <= there:
            return
        array = np.zeros((max(end, there + min(there, _MOST_ADDED)), self.array.shape[1]), np.float32)
        array[:there] = self.array
        self.array = array


def write_points(path: Path, points: Points, about: Mapping[str, Any]) -> None:
    """A file of points (n, dim) that `map_points` maps, with `about` as JSON after them.

    It ends in a hole of zeros, which takes no room on the disk: a place for rows to come.
    """
    added = min(len(points), _MOST_ADDED)
    told = {**about, "rows": len(points), "room": len(points) + added, "crc32": zlib.crc32(points.data)}
    text = json.dumps(told).encode()
    with path.open("wb") as file:
        points.tofile(file)
        file.seek(added * points.itemsize * points.shape[1], os.SEEK_CUR)
        file.write(text)
        file.write(len(text).to_bytes(8, "little"))


def map_points(path: Path, dim: int) -> tuple[Points, dict[str, Any]]:
    """The points (room, dim) of a file and what stands about them; ValueError or KeyError where it is damaged."""
    with path.open("rb") as file:
        end = file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(8), "little")
        file.seek(max(0, end - length))
        about: dict[str, Any] = json.loads(file.read(length))
    room, rows = about["room"], about["rows"]
    if end - length != room * dim * 4 or not 0 <= rows <= room:
        raise ValueError(f"its size is not that of {room} points of {dim} columns")
    empty = np.zeros((0, dim), np.float32)
    points: Points = np.asarray(np.memmap(path, np.float32, "c", shape=(room, dim))) if room else empty
    if zlib.crc32(points[:rows].data) != about["crc32"]:
        raise ValueError("its points do not match their checksum")
    return points, about
