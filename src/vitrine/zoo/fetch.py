"""Download Fashion-MNIST when a person asks for it: each file goes on where it broke off, and is checked when whole."""

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from vitrine.errors import InputError, MissingPart, StorageError
from vitrine.zoo.data import FILES
from vitrine.zoo.idx import read_idx

SOURCE = "https://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_BLOCK = 1 << 16
_SECONDS = 20
_LARGEST = 64 << 20  # twice the largest file of the set


def fetch(
    folder: Path, *, source: str = SOURCE, on_progress: Callable[[int, int], object] = lambda done, total: None
) -> list[Path]:
    """Put the four files into `folder`; those that are there and whole are left alone.

    Raises MissingPart when the source cannot be reached (what has arrived is kept), InputError when it sends another
    file, StorageError when the disk does not take it.
    """
    if not source.startswith(("http://", "https://")):
        raise InputError(f"{source} is no http address", hint=f"the original is {SOURCE}")
    paths = []
    for number, (name, sha256) in enumerate(FILES.items()):
        on_progress(number, len(FILES))
        path = folder / f"{name}.gz"
        if not _is_whole(path, sha256):
            _download(f"{source.rstrip('/')}/{name}.gz", path, sha256)
        paths.append(path)
    on_progress(len(FILES), len(FILES))
    return paths


def _is_whole(path: Path, sha256: str) -> bool:
    if not path.exists():
        return False
    try:
        read_idx(path, sha256=sha256)
    except InputError:
        return False
    return True


def _download(url: str, path: Path, sha256: str) -> None:
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _receive(url, part)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise MissingPart(
            f"{url} cannot be reached: {reason}",
            hint="run the same command again, it continues; offline, copy the four files into a folder and name it with --data",
        ) from error
    except OSError as error:
        raise StorageError(f"could not write {part}: {error.strerror or error}", hint="free some space") from error
    try:
        read_idx(part, sha256=sha256)
    except InputError:
        part.unlink()
        raise
    part.replace(path)


def _receive(url: str, part: Path) -> None:
    """Append what is missing to `part`; a server that cannot continue sends everything, and the file begins anew."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is missing
            return
        raise
    with response, open(part, "ab" if response.status == 206 else "wb") as file:
        missing = int(response.headers.get("Content-Length", 0))
        received = 0
        while block := response.read(_BLOCK):
            received += len(block)
            if received > _LARGEST:
                raise InputError(f"{url} sends more than {_LARGEST:,} bytes; this is another file")
            file.write(block)
    if received < missing:
        raise ConnectionError(f"the connection broke off after {received:,} of {missing:,} bytes")
