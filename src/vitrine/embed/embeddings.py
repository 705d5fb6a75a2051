"""Vectors kept per photo and embedder, so that none is computed twice and none is read by a stranger."""

import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import RLock
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vitrine.embed.embedder import Embedder
from vitrine.embed.vector_file import DAMAGE, Vectors, encode, file_name, read_ids, read_rows
from vitrine.errors import InputError, NotFound, StorageError, VitrineError
from vitrine.stores.objects import Objects

logger = logging.getLogger(__name__)

PHOTOS_A_FILE = 256

_AGAIN = "run the same command again: what is missing is embedded anew"
_FETCHES = 16  # at a time from an object store, which answers late but many

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """How many photos got a vector, and which could not be read: (photo_id, message)."""

    embedded: int
    failed: list[tuple[str, str]]


class Embeddings:
    """Arrow files (see `vector_file`), one a batch, under `place/embedder_id/`: photo_id → vector.

    `place` is a folder or an object store's URL; of a store's files copies lie in `cache`. Files only come, whole. A
    file that is damaged or belongs to another embedder is moved to `quarantine/` and listed in `quarantined`; its photos
    count as missing. Vectors stay on disk and are mapped only while they are copied, so memory holds an index, not the vectors.
    """

    def __init__(
        self,
        place: Path | str,
        embedder_id: str,
        dim: int,
        *,
        cache: Path | None = None,
        looking_at: Iterable[str] | None = None,
    ) -> None:
        """Open what there is, or of all files only those that are named in `looking_at` (see `look_at`)."""
        self._files = Objects(f"{place}/{embedder_id}", cache=cache and cache / embedder_id, synced=True)
        self.embedder_id = embedder_id
        self.dim = dim
        self.quarantined: list[tuple[str, str]] = []
        self._lock = RLock()
        self._looking_at = None if looking_at is None else set(looking_at)
        self._start_over()
        if not self._files.remote:
            folder = Path(place) / embedder_id
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageError(
                    f"{folder} cannot be written: {error.strerror or error}", hint="check free space and permissions"
                ) from error
        self._read_new_parts()

    def _start_over(self) -> None:
        self._parts: list[str] = []
        self._known: set[str] = set()
        self._verified: set[int] = set()
        self._places: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, photo_id: object) -> bool:
        return photo_id in self._places

    def look_at(self, names: Iterable[str]) -> None:
        """From now on know these files alone: of many workers none needs an index of all photos.

        Of the photos that they lack, batches are found again by their file's name; copies of other files are dropped.
        """
        with self._lock:
            for name in self._parts:
                self._files.forget(name)
            self._start_over()
            self._looking_at = set(names)
            self._read_new_parts()

    def files_of(self, photo_ids: Iterable[str]) -> list[str]:
        """The names of the files that hold these photos' vectors, as far as they have any."""
        with self._lock:
            numbers = {self._places[photo_id][0] for photo_id in photo_ids if photo_id in self._places}
            return [self._parts[number] for number in sorted(numbers)]

    def missing(self, photo_ids: Iterable[str]) -> list[str]:
        """Those of `photo_ids` that have no vector yet, each once, in the order given."""
        with self._lock:
            self._read_new_parts()
            missing = self._without_place(photo_ids)
            if self._looking_at is None or not missing:
                return missing
            batches = [missing[start : start + PHOTOS_A_FILE] for start in range(0, len(missing), PHOTOS_A_FILE)]
            names = [name for name in map(file_name, batches) if self._files.has(name)]
            self._looking_at.update(names)
            self._read_new_parts()
            return self._without_place(missing)

    def add(self, photo_ids: Sequence[str], vectors: Vectors) -> None:
        """Keep `vectors` (n, dim), row i for photo i, as one file; photos that have a vector are skipped.

        Raises InputError for a wrong shape or a number that is not finite, StorageError when writing fails;
        either way nothing is kept.
        """
        self._check(photo_ids, vectors)
        with self._lock:
            rows = {photo_id: row for row, photo_id in enumerate(photo_ids) if photo_id not in self._places}
            if not rows:
                return
            values = np.ascontiguousarray(vectors[list(rows.values())], np.float32)
            name = file_name(list(rows))
            self._files.put(name, encode(self.embedder_id, list(rows), values))
            if name not in self._known:
                self._enter(name, list(rows), verified=True)

    def take(self, photo_ids: Sequence[str]) -> Vectors:
        """Vectors (n, dim), row i for photo i. NotFound says how many have none and names the first."""
        with self._lock:
            if any(photo_id not in self._places for photo_id in photo_ids):
                self._read_new_parts()
            lost = self._without_place(photo_ids)
            if lost:
                raise NotFound(
                    f"{len(lost)} photos have no vector of {self.embedder_id}, the first is {lost[0]}",
                    hint=_AGAIN,
                )
            places = np.array([self._places[photo_id] for photo_id in photo_ids], np.intp).reshape(-1, 2)
            vectors = np.empty((len(photo_ids), self.dim), np.float32)
            for number in np.unique(places[:, 0]):
                here = np.flatnonzero(places[:, 0] == number)
                vectors[here] = self._rows(int(number), places[here, 1])
            return vectors

    def _without_place(self, photo_ids: Iterable[str]) -> list[str]:
        return [photo_id for photo_id in dict.fromkeys(photo_ids) if photo_id not in self._places]

    def _check(self, photo_ids: Sequence[str], vectors: Vectors) -> None:
        if vectors.shape != (len(photo_ids), self.dim):
            raise InputError(
                f"{len(photo_ids)} photos need ({len(photo_ids)}, {self.dim}) numbers, not {vectors.shape}"
            )
        broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(broken):
            raise InputError(
                f"the vector of photo {photo_ids[broken[0]]} holds a number that is not finite "
                f"({len(broken)} of {len(photo_ids)} vectors do)",
                hint="check the model file and its mean and std: vitrine config show",
            )

    def _read_new_parts(self) -> None:
        there = self._files.names() if self._looking_at is None else sorted(self._looking_at)
        new = [name for name in there if name.startswith("part-") and name not in self._known]
        if not new:
            return
        with ThreadPoolExecutor(_FETCHES if self._files.remote else 1) as fetchers:
            for name, photo_ids in zip(new, fetchers.map(self._ids, new), strict=True):
                if photo_ids is not None:
                    self._enter(name, photo_ids, verified=False)

    def _ids(self, name: str) -> list[str] | None:
        """The photos of one file; None where it is gone or damaged."""
        try:
            return self._read(name, lambda path: read_ids(path, self.embedder_id, self.dim))
        except (FileNotFoundError, NotFound):
            return None  # another process has just put it into quarantine
        except DAMAGE as error:
            self._set_aside(name, str(error).splitlines()[0])
            return None

    def _read(self, name: str, read: Callable[[Path], Read]) -> Read:
        """What `read` makes of a file; where a copy is damaged, of the file itself."""
        try:
            return read(self._files.on_disk(name))
        except DAMAGE:
            if not self._files.forget(name):
                raise
            return read(self._files.on_disk(name))

    def _enter(self, name: str, photo_ids: Sequence[str], *, verified: bool) -> None:
        number = len(self._parts)
        self._parts.append(name)
        self._known.add(name)
        if verified:
            self._verified.add(number)
        for row, photo_id in enumerate(photo_ids):
            # the first file wins: two processes may have embedded the same photo, to the same bits
            self._places.setdefault(photo_id, (number, row))

    def _rows(self, number: int, rows: NDArray[np.intp]) -> Vectors:
        """Copies of `rows` of one file, whose checksum is looked at the first time."""
        name, verified = self._parts[number], number in self._verified
        try:
            taken = self._read(name, lambda path: read_rows(path, self.dim, rows, verified=verified))
        except DAMAGE as error:
            self._set_aside(name, str(error))
            self._places = {key: place for key, place in self._places.items() if place[0] != number}
            raise StorageError(
                f"{self._files.url}/{name} is damaged ({error}); it was moved to quarantine", hint=_AGAIN
            ) from error
        self._verified.add(number)
        return taken

    def _set_aside(self, name: str, reason: str) -> None:
        logger.warning("%s/%s is not used and moved to quarantine: %s", self._files.url, name, reason)
        with suppress(NotFound):  # another process was faster
            self._files.move(name, f"quarantine/{name}")
        self.quarantined.append((name, reason))
        self._known.discard(name)


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
