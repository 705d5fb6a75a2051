"""One file of vectors: an Arrow table photo_id → vector with the embedder's id and checksums in its metadata.

What a torn or damaged file raises is one of `DAMAGE`.
"""

import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitrine.errors import Refused

Vectors = NDArray[np.float32]

DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, Refused)


def file_name(photo_ids: Sequence[str]) -> str:
    """Named by its photos: the same batch written twice, here or on another machine, is one file."""
    return f"part-{hashlib.sha256(chr(10).join(photo_ids).encode()).hexdigest()[:24]}.arrow"


def encode(embedder_id: str, photo_ids: Sequence[str], vectors: Vectors) -> bytes:
    """The file's bytes; row i of `vectors` (n, dim) belongs to photo i."""
    dim = vectors.shape[1]
    metadata = {
        "embedder_id": embedder_id,
        "dim": str(dim),
        "vectors_crc32": str(zlib.crc32(vectors.tobytes())),
        "ids_crc32": str(zlib.crc32("\n".join(photo_ids).encode())),
    }
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), dim)
    schema = pa.schema([("photo_id", pa.string()), ("vector", column.type)], metadata=metadata)
    written = pa.BufferOutputStream()
    with pa.ipc.new_file(written, schema) as writer:
        writer.write_table(pa.table([pa.array(photo_ids, pa.string()), column], schema=schema))
    data: bytes = written.getvalue().to_pybytes()
    return data


def read_ids(path: Path, embedder_id: str, dim: int) -> list[str]:
    """The photo_ids of a file, in the order of its rows; Refused when it is another embedder's."""
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


def read_rows(path: Path, dim: int, rows: NDArray[np.intp], *, verified: bool) -> Vectors:
    """Copies of `rows` (n, dim); the file is mapped only meanwhile. Its checksum is looked at unless `verified`."""
    with pa.memory_map(str(path)) as source:
        table = _whole_table(source)
        values = _vectors_of(table, dim)
        if not verified and zlib.crc32(values.tobytes()) != int(table.schema.metadata[b"vectors_crc32"]):
            raise ValueError("the vectors do not match their checksum")
        taken: Vectors = values[rows]
        del values, table
        return taken


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
