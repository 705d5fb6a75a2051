"""What a network is punished for: wrong values of labelled attributes, and neighbors that are not alike."""

import torch
from torch.nn import functional

from vitrine.finetune.examples import MISSING

_NEVER = -1e4  # no infinity: the gradient of a column that has nothing else would be no number


def attribute_loss(logits: list[torch.Tensor], targets: torch.Tensor, *, smoothing: float) -> torch.Tensor:
    """Cross-entropy, the mean over the labelled rows of each attribute, then over attributes; unlabelled rows are masked.

    `logits[a]` is (n, values of a), `targets` (n, attributes) with MISSING where there is no label. A batch without any
    label has a loss of 0.
    """
    losses = []
    for column, scores in enumerate(logits):
        wanted = targets[:, column]
        labelled = int((wanted != MISSING).sum())
        total = functional.cross_entropy(
            scores.float(), wanted, ignore_index=MISSING, label_smoothing=smoothing, reduction="sum"
        )
        losses.append(total / max(labelled, 1))
    return torch.stack(losses).mean()


def contrastive_loss(embeddings: torch.Tensor, groups: torch.Tensor, *, temperature: float = 0.1) -> torch.Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, arXiv 2004.11362): rows of one group attract each other.

    `embeddings` (n, dim) need no length; `groups` (n,) may hold MISSING, a row that attracts and is attracted by nobody.
    """
    unit = functional.normalize(embeddings.float(), dim=1)
    alike = unit @ unit.T / temperature
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    log_share = alike - alike.masked_fill(itself, float("-inf")).logsumexp(1, keepdim=True)
    pairs = (groups[:, None] == groups[None, :]) & (groups[:, None] != MISSING) & ~itself
    counts = pairs.sum(1)
    chosen = counts > 0
    if not bool(chosen.any()):
        return embeddings.sum() * 0.0
    means = (log_share.masked_fill(~pairs, 0.0).sum(1)[chosen]) / counts[chosen]
    return -means.mean()


class ProxyAnchor(torch.nn.Module):
    """Proxy anchor loss (Kim et al. 2020, arXiv 2003.13911): each group has a proxy that attracts its rows.

    Margin 0.1 and scale 32 are the paper's.
    """

    def __init__(self, groups: int, dim: int, *, margin: float = 0.1, scale: float = 32.0) -> None:
        super().__init__()
        self.proxies = torch.nn.Parameter(torch.randn(groups, dim))
        self.margin, self.scale = margin, scale

    def forward(self, embeddings: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
        """The loss of embeddings (n, dim) whose groups are (n,), MISSING for rows that are in none."""
        known = groups != MISSING
        unit = functional.normalize(embeddings[known].float(), dim=1)
        alike = unit @ functional.normalize(self.proxies.float(), dim=1).T
        own = functional.one_hot(groups[known], len(self.proxies)).bool()
        near = (-self.scale * (alike - self.margin)).masked_fill(~own, _NEVER)
        far = (self.scale * (alike + self.margin)).masked_fill(own, _NEVER)
        present = own.any(0)
        attraction = functional.softplus(near[:, present].logsumexp(0)).sum() / max(int(present.sum()), 1)
        repulsion = functional.softplus(far.logsumexp(0)).mean()
        return attraction + repulsion


def distance(embeddings: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """Mean of 1 - cosine between embeddings (n, dim) and those a teacher gives for the same pictures."""
    return 1 - functional.cosine_similarity(embeddings.float(), taught.float(), dim=1).mean()
