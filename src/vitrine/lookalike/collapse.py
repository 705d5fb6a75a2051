"""The alarm for an embedder that has collapsed: everything is like everything, and a high similarity says nothing.

>>> random = np.random.default_rng(0)
>>> collapsed(random.standard_normal((50, 8)).astype(np.float32)) is None
True
>>> collapsed(np.ones((50, 8), np.float32) + 0.01 * random.random((50, 8)).astype(np.float32)).message
'any two products are 100 % similar to this embedder: it tells nothing apart'
"""

import numpy as np
from numpy.typing import NDArray

from vitrine.lookalike.note import COLLAPSED, Note, note

# Half of all pairs of real products lie between 0.2 and 0.7 with a network, up to 0.85 with color and shape alone.
LIMIT = 0.95
_SAMPLED = 1_000
_LEAST = 10


def collapsed(vectors: NDArray[np.float32]) -> Note | None:
    """A note where the median cosine of pairs of vectors (n, dim) is `LIMIT` or more; None where all is well.

    Too few vectors say nothing. Vectors are sampled evenly, at most 1,000.
    """
    if len(vectors) < _LEAST:
        return None
    some = vectors[:: -(-len(vectors) // _SAMPLED)].astype(np.float64)
    lengths = np.linalg.norm(some, axis=1, keepdims=True)
    some = some / np.maximum(lengths, 1e-12)
    cosine = some @ some.T
    median = float(np.median(cosine[np.triu_indices(len(some), 1)]))
    if median < LIMIT and float(lengths.max()) > 0:
        return None
    return note(COLLAPSED, median)
