"""The brand study: what augmentation, optimizer, depth and length do for a small network on few photos of shoes.

Every variation is trained anew in each fold of a family-safe cross-validation, which is repeated with other folds; nothing
is chosen by what the held-out fold says. A score is the share of all photos that were answered right while held out.
"""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from vitrine.learn.folds import folds
from vitrine.training.augment import distort, flip
from vitrine.training.loop import Rule, Training, train
from vitrine.zoo.classify_task import ClassifyTask, optimization
from vitrine.zoo.data import Part
from vitrine.zoo.entries import Recipe
from vitrine.zoo.networks.photo_cnn import photo_cnn
from vitrine.zoo.outcomes import Outcome, keep, read
from vitrine.zoo.photos import PhotoSet
from vitrine.zoo.run import code_version, device_here, in_bf16
from vitrine.zoo.studies import BRANDS

SIDE = 64
FOLDS = 5


@dataclass(frozen=True, slots=True)
class BrandVariation:
    """One line of the study. `strength` 1 distorts as the course does, 0 not at all."""

    label: str
    recipe: Recipe
    strength: float = 0.0
    blocks: int = 3


_BASE = BrandVariation("base", Recipe(20, 16, "adam", 1e-3, bf16=True))
_LONG = replace(_BASE.recipe, epochs=40)
VARIATIONS = (
    _BASE,
    replace(_BASE, label="half the augmentation", strength=0.5),
    replace(_BASE, label="augmentation", strength=1.0),
    replace(_BASE, label="twice the augmentation", strength=2.0),
    *(replace(_BASE, label=one, recipe=replace(_BASE.recipe, optimizer=one)) for one in ("nadam", "adamw", "adamax")),
    replace(_BASE, label="2 blocks", blocks=2),
    replace(_BASE, label="4 blocks", blocks=4),
    replace(_BASE, label="40 epochs", recipe=_LONG),
    replace(_BASE, label="augmentation, 40 epochs", strength=1.0, recipe=_LONG),
)


class BrandTask(ClassifyTask):
    """Brands instead of garments, with distortions and mirror images instead of shifts."""

    def __init__(
        self, variation: BrandVariation, values: int, learnt: Part, held_out: Part, *, seed: int, device: str
    ) -> None:
        self._strength = variation.strength
        side = learnt.pictures.shape[-1]
        network = photo_cnn(values, side, variation.blocks)
        super().__init__(network, variation.recipe, learnt, held_out, seed=seed, device=device)

    def _augment(self, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if self._strength:
            pictures = flip(distort(pictures, generator, strength=self._strength), generator)
        return super()._augment(pictures, generator)


def study_brands(
    photos: PhotoSet,
    home: Path,
    *,
    repeats: int,
    variations: tuple[BrandVariation, ...] = VARIATIONS,
    on_epoch: Callable[[str, Training], object] = lambda what, training: None,
) -> list[Outcome]:
    """The outcomes of all variations in `repeats` cross-validations; those that are known are not trained again."""
    outcomes = [one for one in read(BRANDS, home) if one.data_id == photos.data_id]
    known = {(one.variation, one.seed) for one in outcomes}
    for repeat in range(repeats):
        fold_of = folds(photos.part.labels, photos.families, count=FOLDS, seed=repeat)
        for variation in variations:
            if (variation.label, repeat) in known:
                continue
            trained = [
                _train_fold(photos, variation, repeat, fold, fold_of == fold, home, on_epoch) for fold in range(FOLDS)
            ]
            sizes = np.bincount(fold_of, minlength=FOLDS)
            scores = np.average([[e.score for e in one.history] for one in trained], axis=0, weights=sizes)
            seconds = sum(epoch.cpu_seconds for one in trained for epoch in one.history)
            rounded = [round(float(score), 4) for score in scores]
            outcomes.append(
                Outcome(variation.label, repeat, rounded, round(seconds, 1), photos.data_id, code_version())
            )
            keep(home, BRANDS, outcomes)
            shutil.rmtree(home / "runs" / BRANDS)  # a study keeps what it found, not its weights
    return outcomes


def _train_fold(
    photos: PhotoSet,
    variation: BrandVariation,
    repeat: int,
    fold: int,
    held_out: np.ndarray[tuple[int], np.dtype[np.bool_]],
    home: Path,
    on_epoch: Callable[[str, Training], object],
) -> Training:
    part, seed = photos.part, repeat * FOLDS + fold
    learnt = Part(part.pictures[~held_out], part.labels[~held_out])
    judged = Part(part.pictures[held_out], part.labels[held_out])
    torch.manual_seed(seed)
    task = BrandTask(variation, len(photos.values), learnt, judged, seed=seed, device=device_here())
    folder = home / "runs" / BRANDS / f"{variation.label.replace(' ', '-')}.{repeat}.{fold}"
    how = optimization(task.network, variation.recipe, len(task.rows))
    identity = asdict(variation) | {"repeat": repeat, "fold": fold, "data": photos.data_id}
    what = f"{variation.label}, repeat {repeat + 1}, fold {fold + 1}"
    rule = Rule(epochs=variation.recipe.epochs, seed=seed, bf16=in_bf16(variation.recipe))
    return train(task, how, rule, folder, identity=identity, on_epoch=partial(on_epoch, what))
