"""Several networks of one entry that answer together."""

import torch
from torch import nn

from vitrine.zoo.entries import entry


class Several(nn.Module):
    """The mean of the probabilities that `members` networks of one entry give.

    Method: Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using deep ensembles", 2016
    (arXiv 1612.01474).
    """

    def __init__(self, of: str, members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(entry(of).network() for _ in range(members))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """The logarithm of the mean probability of each of the ten classes."""
        return torch.stack([member(pictures).softmax(1) for member in self.members]).mean(0).log()
