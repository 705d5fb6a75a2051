"""Random numbers that depend on a seed, a purpose and a row number, and on nothing else.

Because the draw for order 7,000,000 needs no draw before it, the simulation comes out the same however it is cut into
chunks. The generator is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
2014) used as a hash of a counter.

>>> draws = Draws(seed=7)
>>> rows = np.arange(4)
>>> bool(np.array_equal(draws.uniform("price", rows)[2:], draws.uniform("price", rows[2:])))
True
"""

import hashlib

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype="S2")


class Draws:
    """Draws of one simulation; the same (seed, purpose, row) always gives the same number."""

    def __init__(self, seed: int) -> None:
        """All draws hang on `seed`."""
        self._seed = seed

    def uniform(self, purpose: str, rows: ArrayLike) -> Floats:
        """Uniform numbers in the open interval (0, 1), one a row."""
        return ((self._bits(purpose, rows) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53

    def normal(self, purpose: str, rows: ArrayLike) -> Floats:
        """Standard normal numbers, one a row."""
        return np.asarray(ndtri(self.uniform(purpose, rows)), dtype=np.float64)

    def choice(self, purpose: str, rows: ArrayLike, weights: ArrayLike) -> Integers:
        """Positions in `weights`, each drawn in proportion to its weight."""
        return pick(self.uniform(purpose, rows), weights)

    def ids(self, purpose: str, rows: ArrayLike) -> NDArray[np.bytes_]:
        """Identifiers of 32 hexadecimal digits, as the official tables have."""
        halves = np.stack([self._bits(f"{purpose}/{half}", rows) for half in ("high", "low")], axis=-1)
        digits: NDArray[np.bytes_] = _HEX[halves.astype(">u8").view(np.uint8)]
        return digits.reshape(len(halves), 16).view("S32")[:, 0]

    def _bits(self, purpose: str, rows: ArrayLike) -> NDArray[np.uint64]:
        name = hashlib.sha256(f"{self._seed}/{purpose}".encode()).digest()
        start = np.uint64(int.from_bytes(name[:8], "little"))
        with np.errstate(over="ignore"):
            bits = (np.asarray(rows).astype(np.uint64) + np.uint64(1)) * _GOLDEN + start
            bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            return bits ^ (bits >> np.uint64(31))


def pick(uniform: Floats, weights: ArrayLike) -> Integers:
    """Turn uniform numbers into positions in `weights`, in proportion to the weights."""
    steps = np.cumsum(np.asarray(weights, dtype=np.float64))
    found = np.searchsorted(steps, uniform * steps[-1], side="right")
    positions: Integers = np.minimum(found, len(steps) - 1).astype(np.int64)
    return positions
