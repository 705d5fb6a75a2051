"""A whole set in memory, dealt out in batches: no worker processes, no decoding, augmentation on the batch at once.

>>> rows = Rows((torch.arange(6.0).view(6, 1), torch.arange(6)), size=4, seed=1)
>>> [len(y) for _, y in rows.epoch(1)], [len(y) for _, y in rows.epoch(1)]
([4, 2], [4, 2])
>>> torch.equal(next(iter(rows.epoch(2)))[1], next(iter(rows.epoch(2)))[1])
True
"""

from collections.abc import Callable, Iterator, Sequence

import torch

from vitrine.errors import InputError

Augment = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


class Rows:
    """Columns of equal length, the pictures first, shuffled anew in every epoch."""

    def __init__(
        self, columns: Sequence[torch.Tensor], *, size: int, seed: int, augment: Augment | None = None
    ) -> None:
        """`augment` turns the first column of a batch into what is learnt from; it draws from the generator it is given."""
        lengths = {len(column) for column in columns}
        if len(lengths) != 1 or size < 1:
            raise InputError(
                f"columns of {sorted(lengths)} rows in batches of {size}: one length and size ≥ 1 are needed"
            )
        self._columns = tuple(columns)
        self._size = size
        self._seed = seed
        self._augment = augment

    def __len__(self) -> int:
        """Batches an epoch; the last one may be smaller."""
        return -(-len(self._columns[0]) // self._size)

    def epoch(self, epoch: int) -> Iterator[tuple[torch.Tensor, ...]]:
        """The batches of an epoch; the same again for the same seed and epoch."""
        device = self._columns[0].device
        generator = torch.Generator(device).manual_seed(self._seed * 1_000_003 + epoch)
        order = torch.randperm(len(self._columns[0]), generator=generator, device=device)
        for rows in order.split(self._size):
            pictures, *others = (column[rows] for column in self._columns)
            if self._augment is not None:
                pictures = self._augment(pictures, generator)
            yield (pictures, *others)
