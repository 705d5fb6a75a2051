"""The surroundings of a product by its looks alone: all products in a small space, in clusters, with the nearest ones of each.

What shoppers are shown as look-alikes (`vitrine.lookalike`) rests on the champion's predictions. Here those are judged: the
queue asks about answers that stand out from their neighbors, and curators are shown the nearest products as evidence. So
these neighbors must not know what the champion says. The space has the leading principal components of the embeddings; a scan
of 120,000 products takes milliseconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError, NotFound
from vitrine.learn.fuse import PhotoVectors, fuse
from vitrine.learn.projection import fit_projection
from vitrine.lookalike.index import best
from vitrine.stores.whole import whole

COLUMNS = 64
NEIGHBORS = 10
_PER_CLUSTER = 100
_NEAR_CLUSTERS = 4
_MOST_FITTED = 20_000
_AT_ONCE = 4_096
_SEED = 0


@dataclass(frozen=True)
class Surroundings:
    """n products: `vectors` (n, columns) of length one, and the `cluster` (n,) each is in."""

    skus: tuple[str, ...]
    vectors: NDArray[np.float32]
    cluster: NDArray[np.int64]

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """sku → row."""
        return {sku: row for row, sku in enumerate(self.skus)}

    @property
    def clusters(self) -> dict[str, int]:
        """sku → cluster."""
        return dict(zip(self.skus, self.cluster.tolist(), strict=True))

    def nearest(self, sku: str, count: int) -> list[tuple[str, float]]:
        """The `count` products most like this one, nearest first, each with its cosine similarity in -1..1."""
        row = self.rows.get(sku)
        if row is None:
            raise NotFound(f"product {sku[:80]!r} has no vectors", hint="vitrine classify embeds its photos")
        similarity = self.vectors @ self.vectors[row]
        similarity[row] = -np.inf
        near, scores = best(similarity[None], min(count, len(self.skus) - 1))
        return [(self.skus[i], float(score)) for i, score in zip(near[0], scores[0], strict=True)]

    def neighbors(self, groups: NDArray[np.int64], count: int = NEIGHBORS) -> NDArray[np.int64]:
        """(n, count) rows of each product's nearest ones of other groups, -1 where there are fewer.

        `groups` (n,) is the family of each: a product's twins would only repeat it. Looked for in the nearest clusters.
        """
        found = np.full((len(self.skus), count), -1, np.int64)
        for members, candidates in self._neighborhoods():
            similarity = self.vectors[members] @ self.vectors[candidates].T
            similarity[groups[members][:, None] == groups[candidates][None, :]] = -np.inf
            some = min(count, len(candidates))
            top = np.argpartition(-similarity, some - 1, axis=1)[:, :some]
            known = np.isfinite(np.take_along_axis(similarity, top, axis=1))
            found[members[:, None], np.arange(some)[None, :]] = np.where(known, candidates[top], -1)
        return found

    def _neighborhoods(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Each cluster's rows, with the rows of the clusters around it."""
        order = np.argsort(self.cluster, kind="stable")
        names, starts = np.unique(self.cluster[order], return_index=True)
        members = np.split(order, starts[1:])
        centers = np.stack([self.vectors[rows].mean(axis=0) for rows in members])
        near = np.argsort(-(centers @ centers.T), axis=1)[:, :_NEAR_CLUSTERS]
        for place in range(len(names)):
            yield members[place], np.concatenate([members[other] for other in {place, *near[place].tolist()}])


def find_surroundings(
    photos_of: Mapping[str, Sequence[str]],
    photos: PhotoVectors,
    *,
    embedder_id: str,
    blocks: Sequence[tuple[int, int]],
    folder: Path,
) -> Surroundings:
    """The surroundings of the products of `photos_of` (sku → photo_ids); kept in `folder` and not computed again."""
    skus = sorted(photos_of)
    if not skus:
        return Surroundings((), np.zeros((0, 1), np.float32), np.zeros(0, np.int64))
    digest = sha256(embedder_id.encode())
    for sku in skus:
        digest.update(f"{sku}|{','.join(photos_of[sku])}\n".encode())
    path = folder / f"surroundings-{digest.hexdigest()[:12]}.npz"
    if kept := read_kept(path):
        return kept
    vectors = _small(skus, photos_of, photos, embedder_id, blocks)
    found = Surroundings(tuple(skus), vectors, _clusters(vectors))
    with whole(path, hint="free some space and run vitrine classify again") as temporary, temporary.open("wb") as file:
        np.savez(file, skus=np.array(skus), vectors=found.vectors, cluster=found.cluster)
    for old in folder.glob("surroundings-*.npz"):
        if old != path:
            old.unlink(missing_ok=True)
    return found


def last_kept(folder: Path) -> Path | None:
    """Where `find_surroundings` kept the last ones in `folder`; they may not know the products that came since."""
    kept = {}
    for path in folder.glob("surroundings-*.npz"):
        with suppress(FileNotFoundError):  # another process has just made newer ones
            kept[path] = path.stat().st_mtime_ns
    return max(kept, key=lambda path: kept[path], default=None)


def read_kept(path: Path) -> Surroundings | None:
    """What was kept; None where there is nothing, or nothing that can be read: it is computed again then."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return Surroundings(tuple(kept["skus"].tolist()), kept["vectors"], kept["cluster"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _small(
    skus: Sequence[str],
    photos_of: Mapping[str, Sequence[str]],
    photos: PhotoVectors,
    embedder_id: str,
    blocks: Sequence[tuple[int, int]],
) -> NDArray[np.float32]:
    """(n, columns) vectors of length one; all zero where nothing tells the products apart."""
    step = -(-len(skus) // _MOST_FITTED)
    sample = fuse([photos_of[sku] for sku in skus[::step]], photos)
    try:
        projection = fit_projection(sample, embedder_id=embedder_id, blocks=blocks, columns=COLUMNS)
    except InputError:
        return np.zeros((len(skus), 1), np.float32)
    parts = []
    for start in range(0, len(skus), _AT_ONCE):
        fused = fuse([photos_of[sku] for sku in skus[start : start + _AT_ONCE]], photos)
        part = projection.apply(fused, embedder_id=embedder_id)
        parts.append(part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-9))
    return np.concatenate(parts)


def _clusters(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    from sklearn.cluster import MiniBatchKMeans

    count = max(1, len(vectors) // _PER_CLUSTER)
    fitted = MiniBatchKMeans(count, batch_size=4_096, n_init=1, random_state=_SEED, reassignment_ratio=0)
    return np.asarray(fitted.fit_predict(vectors), np.int64)
