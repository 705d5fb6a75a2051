"""Blobs: cleaned photos by key, in a folder or an object store behind any fsspec URL."""

from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from vitrine.errors import MissingPart, NotFound, StorageError
from vitrine.stores.whole import whole

_CONTINUES = "free some space or restore the connection, then run the same command again; it continues"


def open_filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL and the path inside it; a missing driver is a MissingPart."""
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        extra = "s3" if url.startswith("s3") else url.split(":", 1)[0]
        raise MissingPart(f"{url}: {error}", hint=f"pip install 'vitrine[{extra}]'") from None
    except ValueError as error:
        raise MissingPart(f"{url}: {error}", hint="use a folder or a URL such as s3://bucket/prefix") from None
    return filesystem, path


class Blobs:
    """Bytes by key; a key is written whole or not at all, and written once (keys are content ids)."""

    def __init__(self, url: str) -> None:
        """Use the folder or object-store prefix at `url`."""
        self.url = url
        self._filesystem, self._root = open_filesystem(url)
        self._local = isinstance(self._filesystem, LocalFileSystem)

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`; StorageError when the disk is full or the store cannot be reached."""
        path = self._path(key)
        if self._local:
            with whole(Path(path), hint=_CONTINUES) as temporary:
                temporary.write_bytes(data)
            return
        try:
            self._filesystem.pipe_file(path, data)
        except OSError as error:
            raise StorageError(
                f"could not write {path}: {error.strerror or error}",
                hint=_CONTINUES,
            ) from error

    def get(self, key: str) -> bytes:
        """The bytes under `key`; NotFound when there are none."""
        path = self._path(key)
        try:
            if self._local:
                return Path(path).read_bytes()
            data: bytes = self._filesystem.cat_file(path)
            return data
        except FileNotFoundError:
            raise NotFound(f"no blob {key} in {self.url}", hint="vitrine ingest again brings it back") from None
        except OSError as error:
            raise StorageError(f"could not read {path}: {error}") from error

    def has(self, key: str) -> bool:
        """Whether something is kept under `key`."""
        return bool(self._filesystem.exists(self._path(key)))

    def _path(self, key: str) -> str:
        """Two-letter folders keep 120,000 files listable; keys are our own hex ids, never a client's path."""
        return f"{self._root}/{key[:2]}/{key}"
