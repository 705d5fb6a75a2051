"""Several embedders side by side: their blocks concatenated, each normalized to length one."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vitrine.embed.embedder import Block, Embedder, embedder_id
from vitrine.errors import InputError


class Composite:
    """Concatenates the vectors of `parts`; every block of every part has length one (or stays zero).

    Color needs color features beside a network that was trained to ignore color; normalizing by block keeps
    the larger numbers of one part from drowning the other.
    """

    def __init__(self, parts: Sequence[Embedder]) -> None:
        if not parts:
            raise InputError(
                "a composite embedder needs at least one part", hint="set color_shape = true under [embedder]"
            )
        self.parts = tuple(parts)

    @cached_property
    def id(self) -> str:
        """The embedder's name and a hash of its contract."""
        return embedder_id("composite", self.contract)

    @property
    def contract(self) -> dict[str, object]:
        """Everything that changes a vector."""
        return {
            "kind": "composite",
            "version": 1,
            "parts": [part.contract for part in self.parts],
            "normalization": "l2-by-block",
            "blocks": [[block.name, block.start, block.stop] for block in self.blocks],
        }

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Column ranges that belong together."""
        blocks: list[Block] = []
        start = 0
        for number, part in enumerate(self.parts):
            kind = part.id.rpartition("-")[0]
            taken = {block.name.partition(".")[0] for block in blocks}
            prefix = f"{kind}-{number}" if kind in taken else kind
            for block in part.blocks:
                name = prefix if len(part.blocks) == 1 else f"{prefix}.{block.name}"
                blocks.append(Block(name, start + block.start, start + block.stop))
            start += part.dim
        return tuple(blocks)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.blocks[-1].stop

    @property
    def side(self) -> int:
        """The shortest side in pixels that is of use to the most demanding part."""
        return max(part.side for part in self.parts)

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Vectors (n, dim) of RGB images of any sizes."""
        # side by side: a network leaves the interpreter free while it computes
        with ThreadPoolExecutor(len(self.parts)) as threads:
            vectors = np.concatenate(list(threads.map(lambda part: part.embed(images), self.parts)), axis=1)
        for block in self.blocks:
            columns = vectors[:, block.start : block.stop]
            columns /= np.maximum(_row_lengths(columns), np.float32(1e-12))
        return vectors


def _row_lengths(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    # row by row: the order of summation must not depend on the batch
    lengths = [np.sqrt(np.dot(row, row)) for row in np.ascontiguousarray(columns)]
    return np.asarray(lengths, np.float32).reshape(-1, 1)
