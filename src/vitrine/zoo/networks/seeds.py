"""The three networks of the course study as it describes them, arranged and started as Keras does.

The study gives layers, activations and totals of parameters. Where it leaves something open, this is the one arrangement
that has its total: the CNN ends in a dense layer of 16 with batch normalization, the SimpleRNN in batch normalization, the
bidirectional LSTM in dense layers of 256 and 128. Batch normalization counts its running mean and variance, as Keras does.
"""

import torch
from torch import nn

CLASSES = 10
CELLS = {"tanh": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
_ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU}
_KERAS_BATCH_NORM = {"eps": 1e-3, "momentum": 0.01}


def cnn(activation: str = "tanh", *, blocks: int = 3) -> nn.Module:
    """`blocks` times two convolutions of 32, 64, 128 … filters, pooling and dropout 0.2, 0.3, 0.4 …; 306,906 parameters."""
    act = _ACTIVATIONS[activation]
    layers: list[nn.Module] = []
    channels, side = 1, 28
    for block in range(blocks):
        filters = 32 * 2**block
        for _ in range(2):
            layers += [nn.Conv2d(channels, filters, 3, padding=1), act(), nn.BatchNorm2d(filters, **_KERAS_BATCH_NORM)]
            channels = filters
        layers += [nn.MaxPool2d(2), _Dropout(0.2 + 0.1 * block)]
        side //= 2
    layers += [nn.Flatten(), nn.Linear(channels * side * side, 16), act(), nn.BatchNorm1d(16, **_KERAS_BATCH_NORM)]
    return _glorot(nn.Sequential(*layers, nn.Linear(16, CLASSES)))


class _Dropout(nn.Module):
    """Dropout by 16 random bits an element: torch's draws one number an element, on one core, for an eighth of an epoch."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device).random_(-(2**63), None)
        drawn = words.view(torch.int16)[: x.numel()].as_strided(x.shape, x.stride())
        kept = (drawn >= round(self.share * 2**16) - 2**15).to(x.dtype)
        return x * kept.mul_(1 / (1 - self.share))


class RowByRow(nn.Module):
    """Reads a picture row by row through layers of `sizes`; 135,498 parameters with tanh cells of 256, 128, 64."""

    def __init__(self, cell: str = "tanh", sizes: tuple[int, ...] = (256, 128, 64)) -> None:
        super().__init__()
        pairs = zip((28, *sizes[:-1]), sizes, strict=True)
        self.layers = nn.ModuleList(_like_keras(CELLS[cell](wide, size, batch_first=True)) for wide, size in pairs)
        self.norm = nn.BatchNorm1d(sizes[-1], **_KERAS_BATCH_NORM)
        self.answer = _glorot(nn.Linear(sizes[-1], CLASSES))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Scores of the ten classes."""
        steps = pictures[:, 0]
        for layer in self.layers:
            steps, _ = layer(steps)
        return self.answer(self.norm(steps[:, -1]))


class BiLstm(nn.Module):
    """Reads rows from above and from below: LSTM layers of 256 and 128 both ways, then dense layers; 1,340,042 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _like_keras(nn.LSTM(28, 256, batch_first=True, bidirectional=True))
        self.second = _like_keras(nn.LSTM(512, 128, batch_first=True, bidirectional=True))
        dense = [nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, CLASSES)]
        self.dense = _glorot(nn.Sequential(*dense))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Scores of the ten classes."""
        steps, _ = self.first(pictures[:, 0])
        _, (last, _) = self.second(steps)
        return self.dense(torch.cat([last[0], last[1]], dim=1))


def _glorot(module: nn.Module) -> nn.Module:
    """Keras starts kernels by Glorot and Bengio (2010), uniform, and biases at zero."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)
    return module


def _like_keras(layer: nn.RNNBase) -> nn.RNNBase:
    """One bias a gate (torch has two), orthogonal recurrent weights, and an LSTM that forgets nothing at first."""
    for name, parameter in layer.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(parameter)
        elif name.startswith("weight_hh"):
            for gate in parameter.data.split(layer.hidden_size):
                nn.init.orthogonal_(gate)
        else:
            nn.init.zeros_(parameter)
            parameter.requires_grad_(not name.startswith("bias_hh"))
            if isinstance(layer, nn.LSTM) and name.startswith("bias_ih"):
                nn.init.ones_(parameter.data[layer.hidden_size : 2 * layer.hidden_size])
    return layer
