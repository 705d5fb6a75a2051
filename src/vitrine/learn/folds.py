"""Deal whole groups into folds, every value spread as evenly as its groups allow."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError


def folds(y: NDArray[np.int64], groups: Sequence[object], *, count: int = 5, seed: int = 0) -> NDArray[np.int64]:
    """The fold (0 to count-1) of each row; rows of one group share it, and the order of rows changes nothing.

    Groups are dealt like cards, sorted by their rarest value and a hash, so that a value with few groups is
    not left to chance. With fewer groups than `count` there are as many folds as groups.
    Raises `InputError` for fewer than two groups, because then nothing can be held out.
    """
    names = np.array([str(group) for group in groups])
    if len(names) != len(y):
        raise InputError(f"{len(names)} groups for {len(y)} rows")
    unique, group_of = np.unique(names, return_inverse=True)
    if len(unique) < 2:
        raise InputError(
            f"all {len(y)} rows are one family: nothing can be held out",
            hint="label products of more families, then train again",
        )
    # One number ranks by rarity first and value second, so the scarce are dealt before the plenty.
    rarity = np.bincount(y)[y]
    rarest = np.full(len(unique), np.iinfo(np.int64).max)
    np.minimum.at(rarest, group_of, rarity * (int(y.max()) + 1) + y)
    shuffled = [sha256(f"{seed} {name}".encode()).digest() for name in unique]
    order = sorted(range(len(unique)), key=lambda i: (rarest[i], shuffled[i]))
    fold_of_group = np.empty(len(unique), dtype=np.int64)
    fold_of_group[order] = np.arange(len(unique)) % min(count, len(unique))
    return fold_of_group[group_of]
