"""What a network must offer to be fine-tuned: blocks from the picture up, so that the lower ones can stay frozen."""

from abc import abstractmethod
from collections.abc import Sequence

import torch

Triple = tuple[float, float, float]
EMBEDDING = "embedding"


class Backbone(torch.nn.Module):
    """A network from pictures (n, 3, side, side) to embeddings (n, dim), in `len(depths)` blocks.

    Pictures are RGB in 0..255; `mean` and `std` are in the same units and are applied by `normalize`. Where `divisible`,
    the blocks follow one another and `lower` and `upper` cut between them; elsewhere `lower` gives the picture itself until
    the whole network is asked for. The embedding is what learns; `see` may give more vectors, named by `outputs`.
    """

    mean: Triple
    std: Triple
    size: int
    dim: int
    divisible: bool

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what `see` gives, the embedding first."""
        return (EMBEDDING,)

    def see(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Normalized pictures to all vectors (n, …) that tell what is on them, the embedding first."""
        return (self(pictures),)

    @abstractmethod
    def depths(self) -> Sequence[torch.nn.Module]:
        """The blocks from the picture up; together they hold every parameter once."""

    @abstractmethod
    def lower(self, pictures: torch.Tensor, blocks: int) -> torch.Tensor:
        """What the first `blocks` blocks make of normalized pictures; all of them give the embedding."""

    @abstractmethod
    def upper(self, values: torch.Tensor, blocks: int) -> torch.Tensor:
        """The embedding (n, dim) from what `lower` gave for the same number of blocks."""

    def normalize(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures in 0..255 as the network expects them."""
        mean = torch.tensor(self.mean, device=pictures.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=pictures.device).view(1, 3, 1, 1)
        return (pictures - mean) / std

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Normalized pictures (n, 3, side, side) to embeddings (n, dim)."""
        return self.lower(pictures, len(self.depths()))

    def learn_only(self, blocks: int) -> None:
        """Let the last `blocks` blocks learn and freeze those below, their batch statistics included."""
        depths = self.depths()
        self.eval()
        for number, block in enumerate(depths):
            learns = number >= len(depths) - blocks
            block.train(learns)
            for parameter in block.parameters():
                parameter.requires_grad_(learns)
