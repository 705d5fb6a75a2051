"""A network that starts from weights which were learnt on something else."""

from pathlib import Path

import torch
from torch import nn

from vitrine.training.loop import load_best
from vitrine.zoo.entries import entry


class Started(nn.Module):
    """The network of an entry of the zoo with learnt weights and a new last layer.

    Method: Yosinski et al., "How transferable are features in deep neural networks?", 2014 (arXiv 1411.1792).
    """

    def __init__(self, base: str, weights: str, *, frozen: bool) -> None:
        """`weights` is the folder of a training, whose best are taken; `frozen`: only the last layer learns."""
        super().__init__()
        self.network = entry(base).network()
        load_best(self.network, Path(weights))
        self._frozen = frozen
        self.network.requires_grad_(not frozen)
        last = [one for one in self.network.modules() if isinstance(one, nn.Linear)][-1]
        last.reset_parameters()
        last.requires_grad_(True)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Scores of the ten classes."""
        scores: torch.Tensor = self.network(pictures)
        return scores

    def train(self, mode: bool = True) -> "Started":
        """Frozen layers also keep the statistics of what they were learnt on."""
        super().train(mode)
        if self._frozen:
            self.network.eval()
        return self
