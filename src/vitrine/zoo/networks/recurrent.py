"""Recurrent networks that read rows and columns, both ways, and look back at what they read by attention."""

import torch
from torch import nn

from vitrine.zoo.networks.seeds import CELLS
from vitrine.zoo.networks.standardize import Standardize


class Attention(nn.Module):
    """One learnt question put to all steps; the answer is their weighted mean.

    Method: Yang et al., "Hierarchical Attention Networks", 2016 (NAACL).
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.key = nn.Sequential(nn.Linear(size, size), nn.Tanh(), nn.Linear(size, 1, bias=False))

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        """(rows, steps, size) to (rows, size)."""
        return (self.key(steps).softmax(dim=1) * steps).sum(dim=1)


class _Reader(nn.Module):
    """A recurrent network over the lines of a picture; each step sees a line with its two neighbors."""

    def __init__(self, cell: str, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.cells = CELLS[cell](
            3 * 28,
            hidden,
            num_layers=layers,
            batch_first=True,
            bidirectional=True,
            dropout=dropout if layers > 1 else 0.0,
        )
        self.attention = Attention(2 * hidden)

    def forward(self, lines: torch.Tensor) -> torch.Tensor:
        """(rows, 28, 28) to (rows, 2 × hidden)."""
        padded = nn.functional.pad(lines, (0, 0, 1, 1))
        steps, _ = self.cells(torch.cat([padded[:, :-2], lines, padded[:, 2:]], dim=2))
        return self.attention(steps)


class RowsAndColumns(nn.Module):
    """Two readers, one from above and below, one from left and right; a dense layer joins them."""

    def __init__(self, cell: str = "lstm", hidden: int = 96, layers: int = 2, dropout: float = 0.2) -> None:
        super().__init__()
        self.standardize = Standardize()
        self.rows = _Reader(cell, hidden, layers, dropout)
        self.columns = _Reader(cell, hidden, layers, dropout)
        self.answer = nn.Sequential(
            nn.LayerNorm(4 * hidden), nn.Dropout(dropout), nn.Linear(4 * hidden, 128), nn.GELU(), nn.Linear(128, 10)
        )

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Scores of the ten classes."""
        lines = self.standardize(pictures)[:, 0]
        return self.answer(torch.cat([self.rows(lines), self.columns(lines.transpose(1, 2))], dim=1))
