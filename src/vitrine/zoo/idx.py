"""Read IDX files, the format of MNIST and its kin, plain or gzipped.

>>> from tempfile import mkdtemp
>>> path = Path(mkdtemp()) / "labels-idx1-ubyte"
>>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
>>> read_idx(path)
array([7, 8, 9], dtype=uint8)
>>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 4, 7, 8, 9]))
>>> read_idx(path)
Traceback (most recent call last):
...
vitrine.errors.InputError: labels-idx1-ubyte: its header says 4 bytes of data, it has 3
"""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError, NotFound

_UNSIGNED_BYTES = 8
_LARGEST = 1 << 30  # more data than this is a damaged header or no file for this study


def read_idx(path: Path, *, sha256: str | None = None) -> NDArray[np.uint8]:
    """The array of unsigned bytes in an IDX file, in the shape its header says.

    `sha256` is what the unpacked content must have. Raises NotFound, and InputError for a file that is no IDX file of
    bytes, is truncated, too long, or another one than `sha256` says.
    """
    content = _content(path)
    if sha256 is not None:
        seen = hashlib.sha256(content).hexdigest()
        if seen != sha256:
            raise InputError(
                f"{path.name}: the unpacked content has SHA-256 {seen}, expected {sha256}",
                hint="the file is damaged or another one; fetch it again: vitrine zoo fetch",
            )
    shape, data = _taken_apart(path.name, content)
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from None
    if not packed.startswith(b"\x1f\x8b"):
        return packed
    try:
        return gzip.decompress(packed)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path.name}: the gzip file of {len(packed):,} bytes is damaged: {error}", hint="fetch it again"
        ) from None


def _taken_apart(name: str, content: bytes) -> tuple[tuple[int, ...], memoryview]:
    """The shape and the data."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTES or not 1 <= content[3] <= 4:
        raise InputError(f"{name} is no IDX file of bytes: it begins with {content[:4].hex(' ') or 'nothing'}")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise InputError(f"{name}: the header is cut off after {len(content)} bytes")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    wanted = math.prod(shape)
    if wanted > _LARGEST or wanted != len(content) - start:
        raise InputError(f"{name}: its header says {wanted} bytes of data, it has {len(content) - start}")
    return shape, memoryview(content)[start:]
