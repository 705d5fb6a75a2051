"""Write a file whole or not at all: beside its place first, then renamed; a full disk leaves nothing behind.

>>> from tempfile import mkdtemp
>>> path = Path(mkdtemp()) / "reports" / "a.html"
>>> with whole(path, hint="free some space") as temporary:
...     _ = temporary.write_text("done", encoding="utf-8")
>>> path.read_text(encoding="utf-8"), [file.name for file in path.parent.iterdir()]
('done', ['a.html'])
"""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitrine.errors import StorageError

_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{32}")


@contextmanager
def whole(path: Path, *, hint: str, synced: bool = False) -> Iterator[Path]:
    """Yield where to write; after the block the file stands at `path`. StorageError, with `hint`, when writing fails.

    With `synced` it is on the disk by then, also after a power cut.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if synced:
            _sync(temporary)
        os.replace(temporary, path)
        if synced:
            _sync(path.parent)
    except OSError as error:
        raise StorageError(f"could not write {path}: {error.strerror or error}", hint=hint) from error
    finally:
        if path.parent.is_dir():
            temporary.unlink(missing_ok=True)


def unfinished(path: Path) -> bool:
    """Whether a file is one that is being written, or was when its process was killed.

    >>> unfinished(Path(f".a.html.{uuid.uuid4().hex}")), unfinished(Path(".keep"))
    (True, False)
    """
    return bool(_UNFINISHED.fullmatch(path.name)) and not path.is_dir()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
