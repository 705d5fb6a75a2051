"""Publish a staged version: its files first, its manifest next, one small pointer last. No rename is needed.

So the same steps are safe in a folder and on an object store: a reader who follows `current.json` sees a whole version,
the one before or the new one. A version that was left half has no pointer to it and goes with the old ones.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from vitrine.deliver.lake.stage import Staged
from vitrine.errors import StorageError, sentence
from vitrine.records import now
from vitrine.stores.objects import open_filesystem, refuses_all
from vitrine.stores.whole import whole

POINTER = "current.json"
MANIFEST = "manifest.json"
DICTIONARY = "dictionary.json"
_VERSIONS = "versions"
_AGAIN = sentence(
    "restore the connection or free some space, then run vitrine export lake again; readers keep the version before"
)


class Lake:
    """The published versions at a URL; all reads and writes of the lake go through here."""

    def __init__(self, url: str) -> None:
        """Use the folder or object-store prefix at `url`; it is made by the first version."""
        self.url = url.rstrip("/")
        self._filesystem, root = open_filesystem(self.url)
        self._root = root.rstrip("/")
        self._local = isinstance(self._filesystem, LocalFileSystem)

    def current(self) -> dict[str, Any] | None:
        """What the pointer says: version, path, content_id, made_at, rows; None before the first version."""
        found = self.read(POINTER)
        return json.loads(found) if found is not None else None

    def manifest(self, pointer: dict[str, Any]) -> dict[str, Any]:
        """The files of the version that a pointer names, and its dictionary. StorageError when they are gone."""
        found = {name: self.read(f"{pointer['path']}/{name}") for name in (MANIFEST, DICTIONARY)}
        if None in found.values():
            raise StorageError(
                f"{self.url}: {POINTER} leads to {pointer['path']}, which is not whole",
                hint=f"remove {self.url}/{POINTER}, then run vitrine export lake again",
            )
        return {
            **json.loads(found[MANIFEST] or b""),
            "dictionary": json.loads(found[DICTIONARY] or b""),
        }

    def publish(self, staged: Staged, name: str, extras: list[Path], views: str, *, keep: int) -> dict[str, Any]:
        """Bring a staged version in under `name`, with the `extras` beside its tables; returns the new pointer.

        Older versions than the `keep` newest are removed afterwards.
        """
        path = f"{_VERSIONS}/{name}"
        for file in [*(staged.folder / one.path for one in staged.files), *extras]:
            self._put(f"{path}/{file.relative_to(staged.folder).as_posix()}", file.read_bytes())
        moment = now().isoformat()
        made = {"version": name, "content_id": staged.content_id, "made_at": moment}
        self._put(f"{path}/{MANIFEST}", _json({**made, "files": [asdict(one) for one in staged.files]}))
        if self.read("views.sql") != views.encode():
            self._put("views.sql", views.encode())
        pointer = {**made, "path": path, "rows": staged.rows()}
        self._put(POINTER, _json(pointer))
        self._clean(name, keep)
        return pointer

    def versions(self) -> list[str]:
        """The names of all version folders, whole or not, in order."""
        with self._failures(_VERSIONS):
            folder = f"{self._root}/{_VERSIONS}"
            self._filesystem.invalidate_cache()
            if not self._filesystem.exists(folder):
                return []
            return sorted(Path(one).name for one in self._filesystem.ls(folder, detail=False))

    def _clean(self, newest: str, keep: int) -> None:
        """Remove what is older than the versions kept; what a later number has is another writer's and stays."""
        old = [one for one in self.versions() if one <= newest and one != newest]
        for name in old[: max(0, len(old) - (keep - 1))]:
            with self._failures(name):
                self._filesystem.rm(f"{self._root}/{_VERSIONS}/{name}", recursive=True)

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None where there is none. StorageError when the lake cannot be reached."""
        with self._failures(path):
            try:
                self._filesystem.invalidate_cache()
                data: bytes = self._filesystem.cat_file(f"{self._root}/{path}")
            except FileNotFoundError:
                return None
            return data

    def _put(self, path: str, data: bytes) -> None:
        """Write a file whole: an object store does, a folder renames."""
        full = f"{self._root}/{path}"
        if self._local:
            with whole(Path(full), hint=_AGAIN) as temporary:
                temporary.write_bytes(data)
            return
        with self._failures(path):
            self._filesystem.pipe_file(full, data)

    @contextmanager
    def _failures(self, path: str) -> Iterator[None]:
        """Stores raise what their client does, so whatever comes is one kind of error here."""
        try:
            yield
        except StorageError:
            raise
        except Exception as error:
            raise StorageError(
                sentence(
                    "the lake {place} could not be used at {path}: {reason}",
                    place=self.url,
                    path=path,
                    reason=f"{type(error).__name__}: {error}",
                ),
                hint=refuses_all(error) or _AGAIN,
            ) from error


def _json(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, indent=1).encode()
