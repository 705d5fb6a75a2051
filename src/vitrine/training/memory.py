"""Memory while a network learns: keep what was allocated, and say which batch fits when it runs out."""

import ctypes
import sys
from collections.abc import Callable

import torch

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's names for them in malloc.h


def keep_memory() -> None:
    """Let glibc keep freed blocks of up to 1 GiB for the next step; elsewhere nothing happens.

    By default it hands them back to the kernel after every step, and faulting them in again takes up to half of an epoch.
    """
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "mallopt"):
            library.mallopt(_MMAP_THRESHOLD, 1 << 30)
            library.mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)


def out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def largest_batch(step: Callable[[int], object], size: int) -> int:
    """The largest of size/2, size/4 … 1 for which `step(rows)` has memory; 0 when none has."""
    while size > 1:
        size //= 2
        try:
            step(size)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        else:
            return size
    return 0
