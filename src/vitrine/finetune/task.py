"""Learn every attribute of a taxonomy at once from photos, as a task for the training loop."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.finetune.augment import augment
from vitrine.finetune.base import Kept, keep_base, pictures
from vitrine.finetune.examples import MISSING, Examples
from vitrine.finetune.losses import attribute_loss, contrastive_loss, distance
from vitrine.finetune.mix import Mixed, mix
from vitrine.finetune.network import Network
from vitrine.finetune.pixels import Pixels
from vitrine.finetune.recall import recall_at_1
from vitrine.finetune.recipe import FAMILY, Recipe, Stage
from vitrine.training.loop import Batch, Validation

Integers = NDArray[np.int64]

_JUDGED_AT_ONCE = 32


class LearnAttributes:
    """The training loop's task: `learning` and `judging` are rows of `rows`, of different families.

    A batch is (inputs, targets, groups): pictures, or what the frozen blocks made of them, with the labels of each row and
    what it attracts. The score is the mean accuracy over attributes, with a metric objective averaged with fine recall@1.
    """

    def __init__(
        self,
        network: Network,
        pixels: Pixels,
        rows: Examples,
        learning: Integers,
        judging: Integers,
        recipe: Recipe,
        folder: Path,
        *,
        on_photos: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self.network = network
        self._on_photos, self._done = on_photos, 0
        self._pixels, self._rows, self._recipe, self._folder = pixels, rows, recipe, folder
        self._learning, self._judging = learning, judging
        self._start = copy.deepcopy(network.backbone).eval() if recipe.keep else None
        self._groups = torch.from_numpy(groups(rows, recipe))
        self._weights = torch.from_numpy(draw_weights(rows.targets[learning])) if recipe.balanced else None
        self._of = len(network.backbone.depths())
        self._stage, self._frozen = recipe.stages[0], self._of

    def begin(self, epoch: int) -> None:
        """The heads and the last blocks of the epoch's stage learn."""
        self._done = self._planned(epoch - 1)
        self._stage = self._recipe.stage(epoch)
        self._frozen = self._stage.frozen(self._of)
        self.network.train()
        self.network.backbone.learn_only(self._of - self._frozen)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Every learning row once (or as often as it is drawn), in batches of even size."""
        n = len(self._learning)
        order = torch.randperm(n) if self._weights is None else torch.multinomial(self._weights, n, replacement=True)
        kept = self._kept_views()
        for places in order.tensor_split(-(-n // self._recipe.batch)):
            rows = torch.from_numpy(self._learning)[places]
            columns = (torch.from_numpy(self._rows.targets)[rows], self._groups[rows])
            views = [self._inputs(kept, places.numpy(), epoch + look) for look in range(self._recipe.looks)]
            yield torch.cat(views), *(torch.cat([column] * len(views)) for column in columns)
            self._count(len(places) * len(views))

    def loss(self, batch: Batch) -> torch.Tensor:
        """Masked cross-entropy over attributes, and what the recipe adds."""
        inputs, targets, own_groups = batch
        recipe, backbone = self._recipe, self.network.backbone
        mixed = mix(inputs, mixup=recipe.augmentation.mixup, cutmix=recipe.augmentation.cutmix)
        values = mixed.values
        if not self._keeps_base:
            with torch.no_grad():
                values = backbone.lower(values, self._frozen)
        embeddings = backbone.upper(values, self._frozen)
        total = self._attribute_loss(self.network.logits(embeddings), targets, mixed)
        if recipe.metric is not None:
            total = total + recipe.metric.weight * self._metric_loss(embeddings, own_groups)
        if self._start is not None:
            with torch.no_grad():
                taught = self._start.upper(values, self._frozen)
            total = total + recipe.keep * distance(embeddings, taught)
        return total

    def _attribute_loss(self, logits: list[torch.Tensor], targets: torch.Tensor, mixed: Mixed) -> torch.Tensor:
        smoothing = self._recipe.smoothing
        own = attribute_loss(logits, targets, smoothing=smoothing)
        if mixed.share == 1.0:
            return own
        return mixed.share * own + (1 - mixed.share) * attribute_loss(logits, targets[mixed.other], smoothing=smoothing)

    def _metric_loss(self, embeddings: torch.Tensor, own_groups: torch.Tensor) -> torch.Tensor:
        if "proxies" in self.network.top:
            made: torch.Tensor = self.network.top["proxies"](embeddings, own_groups)
            return made
        return contrastive_loss(embeddings, own_groups)

    @torch.no_grad()
    def validate(self) -> Validation:
        """Accuracy per attribute, and recall@1, on rows whose families were not learnt from."""
        self.network.eval()
        embeddings = self._judged()
        targets = self._rows.targets[self._judging]
        figures = {}
        for column, (name, scores) in enumerate(zip(self._rows.values, self.network.logits(embeddings), strict=True)):
            known = targets[:, column] != MISSING
            if known.any():
                right = scores.argmax(1).numpy()[known] == targets[known, column]
                figures[f"accuracy.{name}"] = float(right.mean())
        score = float(np.mean(list(figures.values()))) if figures else 0.0
        family = self._rows.family[self._judging]
        recalls = recall_at_1(embeddings.float().numpy(), family, targets, list(self._rows.values))
        figures |= {f"recall@1.{name}": share for name, share in recalls.items()}
        if self._recipe.metric is not None:
            score = (score + recalls.get("fine", 0.0)) / 2
        return Validation(score, figures)

    @torch.no_grad()
    def embed(self, rows: Integers) -> torch.Tensor:
        """Embeddings (rows, dim) of unchanged pictures."""
        backbone = self.network.backbone
        made = []
        for some in np.array_split(rows, -(-len(rows) // _JUDGED_AT_ONCE)):
            shown = pictures(self._pixels, self._rows.photo[some])
            made.append(backbone(backbone.normalize(shown)))
        return torch.cat(made)

    def _planned(self, epochs: int) -> int:
        """How many photos go through the network in the first `epochs` epochs, those that are kept included."""
        stages = [self._recipe.stage(epoch) for epoch in range(1, epochs + 1)]
        looks = self._recipe.looks * len(stages)
        return (looks + sum(self._views(stage) for stage in dict.fromkeys(stages))) * len(self._learning)

    def _count(self, photos: int) -> None:
        self._done += photos
        self._on_photos(self._done, self._planned(self._recipe.epochs))

    def _views(self, stage: Stage) -> int:
        """How many views are kept of what the frozen blocks of a stage make of the photos; 0 where nothing is."""
        frozen = stage.frozen(self._of)
        divided = frozen == self._of or (self.network.backbone.divisible and frozen > 0)
        return min(self._recipe.views, self._recipe.looks * stage.epochs) if divided else 0

    @property
    def _keeps_base(self) -> bool:
        return self._views(self._stage) > 0

    def _kept_views(self) -> Kept | None:
        if not self._keeps_base:
            return None
        recipe = self._recipe
        photos = self._rows.photo[self._learning]
        return keep_base(
            self._folder / f"base-{self._frozen}.npy", self.network.backbone, self._frozen, self._pixels, photos,
            views=self._views(self._stage), augmentation=recipe.augmentation, seed=recipe.seed,
            bf16=recipe.bf16, on_photos=self._count,
        )  # fmt: skip

    def _judged(self) -> torch.Tensor:
        """Embeddings (rows, dim) of the judging rows, from what is kept of the frozen blocks where it is."""
        if not self._keeps_base:
            return self.embed(self._judging)
        backbone = self.network.backbone
        path = self._folder / f"base-{self._frozen}-judged.npy"
        kept = keep_base(path, backbone, self._frozen, self._pixels, self._rows.photo[self._judging])[0]
        parts = np.array_split(kept, -(-len(kept) // _JUDGED_AT_ONCE))
        return torch.cat([backbone.upper(torch.from_numpy(part.astype(np.float32)), self._frozen) for part in parts])

    def _inputs(self, kept: Kept | None, places: Integers, epoch: int) -> torch.Tensor:
        if kept is not None:
            return torch.from_numpy(kept[epoch % len(kept)][places]).float()
        shown = pictures(self._pixels, self._rows.photo[self._learning[places]])
        return self.network.backbone.normalize(augment(shown, self._recipe.augmentation))


def groups(rows: Examples, recipe: Recipe) -> Integers:
    """(n,) numbers of what attracts each other: families, values of an attribute, or nobody (MISSING)."""
    if recipe.metric is None:
        return np.full(len(rows), MISSING, np.int64)
    if recipe.metric.over == FAMILY:
        return rows.family
    if recipe.metric.over not in rows.values:
        raise InputError(
            f"--metric-over is {recipe.metric.over!r}, which is not learnt here",
            hint=f"it can be {FAMILY} or {', '.join(rows.values)}",
        )
    return rows.targets[:, list(rows.values).index(recipe.metric.over)]


def draw_weights(targets: Integers) -> NDArray[np.float64]:
    """How likely each row (n, attributes) is drawn: the mean over its labels of 1 / √count of the value.

    Square root sampling (Mahajan et al. 2018, arXiv 1805.00932): rare values come more often, without crowding out others.
    """
    total, labelled = np.zeros(len(targets)), np.zeros(len(targets))
    for column in targets.T:
        known = column != MISSING
        counts = np.bincount(column[known], minlength=1)
        total[known] += np.sqrt(known.sum() / counts[column[known]])
        labelled[known] += 1
    return total / np.maximum(labelled, 1)
