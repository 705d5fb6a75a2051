"""What the frozen lower blocks make of photos, computed once and kept in one mapped file."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vitrine.finetune.augment import Augmentation, augment
from vitrine.finetune.backbone import Backbone
from vitrine.finetune.pixels import Pixels
from vitrine.stores.whole import whole

_AT_ONCE = 32

Integers = NDArray[np.int64]
Kept = NDArray[np.float16]


def pictures(pixels: Pixels, photos: Integers) -> torch.Tensor:
    """Photos of (n, side, side, 3) bytes as pictures (photos, 3, side, side) in 0..255, float32, channels last in memory."""
    return torch.from_numpy(pixels[photos]).permute(0, 3, 1, 2).float()


def keep_base(
    path: Path,
    backbone: Backbone,
    blocks: int,
    pixels: Pixels,
    photos: Integers,
    *,
    views: int = 1,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    bf16: bool = False,
    on_photos: Callable[[int], None] = lambda photos: None,
) -> Kept:
    """What the first `blocks` blocks make of `views` views of photos: (views, photos, …) in half precision.

    The same seed draws the same views, and the random numbers of the training are not touched. Made once; `on_photos` hears
    how many photos were done just now. StorageError on a full disk.
    """
    if not path.exists():
        with (
            whole(path, hint="free some space, or keep fewer views: --views 0") as temporary,
            open(temporary, "wb") as file,
        ):
            made = _made(backbone, blocks, pixels, photos, views, augmentation, seed, bf16)
            first = next(made)
            header = {"descr": "<f2", "fortran_order": False, "shape": (views, len(photos), *first.shape[1:])}
            np.lib.format.write_array_header_2_0(file, header)
            for values in chain([first], made):
                file.write(values.tobytes())
                on_photos(len(values))
    kept: Kept = np.load(path, mmap_mode="r", allow_pickle=False)
    return kept


@torch.no_grad()
def _made(
    backbone: Backbone,
    blocks: int,
    pixels: Pixels,
    photos: Integers,
    views: int,
    augmentation: Augmentation | None,
    seed: int,
    bf16: bool,
) -> Iterator[Kept]:
    for view in range(views):
        for number, start in enumerate(range(0, len(photos), _AT_ONCE)):
            shown = pictures(pixels, photos[start : start + _AT_ONCE])
            if augmentation is not None:
                with torch.random.fork_rng():
                    torch.manual_seed((seed * 1_009 + view) * 1_000_003 + number)
                    shown = augment(shown, augmentation)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                values = backbone.lower(backbone.normalize(shown), blocks)
            yield values.contiguous().half().numpy()
