"""Optimizers and schedules: the heads learn fastest, each block below the last slower than the one above it."""

import math
from collections.abc import Callable
from typing import Any

import torch

from vitrine.finetune.network import Network
from vitrine.finetune.recipe import OptimizerName, Recipe
from vitrine.training.loop import Optimization

WARM_UP = 0.1  # of all steps
_LEAST = 0.01  # of the rate, at the end of the cosine

_OPTIMIZERS: dict[OptimizerName, Callable[[list[dict[str, Any]]], torch.optim.Optimizer]] = {
    "adamw": lambda groups: torch.optim.AdamW(groups),
    "adam": lambda groups: torch.optim.Adam(groups),
    "nadam": lambda groups: torch.optim.NAdam(groups),
    "adamax": lambda groups: torch.optim.Adamax(groups),
    "sgd": lambda groups: torch.optim.SGD(groups, momentum=0.9, nesterov=True),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, alpha=0.9, momentum=0.9),
}


def optimization(network: Network, recipe: Recipe, *, steps: int) -> Optimization:
    """The optimizer over all parameters, frozen ones too (they are skipped), and its schedule over `steps` steps.

    `cosine` warms up and falls to a hundredth (Loshchilov and Hutter 2017); `plateau` divides the rate by 3 after 2 epochs
    without a better score.
    """
    optimizer = _OPTIMIZERS[recipe.optimizer](_groups(network, recipe))
    if recipe.schedule == "plateau":
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=1 / 3, patience=2)
        return Optimization(optimizer, plateau=plateau)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _cosine(step / max(1, steps)))
    return Optimization(optimizer, schedule=schedule)


def _cosine(done: float) -> float:
    if done < WARM_UP:
        return max(_LEAST, done / WARM_UP)
    return _LEAST + (1 - _LEAST) / 2 * (1 + math.cos(math.pi * min(1.0, (done - WARM_UP) / (1 - WARM_UP))))


def _groups(network: Network, recipe: Recipe) -> list[dict[str, Any]]:
    """Per block, and for the heads, one group that decays (weights) and one that does not (biases and scales)."""
    depths = network.backbone.depths()
    rated = []
    for number, block in enumerate(depths):
        below_last = len(depths) - 1 - number
        rated.append((block, recipe.rate * recipe.backbone_share * recipe.depth_decay**below_last))
    rated.append((network.top, recipe.rate))
    groups = []
    for module, rate in rated:
        every = list(module.parameters())
        for decay, some in (
            (recipe.weight_decay, [one for one in every if one.ndim > 1]),
            (0.0, [one for one in every if one.ndim <= 1]),
        ):
            if some:
                groups.append({"params": some, "lr": rate, "weight_decay": decay})
    return groups
