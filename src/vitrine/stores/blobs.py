"""Blobs: cleaned photos by key, in a folder or an object store behind any fsspec URL."""

from vitrine.errors import NotFound
from vitrine.stores.objects import Objects, open_filesystem

__all__ = ["Blobs", "open_filesystem"]


class Blobs:
    """Bytes by key; a key is written whole or not at all, and written once (keys are content ids)."""

    def __init__(self, url: str) -> None:
        """Use the folder or object-store prefix at `url`."""
        self.url = url
        self._objects = Objects(url)
        self.remote = self._objects.remote

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`; StorageError when the disk is full or the store cannot be reached."""
        self._objects.put(_name(key), data)

    def get(self, key: str) -> bytes:
        """The bytes under `key`; NotFound when there are none."""
        try:
            return self._objects.get(_name(key))
        except NotFound:
            raise NotFound(f"no blob {key} in {self.url}", hint="vitrine ingest again brings it back") from None

    def has(self, key: str) -> bool:
        """Whether something is kept under `key`."""
        return self._objects.has(_name(key))


def _name(key: str) -> str:
    """Two-letter folders keep 120,000 files listable; keys are our own hex ids, never a client's path."""
    return f"{key[:2]}/{key}"
