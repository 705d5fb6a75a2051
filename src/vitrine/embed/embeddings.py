"""Vectors kept per photo and embedder, so that none is computed twice and none is read by a stranger."""

import hashlib
import logging
import os
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import RLock

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitrine.embed.embedder import Embedder
from vitrine.errors import InputError, NotFound, Refused, StorageError, VitrineError

logger = logging.getLogger(__name__)

Vectors = NDArray[np.float32]

_AGAIN = "run the same command again: what is missing is embedded anew"


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """How many photos got a vector, and which could not be read: (photo_id, message)."""

    embedded: int
    failed: list[tuple[str, str]]


class Embeddings:
    """A folder of Arrow files, one a batch, under `folder/embedder_id/`: photo_id → vector.

    Files only come, whole: each is written aside, synced and renamed. A file that is damaged or belongs to
    another embedder is moved to `quarantine/` and listed in `quarantined`; its photos count as missing.
    Vectors stay on disk and are mapped only while they are copied, so memory holds an index, not the vectors.
    """

    def __init__(self, folder: Path, embedder_id: str, dim: int) -> None:
        self.folder = folder / embedder_id
        self.embedder_id = embedder_id
        self.dim = dim
        self.quarantined: list[tuple[Path, str]] = []
        self._lock = RLock()
        self._parts: list[Path] = []
        self._known: set[str] = set()
        self._verified: set[int] = set()
        self._places: dict[str, tuple[int, int]] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _storage_error(self.folder, error) from error
        self._read_new_parts()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, photo_id: object) -> bool:
        return photo_id in self._places

    def missing(self, photo_ids: Iterable[str]) -> list[str]:
        """Those of `photo_ids` that have no vector yet, each once, in the order given."""
        with self._lock:
            self._read_new_parts()
            return [photo_id for photo_id in dict.fromkeys(photo_ids) if photo_id not in self._places]

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
            path = _write_part(self.folder, self.embedder_id, list(rows), values)
            if path.name not in self._known:
                self._enter(path, list(rows), verified=True)

    def take(self, photo_ids: Sequence[str]) -> Vectors:
        """Vectors (n, dim), row i for photo i. NotFound says how many have none and names the first."""
        with self._lock:
            if any(photo_id not in self._places for photo_id in photo_ids):
                self._read_new_parts()
            lost = [photo_id for photo_id in dict.fromkeys(photo_ids) if photo_id not in self._places]
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
        for path in sorted(self.folder.glob("part-*.arrow")):
            if path.name in self._known:
                continue
            try:
                photo_ids = _read_ids(path, self.embedder_id, self.dim)
            except FileNotFoundError:
                continue  # another process has just put it into quarantine
            except (pa.ArrowException, OSError, ValueError, KeyError, Refused) as error:
                self._set_aside(path, str(error).splitlines()[0])
                continue
            self._enter(path, photo_ids, verified=False)

    def _enter(self, path: Path, photo_ids: Sequence[str], *, verified: bool) -> None:
        number = len(self._parts)
        self._parts.append(path)
        self._known.add(path.name)
        if verified:
            self._verified.add(number)
        for row, photo_id in enumerate(photo_ids):
            # the first file wins: two processes may have embedded the same photo, to the same bits
            self._places.setdefault(photo_id, (number, row))

    def _rows(self, number: int, rows: NDArray[np.intp]) -> Vectors:
        """Copies of `rows` of one file, whose checksum is looked at the first time."""
        path = self._parts[number]
        try:
            with pa.memory_map(str(path)) as source:
                table = _whole_table(source)
                values = _vectors_of(table, self.dim)
                if number not in self._verified and zlib.crc32(values.tobytes()) != int(
                    table.schema.metadata[b"vectors_crc32"]
                ):
                    raise ValueError("the vectors do not match their checksum")
                self._verified.add(number)
                taken = values[rows]
                del values, table
                return taken
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            self._set_aside(path, str(error))
            self._places = {key: place for key, place in self._places.items() if place[0] != number}
            raise StorageError(f"{path} is damaged ({error}); it was moved to quarantine", hint=_AGAIN) from error

    def _set_aside(self, path: Path, reason: str) -> None:
        logger.warning("%s is not used and moved to quarantine: %s", path, reason)
        self._known.add(path.name)
        try:
            (self.folder / "quarantine").mkdir(exist_ok=True)
            os.replace(path, self.folder / "quarantine" / path.name)
        except OSError as error:
            raise _storage_error(path, error) from error
        self.quarantined.append((path, reason))
        self._known.discard(path.name)


def embed_missing(
    photo_ids: Iterable[str],
    load: Callable[[str], NDArray[np.uint8]],
    embedder: Embedder,
    store: Embeddings,
    *,
    chunk: int = 256,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> EmbedReport:
    """Embed the photos that `store` lacks, `chunk` photos a file: a kill loses at most one chunk.

    `load(photo_id)` gives RGB pixels and is called from other threads, ahead of the embedder. A photo that it
    cannot read is reported, the rest goes on. `on_progress(done, total)` counts every photo asked for.
    """
    missing = store.missing(photo_ids)
    failed: list[tuple[str, str]] = []
    done = 0
    workers = max(1, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as decoders:
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
        except (VitrineError, OSError) as error:
            failed.append((photo_id, str(error)))
    return pictures


def _write_part(folder: Path, embedder_id: str, photo_ids: Sequence[str], values: Vectors) -> Path:
    dim = values.shape[1]
    metadata = {
        "embedder_id": embedder_id,
        "dim": str(dim),
        "vectors_crc32": str(zlib.crc32(values.tobytes())),
    }
    metadata["ids_crc32"] = str(zlib.crc32("\n".join(photo_ids).encode()))
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), dim)
    schema = pa.schema([("photo_id", pa.string()), ("vector", column.type)], metadata=metadata)
    # named by its photos: the same batch written twice is one file
    name = f"part-{hashlib.sha256(chr(10).join(photo_ids).encode()).hexdigest()[:24]}.arrow"
    written = folder / f".{name}.{os.getpid()}.tmp"
    try:
        with open(written, "wb") as file:
            with pa.ipc.new_file(file, schema) as writer:
                writer.write_table(pa.table([pa.array(photo_ids, pa.string()), column], schema=schema))
            file.flush()
            os.fsync(file.fileno())
        os.replace(written, folder / name)
        _sync_folder(folder)
    except OSError as error:
        written.unlink(missing_ok=True)
        raise _storage_error(folder / name, error) from error
    return folder / name


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_ids(path: Path, embedder_id: str, dim: int) -> list[str]:
    """The photo_ids of one file; an error of many kinds when it is damaged, Refused when it is another's."""
    with pa.memory_map(str(path)) as source:
        table = _whole_table(source)
        metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        if metadata["embedder_id"] != embedder_id or int(metadata["dim"]) != dim:
            raise Refused(
                f"it holds {metadata['dim']} columns of {metadata['embedder_id']}, not {dim} of {embedder_id}"
            )
        photo_ids: list[str] = table.column("photo_id").to_pylist()
        if zlib.crc32("\n".join(photo_ids).encode()) != int(metadata["ids_crc32"]):
            raise ValueError("the photo ids do not match their checksum")
        if _vectors_of(table, dim).shape[0] != len(photo_ids):
            raise ValueError("the number of vectors is not the number of photos")
        return photo_ids


def _whole_table(source: pa.NativeFile) -> pa.Table:
    table = pa.ipc.open_file(source).read_all()
    # Arrow trusts offsets: without this look at them, one flipped bit ends the process with a bus error
    table.validate(full=True)
    return table


def _vectors_of(table: pa.Table, dim: int) -> Vectors:
    column = table.column("vector").combine_chunks()
    array = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    values = np.asarray(array.flatten().to_numpy(zero_copy_only=True), np.float32)
    return values.reshape(-1, dim)


def _storage_error(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path} cannot be written: {error.strerror or error}", hint="check free space and permissions")
