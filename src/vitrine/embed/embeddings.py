"""Vectors kept per photo and embedder, so that none is computed twice and none is read by a stranger."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from threading import RLock
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vitrine.embed.vector_file import DAMAGE, Vectors, encode, file_name, read_ids, read_rows
from vitrine.errors import InputError, NotFound, StorageError
from vitrine.stores.objects import Objects

logger = logging.getLogger(__name__)

PHOTOS_A_FILE = 256
_SIZES = (0, PHOTOS_A_FILE, 4_096)  # photos; files of the last size and above stay as they are
_ALIKE = 16  # files of one size that are merged
_MERGES_MET = 5  # that one read may run into

_AGAIN = "run the same command again: what is missing is embedded anew"
_FETCHES = 16  # at a time from an object store, which answers late but many

Read = TypeVar("Read")


class Embeddings:
    """Arrow files (see `vector_file`), one a batch, under `place/embedder_id/`: photo_id → vector.

    `place` is a folder or an object store's URL; of a store's files copies lie in `cache`. Files come whole, and go only
    after all that they hold was written into a larger one (`merge`). A file that is damaged or belongs to another embedder
    is moved to `quarantine/` and listed in `quarantined`; its photos count as missing. Vectors stay on disk and are mapped
    only while they are copied, so memory holds an index, not the vectors.
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
        self._sizes: list[int] = []
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
            self._check_there(photo_ids)
            for _ in range(_MERGES_MET):
                try:
                    return self._copies(photo_ids)
                except (FileNotFoundError, NotFound):  # another process has merged it meanwhile
                    self._read_new_parts(again=True)
            return self._copies(photo_ids)

    def merge(self) -> int:
        """Write many small files as few large ones and take the small ones away; returns how many those were.

        Only where enough files of one size have come together, so that a vector is written anew a few times and no more.
        Whoever reads or merges at the same time finds every vector: a file goes after all it holds stands in another one.
        """
        with self._lock:
            self._read_new_parts()
            there = [(number, self._sizes[number]) for number, name in enumerate(self._parts) if name in self._known]
            merged = 0
            for least, most in pairwise(_SIZES):
                alike = [number for number, size in there if least <= size < most]
                if len(alike) >= _ALIKE:
                    merged += self._merge(sorted(alike, key=lambda number: self._parts[number]))
            if merged:
                self._read_new_parts()
            return merged

    def _merge(self, numbers: Sequence[int]) -> int:
        """Write all rows of these files into others, in groups that fit into one; then remove them."""
        group: dict[str, Vectors] = {}
        kept: set[str] = set()
        for number in numbers:
            try:
                photo_ids = self._read(self._parts[number], lambda path: read_ids(path, self.embedder_id, self.dim))
                vectors = self._rows(number, np.arange(len(photo_ids)))
            except (FileNotFoundError, NotFound):
                return 0  # another process is merging them
            group.update(zip(photo_ids, vectors, strict=True))
            if len(group) >= _SIZES[-1]:
                kept.add(self._put(group))
                group = {}
        if group:
            kept.add(self._put(group))
        gone = {self._parts[number] for number in numbers} - kept
        for name in gone:
            self._files.remove(name)
        return len(gone)

    def _put(self, group: Mapping[str, Vectors]) -> str:
        photo_ids = sorted(group)  # in one order, so that whoever merges the same writes the same file
        name = file_name(photo_ids)
        self._files.put(name, encode(self.embedder_id, photo_ids, np.stack([group[one] for one in photo_ids])))
        return name

    def _copies(self, photo_ids: Sequence[str]) -> Vectors:
        self._check_there(photo_ids)
        places = np.array([self._places[photo_id] for photo_id in photo_ids], np.intp).reshape(-1, 2)
        vectors = np.empty((len(photo_ids), self.dim), np.float32)
        for number in np.unique(places[:, 0]):
            here = np.flatnonzero(places[:, 0] == number)
            vectors[here] = self._rows(int(number), places[here, 1])
        return vectors

    def _without_place(self, photo_ids: Iterable[str]) -> list[str]:
        return [photo_id for photo_id in dict.fromkeys(photo_ids) if photo_id not in self._places]

    def _check_there(self, photo_ids: Sequence[str]) -> None:
        lost = self._without_place(photo_ids)
        if lost:
            raise NotFound(
                f"{len(lost)} photos have no vector of {self.embedder_id}, the first is {lost[0]}", hint=_AGAIN
            )

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

    def _read_new_parts(self, *, again: bool = False) -> None:
        """Enter files that have come, and forget those that were merged into them; `again` where a file was missed."""
        if again:
            self._looking_at = None  # the files that were named are no more
        for _ in range(_MERGES_MET):
            there = self._files.names() if self._looking_at is None else sorted(self._looking_at)
            missed = self._enter_new([name for name in there if name.startswith("part-") and name not in self._known])
            if self._looking_at is None and (gone := self._known.difference(there)):
                self._forget(gone)
            if not missed:
                return

    def _enter_new(self, names: Sequence[str]) -> bool:
        """Enter these files; returns whether one of them went while they were read."""
        if not names:
            return False
        with ThreadPoolExecutor(_FETCHES if self._files.remote else 1) as fetchers:
            found = list(zip(names, fetchers.map(self._ids, names), strict=True))
        read = [(name, photo_ids) for name, photo_ids in found if photo_ids is not None]
        # what was merged from others counts before them
        for name, photo_ids in sorted(read, key=lambda one: len(one[1])):
            self._enter(name, photo_ids, verified=False)
        set_aside = {name for name, _ in self.quarantined}
        return any(photo_ids is None and name not in set_aside for name, photo_ids in found)

    def _forget(self, names: Collection[str]) -> None:
        """These files are gone. What stands in none of the others as far as they were entered makes all be read anew."""
        for name in names:
            self._files.forget(name)
        self._known.difference_update(names)
        numbers = {number for number, name in enumerate(self._parts) if name in names}
        if any(number in numbers for number, _ in self._places.values()):
            self._start_over()
            self._enter_new([name for name in self._files.names() if name.startswith("part-")])

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
        except FileNotFoundError:
            raise
        except DAMAGE:
            if not self._files.forget(name):
                raise
            return read(self._files.on_disk(name))

    def _enter(self, name: str, photo_ids: Sequence[str], *, verified: bool) -> None:
        number = len(self._parts)
        self._parts.append(name)
        self._sizes.append(len(photo_ids))
        self._known.add(name)
        if verified:
            self._verified.add(number)
        for row, photo_id in enumerate(photo_ids):
            # the last file counts: a photo that stands in several, embedded twice or merged, has the same bits in all
            self._places[photo_id] = number, row

    def _rows(self, number: int, rows: NDArray[np.intp]) -> Vectors:
        """Copies of `rows` of one file, whose checksum is looked at the first time."""
        name, verified = self._parts[number], number in self._verified
        try:
            taken = self._read(name, lambda path: read_rows(path, self.dim, rows, verified=verified))
        except FileNotFoundError:
            raise
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
