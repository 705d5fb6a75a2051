"""Photos as squares of bytes in one file that is mapped: decoded once, then read at the speed of memory."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitrine.embed.preprocess import preprocess
from vitrine.errors import StorageError
from vitrine.stores.whole import whole

Pixels = NDArray[np.uint8]

_AT_ONCE = 256


def keep_pixels(
    photo_ids: Sequence[str],
    load: Callable[[str], Pixels],
    *,
    side: int,
    cleaning_id: str,
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Pixels:
    """The photos as (n, side, side, 3), row i for photo i, fitted whole on white as the embedder does.

    `load(photo_id)` gives a photo's RGB pixels. The file is made once for the same photos, side and cleaning. Raises
    StorageError when the disk is full.
    """
    content = "\n".join([f"{side} {cleaning_id}", *photo_ids])
    path = folder / f"pixels-{hashlib.sha256(content.encode()).hexdigest()[:16]}.npy"
    if not path.exists():
        with whole(path, hint="free some space and run the same command again") as temporary:
            _write(temporary, photo_ids, load, side, on_progress)
        for other in folder.glob("pixels-*.npy"):
            if other != path:
                other.unlink()  # of a catalog as it was; who still reads it keeps it until then
    try:
        mapped: Pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{path} cannot be read: {error}", hint=f"delete it, it is made anew: rm '{path}'"
        ) from error
    return mapped


def _write(
    path: Path,
    photo_ids: Sequence[str],
    load: Callable[[str], Pixels],
    side: int,
    on_progress: Callable[[int, int], None],
) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(photo_ids), side, side, 3)}
    # written, not mapped: on a full disk a mapped file ends the process, a written one raises
    with open(path, "wb") as file, ThreadPoolExecutor() as threads:
        np.lib.format.write_array_header_2_0(file, header)
        for start in range(0, len(photo_ids), _AT_ONCE):
            some = photo_ids[start : start + _AT_ONCE]
            for square in threads.map(lambda photo_id: preprocess(load(photo_id), side, "pad"), some):
                file.write(square.tobytes())
            on_progress(start + len(some), len(photo_ids))
