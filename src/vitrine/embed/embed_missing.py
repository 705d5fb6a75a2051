"""Embed the photos that a store of vectors lacks: decoded ahead by threads, kept in files of a few hundred."""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vitrine.embed.embedder import Embedder
from vitrine.embed.embeddings import PHOTOS_A_FILE, Embeddings
from vitrine.embed.vector_file import Vectors
from vitrine.errors import StorageError, VitrineError


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """How many photos got a vector, and which could not be read: (photo_id, message)."""

    embedded: int
    failed: list[tuple[str, str]]


def embed_missing(
    photo_ids: Iterable[str],
    load: Callable[[str], NDArray[np.uint8]],
    embedder: Embedder,
    store: Embeddings,
    *,
    chunk: int = PHOTOS_A_FILE,
    threads: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> EmbedReport:
    """Embed the photos that `store` lacks, `chunk` photos a file: a kill loses at most one chunk.

    `load(photo_id)` gives RGB pixels and is called from `threads` other threads (None: one a core), ahead of the
    embedder. A photo that it cannot read is reported, the rest goes on; where the store itself fails, StorageError.
    `on_progress(done, total)` counts every photo asked for.
    """
    missing = store.missing(photo_ids)
    failed: list[tuple[str, str]] = []
    done = 0
    with ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="decode") as decoders:
        try:
            loading = _ahead(missing, load, decoders, window=2 * _BATCH)
            for start in range(0, len(missing), chunk):
                kept: list[str] = []
                vectors: list[Vectors] = []
                wanted = min(chunk, len(missing) - start)
                while wanted:
                    batch = list(islice(loading, min(_BATCH, wanted)))
                    wanted -= len(batch)
                    pictures = _loaded(batch, failed)
                    if pictures:
                        vectors.append(embedder.embed([pixels for _, pixels in pictures]))
                        kept += [photo_id for photo_id, _ in pictures]
                    done += len(batch)
                    on_progress(done, len(missing))
                if kept:
                    store.add(kept, np.concatenate(vectors))
        finally:
            decoders.shutdown(cancel_futures=True)  # a lost store is not asked for photos that nobody waits for
    return EmbedReport(done - len(failed), failed)


# photos in memory at a time: enough to keep every inference request busy, few enough for large photos
_BATCH = 32

_Loading = tuple[str, "Future[NDArray[np.uint8]]"]


def _ahead(
    photo_ids: Sequence[str],
    load: Callable[[str], NDArray[np.uint8]],
    decoders: ThreadPoolExecutor,
    *,
    window: int,
) -> Iterator[_Loading]:
    waiting: OrderedDict[str, Future[NDArray[np.uint8]]] = OrderedDict()
    for photo_id in photo_ids:
        waiting[photo_id] = decoders.submit(load, photo_id)
        if len(waiting) >= window:
            yield waiting.popitem(last=False)
    while waiting:
        yield waiting.popitem(last=False)


def _loaded(batch: Sequence[_Loading], failed: list[tuple[str, str]]) -> list[tuple[str, NDArray[np.uint8]]]:
    pictures = []
    for photo_id, loading in batch:
        try:
            pictures.append((photo_id, loading.result()))
        except StorageError:
            raise  # all others would fail as well
        except (VitrineError, OSError) as error:
            failed.append((photo_id, str(error)))
    return pictures
