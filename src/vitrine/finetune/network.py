"""The network that learns: a backbone, one linear head an attribute, and what its distances are pulled by."""

from collections.abc import Mapping, Sequence

import torch

from vitrine.finetune.backbone import Backbone
from vitrine.finetune.losses import ProxyAnchor


class Network(torch.nn.Module):
    """`top` holds what is thrown away after training: the heads, one an attribute in order, and the proxies."""

    def __init__(
        self, backbone: Backbone, values: Mapping[str, Sequence[str]], *, dropout: float, proxies: int = 0
    ) -> None:
        super().__init__()
        self.backbone = backbone
        heads = torch.nn.ModuleList(torch.nn.Linear(backbone.dim, len(known)) for known in values.values())
        self.top = torch.nn.ModuleDict({"heads": heads})
        if proxies:
            self.top["proxies"] = ProxyAnchor(proxies, backbone.dim)
        self.dropout = torch.nn.Dropout(dropout)
        # the heads' inputs are made even, whatever the backbone's scale, by numbers that do not learn
        self.register_buffer("center", torch.zeros(backbone.dim))
        self.register_buffer("scale", torch.ones(()))

    def logits(self, embeddings: torch.Tensor) -> list[torch.Tensor]:
        """One (n, values) tensor an attribute from embeddings (n, dim)."""
        even = self.dropout((embeddings - self.center) * self.scale)
        return [head(even) for head in self.top["heads"]]

    def measure(self, embeddings: torch.Tensor) -> None:
        """Take the center and scale of the heads' inputs from embeddings (n, dim) of the start."""
        self.center.copy_(embeddings.mean(0))
        spread = (embeddings - self.center).square().mean().sqrt()
        self.scale.copy_(1 / spread.clamp(min=1e-6))
