"""Fuse the photos of a product into one vector: the mean of its photos' vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class PhotoVectors(Protocol):
    """Anything that has the vectors of photos by photo_id."""

    def take(self, photo_ids: Sequence[str]) -> Vectors:
        """(n, dim) vectors of n photos."""


def fuse(photos_of: Sequence[Sequence[str]], vectors: PhotoVectors) -> Vectors:
    """(n, dim) vectors of n products, given each product's photo_ids (at least one)."""
    flat = [photo_id for photos in photos_of for photo_id in photos]
    taken = vectors.take(flat)
    if len(flat) == len(photos_of):
        return taken
    counts = np.array([len(photos) for photos in photos_of])
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.add.reduceat(taken, starts, axis=0)
    return np.asarray(sums / counts[:, None], dtype=np.float32)
