"""The task of the zoo: tell classes apart, from pictures held in memory."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, pad

from vitrine.errors import InputError
from vitrine.training.augment import erase, flip, shift
from vitrine.training.batches import Rows
from vitrine.training.loop import Batch, Optimization, Validation
from vitrine.zoo.data import Part
from vitrine.zoo.entries import Recipe

_AT_ONCE = 1_000  # pictures answered at a time
_RISE = 0.2  # share of a one-cycle training in which the rate rises
_WARM = 0.15  # the same of a warm cosine

_OPTIMIZERS: dict[str, Callable[[list[torch.Tensor], float, float], torch.optim.Optimizer]] = {
    "sgd": lambda weights, rate, decay: torch.optim.SGD(
        weights, rate, momentum=0.9 if decay else 0.0, nesterov=bool(decay), weight_decay=decay
    ),
    "adam": lambda weights, rate, decay: torch.optim.Adam(weights, rate, eps=1e-7, weight_decay=decay),
    "adamw": lambda weights, rate, decay: torch.optim.AdamW(weights, rate, weight_decay=decay),
    "nadam": lambda weights, rate, decay: torch.optim.NAdam(weights, rate, eps=1e-7, weight_decay=decay),
    "adamax": lambda weights, rate, decay: torch.optim.Adamax(weights, rate, eps=1e-7, weight_decay=decay),
    "rmsprop": lambda weights, rate, decay: torch.optim.RMSprop(weights, rate, alpha=0.9, eps=1e-7, weight_decay=decay),
}  # fmt: skip

# the learning rate as a share of the recipe's, by how much of the training is done
_SCHEDULES: dict[str, Callable[[float], float]] = {
    # Smith and Topin, "Super-Convergence", 2017 (arXiv 1708.07120)
    "one-cycle": lambda done: min(done / _RISE, (1 - done) / (1 - _RISE)),
    # Loshchilov and Hutter, "SGDR", 2016 (arXiv 1608.03983)
    "cosine": lambda done: _cosine(done),
    "warm-cosine": lambda done: _warm_cosine(done),
    "two-warm-cosines": lambda done: _warm_cosine(2 * done % 1),  # one restart
}


def _cosine(done: float) -> float:
    return (1 + math.cos(math.pi * done)) / 2


def _warm_cosine(done: float) -> float:
    return done / _WARM if done < _WARM else _cosine((done - _WARM) / (1 - _WARM))


class ClassifyTask:
    """Cross-entropy of one class a picture; the validation's score is the accuracy."""

    def __init__(
        self, network: torch.nn.Module, recipe: Recipe, learnt: Part, validation: Part, *, seed: int, device: str
    ) -> None:
        self.network = network.to(device, memory_format=torch.channels_last)
        self._recipe = recipe
        self._validation = validation
        columns = (as_tensor(learnt, device), torch.from_numpy(learnt.labels).to(device))
        self.rows = Rows(columns, size=recipe.batch, seed=seed, augment=self._augment)

    def begin(self, epoch: int) -> None:
        """All layers learn."""
        self.network.train()

    def batches(self, epoch: int) -> Iterable[Batch]:
        """The epoch's batches, augmented."""
        return self.rows.epoch(epoch)

    def loss(self, batch: Batch) -> torch.Tensor:
        """Cross-entropy with the recipe's smoothing."""
        return cross_entropy(self.network(batch[0]), batch[1], label_smoothing=self._recipe.smoothing)

    def validate(self) -> Validation:
        """Accuracy and cross-entropy (nats) on the validation part, in float32."""
        scores = answer(self.network, self._validation, views=2 if self._recipe.mirror else 1)
        labels = self._validation.labels
        surprise = -np.log(np.maximum(scores[np.arange(len(labels)), labels], 1e-12))
        return Validation(float((scores.argmax(1) == labels).mean()), {"validation_loss": float(surprise.mean())})

    def _augment(self, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        recipe = self._recipe
        if recipe.flip:
            pictures = flip(pictures, generator)
        if recipe.shift:
            pictures = shift(pictures, generator, by=recipe.shift)
        if recipe.erase:
            pictures = erase(pictures, generator, share=recipe.erase, largest=0.5)
        return pictures.contiguous(memory_format=torch.channels_last)


def as_tensor(part: Part, device: str) -> torch.Tensor:
    """Pictures as float32 in 0..1, shape (n, channels, height, width); gray ones have one channel."""
    pictures = torch.from_numpy(part.pictures.astype(np.float32) / 255)
    return (pictures.unsqueeze(1) if pictures.ndim == 3 else pictures).to(device)


def answer(network: torch.nn.Module, part: Part, *, views: int) -> NDArray[np.float32]:
    """Probabilities (n, classes) for every picture of a part, in float32: the mean over so many `views` of it.

    1 is the picture, 2 with its mirror image, 10 with both moved by a pixel up, down, left and right.
    """
    network.eval()
    device = next(network.parameters()).device
    pictures = as_tensor(part, str(device))
    found = []
    with torch.no_grad():
        for some in pictures.split(_AT_ONCE):
            scores = [network(view).softmax(1) for view in islice(_views(some), views)]
            found.append(torch.stack(scores).mean(0))
    probabilities: NDArray[np.float32] = torch.cat(found).cpu().numpy()
    return probabilities


def _views(pictures: torch.Tensor) -> Iterator[torch.Tensor]:
    both = (pictures, pictures.flip(-1))
    yield from both
    for one in both:
        padded = pad(one, (1, 1, 1, 1))
        height, width = one.shape[-2:]
        for down, right in ((0, 1), (2, 1), (1, 0), (1, 2)):
            yield padded[..., down : down + height, right : right + width]


def optimization(network: torch.nn.Module, recipe: Recipe, steps: int) -> Optimization:
    """The recipe's optimizer and schedule for so many steps an epoch. InputError for a name that is not known."""
    if recipe.optimizer not in _OPTIMIZERS:
        raise InputError(f"there is no optimizer '{recipe.optimizer}' ({', '.join(_OPTIMIZERS)})")
    weights = [one for one in network.parameters() if one.requires_grad]
    optimizer = _OPTIMIZERS[recipe.optimizer](weights, recipe.rate, recipe.weight_decay)
    if recipe.schedule == "constant":
        return Optimization(optimizer)
    if recipe.schedule not in _SCHEDULES:
        raise InputError(f"there is no schedule '{recipe.schedule}' (constant, {', '.join(_SCHEDULES)})")
    factor, total = _SCHEDULES[recipe.schedule], steps * recipe.epochs
    return Optimization(optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(step / total)))
