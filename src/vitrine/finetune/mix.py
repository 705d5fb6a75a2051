"""Mix the pictures of a batch with each other: mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019)."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Mixed:
    """A batch in which row i is `share` itself and for the rest row `other[i]`; so are its labels."""

    values: torch.Tensor
    other: torch.Tensor
    share: float


def mix(values: torch.Tensor, *, mixup: float, cutmix: float) -> Mixed:
    """Mix pictures or maps (n, columns, side, side); vectors (n, columns) can only be mixed up.

    `mixup` and `cutmix` are the parameters of the beta distributions of the share, 0 for none; with both, a coin decides.
    """
    n = len(values)
    cuts = cutmix > 0 and values.ndim == 4 and (mixup <= 0 or bool(torch.rand(()) < 0.5))
    alpha = cutmix if cuts else mixup
    if alpha <= 0 or n < 2:
        return Mixed(values, torch.arange(n), 1.0)
    other = torch.randperm(n)
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    if cuts:
        return _cut(values, other, share)
    return Mixed(torch.lerp(values[other], values, share), other, share)


def _cut(values: torch.Tensor, other: torch.Tensor, share: float) -> Mixed:
    """Paste a window of another row over each row; the share is what is left of it to the pixel."""
    height, width = values.shape[2:]
    tall, wide = round(height * (1 - share) ** 0.5), round(width * (1 - share) ** 0.5)
    top = int(torch.randint(height - tall + 1, ()))
    left = int(torch.randint(width - wide + 1, ()))
    mixed = values.clone()
    window = (slice(None), slice(None), slice(top, top + tall), slice(left, left + wide))
    mixed[window] = values[other][window]
    return Mixed(mixed, other, 1 - tall * wide / (height * width))
