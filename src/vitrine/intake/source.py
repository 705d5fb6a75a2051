"""Where photos come from: a local folder or any fsspec URL, read-only; a lost connection stops the job cleanly."""

import os
from collections.abc import Iterator
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from vitrine.errors import InputError, StorageError, UnreadablePhoto, sentence
from vitrine.intake.photo import read_bytes
from vitrine.stores.objects import open_filesystem, refuses_all


class PhotoSource:
    """A folder of photos; paths are relative to it and use '/'."""

    def __init__(self, url: str) -> None:
        """Open the folder or URL; InputError when it does not exist, StorageError when it cannot be reached."""
        self.url = url.rstrip("/")
        self._filesystem, self._root = open_filesystem(self.url)
        self._local = isinstance(self._filesystem, LocalFileSystem)
        self._versions: dict[str, str] | None = None
        if not self._exists():
            raise InputError(f"photos {url}: there is no such folder", hint="vitrine ingest FOLDER --table labels.csv")

    def list(self) -> Iterator[str]:
        """Every file below the folder, sorted; links to folders are not followed, so that loops end."""
        if self._local:
            yield from _walk(Path(self._root))
        else:
            yield from sorted(self._remote_versions())

    def look(self) -> dict[str, str]:
        """Every file with its version, as the folder or the store has them now; StorageError when it cannot be reached."""
        if not self._local:
            self._versions = None
            self._filesystem.invalidate_cache()
            return dict(self._remote_versions())
        if not self._exists():
            raise self._lost(FileNotFoundError("the folder is not there"))
        versions = {path: self.version(path) for path in self.list()}
        return {path: version for path, version in versions.items() if version}

    def version(self, path: str) -> str:
        """A mark that changes when the file does (size and time, or the store's ETag); empty when it is missing."""
        if self._local:
            try:
                stat = os.stat(Path(self._root) / path)
            except (OSError, ValueError):
                return ""
            return f"{stat.st_size}-{stat.st_mtime_ns}"
        return self._remote_versions().get(path, "")

    def read(self, path: str) -> bytes:
        """The bytes of a photo.

        Raises UnreadablePhoto where this one file is the trouble and StorageError where the store is.
        """
        if self._local:
            return read_bytes(Path(self._root) / path)
        if not self.version(path):
            raise UnreadablePhoto(f"photo '{path}' is not in {self.url}", reason="missing")
        try:
            data: bytes = self._filesystem.cat_file(f"{self._root}/{path}")
            return data
        except FileNotFoundError:
            raise UnreadablePhoto(f"photo '{path}' is not in {self.url}", reason="missing") from None
        except PermissionError as error:
            if refuses_all(error):
                raise self._lost(error) from error
            raise UnreadablePhoto(f"photo '{path}' may not be read: {error}", reason="forbidden") from None
        except Exception as error:
            raise self._lost(error) from error

    def _exists(self) -> bool:
        # a store's own `exists` answers no when it cannot be reached; listing it tells the two apart
        return os.path.isdir(self._root) if self._local else bool(self._remote_versions())

    def _remote_versions(self) -> dict[str, str]:
        """One listing for the whole job: asking the store 120,000 times for a size would take longer than reading."""
        if self._versions is None:
            try:
                entries = self._filesystem.find(self._root, detail=True)
            except FileNotFoundError:
                entries = {}
            except Exception as error:
                raise self._lost(error) from error
            self._versions = {
                name[len(self._root) :].lstrip("/"): str(entry.get("ETag") or entry.get("mtime") or entry.get("size"))
                for name, entry in entries.items()
            }
        return self._versions

    def _lost(self, error: Exception) -> StorageError:
        return StorageError(
            sentence("{place} could not be read: {reason}", place=self.url, reason=f"{type(error).__name__}: {error}"),
            hint=refuses_all(error)
            or sentence("restore the connection or the credentials, then run the same command again; it continues"),
        )


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root, followlinks=False):
        folders.sort()
        for name in sorted(files):
            if not name.startswith("."):
                yield (Path(folder) / name).relative_to(root).as_posix()
