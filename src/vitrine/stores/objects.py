"""Files by name in a folder or an object store: put whole or not at all, and listed as they are now.

An object store has no rename, but it shows an upload only when all of it has arrived; a folder shows a half-written file,
but renames. So `put` is the one way to write, and a reader never meets a part of a file in either.

>>> from tempfile import mkdtemp
>>> objects = Objects(mkdtemp())
>>> objects.put("part-0", b"rows")
>>> objects.names(), objects.get("part-0"), objects.has("part-1")
(['part-0'], b'rows', False)
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import fsspec
from fsspec.implementations.local import LocalFileSystem

from vitrine.errors import MissingPart, NotFound, StorageError
from vitrine.stores.whole import whole

_CONTINUES = "free some space or restore the connection, then run the same command again; it continues"
# what S3 answers where it refuses every request of this machine, not one file: its clock, its credentials
_REFUSES_ALL = {
    "RequestTimeTooSkewed": "set the clock of this machine (timedatectl shows it): the store refuses what a wrong one signs",
    **dict.fromkeys(
        (
            "ExpiredToken",
            "InvalidToken",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "AccountProblem",
            "NotSignedUp",
        ),
        "renew the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), then run the same command again",
    ),
}


def open_filesystem(url: str, **options: Any) -> tuple[Any, str]:
    """The fsspec file system of a URL and the path inside it; a missing driver is a MissingPart."""
    try:
        filesystem, path = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        extra = "s3" if url.startswith("s3") else url.split(":", 1)[0]
        raise MissingPart(f"{url}: {error}", hint=f"pip install 'vitrine[{extra}]'") from None
    except ValueError as error:
        raise MissingPart(f"{url}: {error}", hint="use a folder or a URL such as s3://bucket/prefix") from None
    return filesystem, path


def refuses_all(error: BaseException) -> str | None:
    """What to do where a store refuses every request of this machine; None where the error is of one file, or another's."""
    response = getattr(error.__cause__ or error, "response", None) or {}
    return _REFUSES_ALL.get(str(response.get("Error", {}).get("Code")))


@dataclass(frozen=True, slots=True)
class Held:
    """What a folder holds, in all folders inside it too: bytes, and when its newest file was written (UTC)."""

    bytes: int
    changed_at: datetime


def folders(url: str) -> dict[str, Held]:
    """The folders directly under one that hold any file; empty where there is no such place. StorageError when it is lost."""
    place = Objects(url)
    found: dict[str, Held] = {}
    for path, entry in place.files():
        name, slash, _ = path.partition("/")
        if slash:
            moment = entry.get("LastModified") or datetime.fromtimestamp(entry["mtime"], UTC)
            held = found.get(name, Held(0, moment))
            found[name] = Held(held.bytes + int(entry["size"]), max(held.changed_at, moment))
    return found


class Objects:
    """The files directly under one folder or prefix.

    How often a store is asked again that throttles, answers 5xx or drops the connection is its library's own matter
    (S3: `AWS_MAX_ATTEMPTS`, `AWS_RETRY_MODE`); what remains is a StorageError.
    """

    def __init__(self, url: str, *, cache: Path | None = None, synced: bool = False) -> None:
        """Use the folder or prefix at `url`.

        `cache` is where copies of an object store's files lie on this disk; with `synced` a file of a folder is on the disk
        when `put` returns, also after a power cut.
        """
        self.url = url.rstrip("/")
        # what other machines put a moment ago is there now, whatever an earlier listing said
        options: dict[str, Any] = {"use_listings_cache": False}
        if self.url.startswith("s3://"):
            options["max_concurrency"] = 1  # of one file; with more, each read asks for the size first
        self._filesystem, self._root = open_filesystem(self.url, **options)
        self.remote = not isinstance(self._filesystem, LocalFileSystem)
        self._cache = cache
        self._synced = synced

    def put(self, name: str, data: bytes) -> None:
        """Keep `data` under `name`, in place of what was there; StorageError when that fails, and then nothing changed."""
        path = self._path(name)
        if not self.remote:
            _write(Path(path), data, synced=self._synced)
            return
        with self._failures("write", path):
            self._filesystem.pipe_file(path, data)
        if self._cache is not None:
            _write(self._cache / name, data, synced=False)

    def get(self, name: str) -> bytes:
        """The bytes under `name`; NotFound when there are none."""
        path = self._path(name)
        with self._failures("read", path):
            data: bytes = self._filesystem.cat_file(path) if self.remote else Path(path).read_bytes()
            return data

    def has(self, name: str) -> bool:
        """Whether something is kept under `name`."""
        path = self._path(name)
        with self._failures("read", path):
            try:
                # `exists` of a store answers no when it cannot be reached
                return bool(self._filesystem.info(path))
            except FileNotFoundError:
                return False

    def names(self) -> list[str]:
        """The names of all files here, sorted; files that are still being written have none yet."""
        with self._failures("read", self._root):
            try:
                entries = self._filesystem.ls(self._root, detail=True)
            except FileNotFoundError:
                return []
        names = (entry["name"].rsplit("/", 1)[-1] for entry in entries if entry["type"] == "file")
        return sorted(name for name in names if name and not name.startswith("."))

    def files(self) -> list[tuple[str, dict[str, Any]]]:
        """Every file here and in all folders inside, hidden ones too: its path from here, and what the store says of it."""
        with self._failures("read", self._root):
            found = self._filesystem.find(self._root, detail=True)
        return [(path.removeprefix(self._root).lstrip("/"), entry) for path, entry in sorted(found.items())]

    def move(self, name: str, to: str) -> None:
        """Give a file another name, inside this place."""
        path, other = self._path(name), self._path(to)
        self.forget(name)
        with self._failures("move", path):
            if self.remote:
                self._filesystem.mv(path, other)
            else:
                Path(other).parent.mkdir(exist_ok=True)
                os.replace(path, other)

    def remove(self, name: str) -> None:
        """Take a file away; nothing happens where there is none."""
        self.forget(name)
        with self._failures("remove", self._path(name)):
            try:
                self._filesystem.rm_file(self._path(name))
            except FileNotFoundError:
                return

    def clear(self) -> None:
        """Take everything away that is here."""
        with self._failures("remove", self._root), suppress(FileNotFoundError):
            self._filesystem.rm(self._root, recursive=True)

    def on_disk(self, name: str) -> Path:
        """A path of this machine with the file's content: its own, or a copy in the cache that is fetched once."""
        if not self.remote or self._cache is None:
            return Path(self._path(name))
        copy = self._cache / name
        if not copy.exists():
            _write(copy, self.get(name), synced=False)
        return copy

    def forget(self, name: str) -> bool:
        """Drop the cached copy of a file; whether there was one."""
        if not self.remote or self._cache is None or not (self._cache / name).exists():
            return False
        (self._cache / name).unlink(missing_ok=True)
        return True

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _failures(self, verb: Literal["read", "write", "move", "remove"], path: str) -> Iterator[None]:
        """Whatever a driver raises where its store fails, which is more than OSError."""
        try:
            yield
        except FileNotFoundError:
            raise NotFound(f"{path} is not there") from None
        except Exception as error:
            if not self.remote and not isinstance(error, OSError):
                raise
            reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            raise StorageError(f"could not {verb} {path}: {reason}", hint=refuses_all(error) or _CONTINUES) from error


def _write(path: Path, data: bytes, *, synced: bool) -> None:
    with whole(path, hint=_CONTINUES, synced=synced) as temporary:
        temporary.write_bytes(data)
