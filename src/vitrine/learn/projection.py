"""Project embeddings on few columns, fitted once on train vectors and shared by all heads of a model."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

from vitrine.errors import InputError, Refused, StorageError
from vitrine.learn.rowwise import rowwise

MAX_COLUMNS = 384

# Directions with less than this share of the largest variance are rounding noise; dividing by it explodes.
LEAST_VARIANCE = 1e-7

# More rows move no component that matters, and a copy of 120,000 long vectors is a gigabyte and more.
MOST_ROWS = 20_000

# Vectors prepared and multiplied at a time, to bound the copies of long ones.
CHUNK = 2_048


@dataclass(frozen=True, slots=True)
class Projection:
    """Signed square root, then an affine map from (n, dim) to (n, columns): `(root - mean) @ basis`."""

    embedder_id: str
    mean: NDArray[np.float32]
    basis: NDArray[np.float32]

    @property
    def dim(self) -> int:
        """Length of the vectors it takes."""
        return int(self.basis.shape[0])

    @property
    def columns(self) -> int:
        """Length of the rows it gives."""
        return int(self.basis.shape[1])

    @property
    def id(self) -> str:
        """Content id: the same embedder and numbers give the same id."""
        content = self.embedder_id.encode() + self.mean.tobytes() + self.basis.tobytes()
        return f"projection-{sha256(content).hexdigest()[:12]}"

    def apply(self, vectors: NDArray[np.float32], *, embedder_id: str) -> NDArray[np.float32]:
        """(n, dim) vectors as (n, columns) float32; a row's result does not depend on the other rows.

        Raises `Refused` for vectors of another embedder, `InputError` for another length or a number that is
        not finite.
        """
        if embedder_id != self.embedder_id:
            raise Refused(
                f"the heads were trained on vectors of embedder {self.embedder_id}, not of {embedder_id}",
                hint="embed the photos with that embedder, or run 'vitrine train' on the new vectors",
            )
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise InputError(f"vectors of shape {vectors.shape} where (n, {self.dim}) is needed")
        result = np.empty((len(vectors), self.columns), dtype=np.float32)
        for start in range(0, len(vectors), CHUNK):
            part = _signed_sqrt(vectors[start : start + CHUNK])
            _check_finite(part, start)
            result[start : start + CHUNK] = rowwise(part - self.mean, self.basis)
        return result

    def save(self, folder: Path) -> None:
        """Write `projection.npz` (numbers) and then `projection.json` (identity) into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "projection.npz", mean=self.mean, basis=self.basis)
        meta = {"id": self.id, "embedder_id": self.embedder_id, "dim": self.dim, "columns": self.columns}
        (folder / "projection.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Projection":
        """Read what `save` wrote. Raises `StorageError` when it is missing, damaged or not as stated."""
        try:
            meta = json.loads((folder / "projection.json").read_text(encoding="utf-8"))
            with np.load(folder / "projection.npz", allow_pickle=False) as arrays:
                loaded = cls(meta["embedder_id"], arrays["mean"], arrays["basis"])
            stated = meta["id"]
        except Exception as error:
            raise StorageError(f"no usable projection in {folder}: {error}", hint="train again") from error
        if loaded.id != stated:
            raise StorageError(f"{folder} holds {loaded.id} and states {stated}", hint="train again")
        return loaded


def fit_projection(
    vectors: NDArray[np.float32],
    *,
    embedder_id: str,
    blocks: Sequence[tuple[int, int]] = (),
    columns: int = MAX_COLUMNS,
) -> Projection:
    """Fit a projection on the (n, dim) vectors of train, evenly thinned to at most `MOST_ROWS`.

    `blocks` are the (start, stop) column ranges of a composite embedder (default: one block). Each block is
    square-rooted with its sign (Perronnin et al. 2010, "Improving the Fisher kernel"), centered and scaled to
    equal energy, so that a wide block does not drown a narrow one. Principal components of all together are
    divided by the fourth root of their variance, halfway to whitening, and scaled to a mean square of 1.

    Raises `InputError` for fewer than two vectors, numbers that are not finite, or vectors all equal.
    """
    if vectors.ndim != 2 or len(vectors) < 2:
        raise InputError(f"{len(vectors)} vectors: a projection needs at least two", hint="embed more photos")
    step = -(-len(vectors) // MOST_ROWS)
    some = vectors[::step]
    sums = sum(part.sum(axis=0, dtype=np.float64) for part in _roots(some, step))
    mean = np.asarray(sums / len(some), dtype=np.float32)
    scale, variance, directions = _principal(some, mean, blocks or [(0, vectors.shape[1])], columns)
    basis = scale[:, None] * directions / variance**0.25
    basis /= np.sqrt(np.sqrt(variance).mean())
    return Projection(embedder_id, mean, np.ascontiguousarray(basis, dtype=np.float32))


def _roots(vectors: NDArray[np.float32], step: int) -> Iterator[NDArray[np.float32]]:
    """The vectors' signed roots in parts: those of 20,000 long vectors at once are as much memory again."""
    for start in range(0, len(vectors), CHUNK):
        part = _signed_sqrt(vectors[start : start + CHUNK])
        _check_finite(part, start * step, step)
        yield part


def _signed_sqrt(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.copysign(np.sqrt(np.abs(vectors, dtype=np.float32)), vectors)


def _check_finite(prepared: NDArray[np.float32], start: int, step: int = 1) -> None:
    rows = np.flatnonzero(~np.isfinite(prepared).all(axis=1))
    if len(rows):
        raise InputError(f"row {start + step * int(rows[0])}: a vector with numbers that are not finite")


def _block_scale(energy: NDArray[np.float64], blocks: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """What each column is multiplied by, so that the columns of a block together have an energy of one."""
    scale = np.zeros(len(energy))
    for start, stop in blocks:
        of_block = energy[start:stop].sum()
        scale[start:stop] = 1 / np.sqrt(of_block) if of_block > 0 else 0.0
    return scale


def _principal(
    vectors: NDArray[np.float32], mean: NDArray[np.float32], blocks: Sequence[tuple[int, int]], columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Scale (dim,), largest variances (c,) and directions (dim, c) of the scaled roots, each with its largest entry positive.

    Fewer rows than columns have the same components by their inner products, in a fraction of the time.
    """
    n, dim = vectors.shape
    # One thread: on a busy machine a second one waits for the first at every step, ten times as long.
    with threadpool_limits(limits=1):
        if n < dim:
            rows = np.concatenate([part - mean for part in _roots(vectors, 1)])
            scale = _block_scale(np.einsum("ij,ij->j", rows, rows, dtype=np.float64) / n, blocks)
            rows *= scale.astype(np.float32)
            products = (rows @ rows.T).astype(np.float64) / n
        else:
            products = np.zeros((dim, dim))
            for part in _roots(vectors, 1):
                part -= mean
                products += part.T @ part
            products /= n
            scale = _block_scale(products.diagonal(), blocks)
            products *= scale
            products *= scale[:, None]
        size = len(products)
        variance, directions = eigh(products, subset_by_index=(max(0, size - columns), size - 1), overwrite_a=True)
        if n < dim:
            lengths = np.sqrt(np.maximum(variance, np.finfo(np.float64).tiny) * n)
            directions = rows.T.astype(np.float64) @ directions / lengths
    variance, directions = variance[::-1], directions[:, ::-1]
    kept = variance > LEAST_VARIANCE * max(float(variance[0]), np.finfo(np.float64).tiny)
    if not kept.any() or variance[0] <= 0:
        raise InputError("all vectors are equal: nothing to learn from", hint="check the embedder's settings")
    variance, directions = variance[kept], directions[:, kept]
    largest = np.abs(directions).argmax(axis=0)
    return scale, variance, directions * np.sign(directions[largest, np.arange(directions.shape[1])])
