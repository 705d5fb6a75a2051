"""Fine-tune a network on the examples of a data set: the recipe's stages, resumable, ending with the best epoch's weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from vitrine.errors import InputError
from vitrine.finetune.examples import Examples, hold_out
from vitrine.finetune.network import Network
from vitrine.finetune.optimize import optimization
from vitrine.finetune.pixels import Pixels
from vitrine.finetune.recipe import Recipe
from vitrine.finetune.start import SCRATCH, Start
from vitrine.finetune.task import LearnAttributes, groups
from vitrine.training.loop import Rule, Training, load_best, train

_MEASURED = 512


@dataclass(frozen=True, slots=True)
class Fitted:
    """The network with the weights of the best epoch, the history of its training, and how many photos judged it."""

    network: Network
    training: Training
    judged: int


def fit(
    start: Start,
    rows: Examples,
    pixels: Pixels,
    recipe: Recipe,
    folder: Path,
    *,
    identity: Mapping[str, object],
    on_epoch: Callable[[Training], object] = lambda training: None,
    on_photos: Callable[[int, int], None] = lambda done, total: None,
) -> Fitted:
    """Learn from four fifths of the families, judge every epoch by the rest; call again to continue in `folder`.

    `pixels` (photos, side, side, 3) belong to `rows.photo_ids`. Raises what the training loop raises, and InputError where
    there are too few families or a stage freezes what an earlier one had let learn.
    """
    _check_stages(recipe)
    learning, judging = hold_out(rows, seed=recipe.seed)
    own = groups(rows, recipe)
    proxies = int(own.max()) + 1 if recipe.metric is not None and recipe.metric.objective == "proxy" else 0
    torch.manual_seed(recipe.seed)
    network = Network(start.backbone, rows.values, dropout=recipe.dropout, proxies=proxies)
    network.to(memory_format=torch.channels_last)
    task = LearnAttributes(network, pixels, rows, learning, judging, recipe, folder, on_photos=on_photos)
    if start.name != SCRATCH:
        network.eval()
        network.measure(task.embed(learning[:: max(1, len(learning) // _MEASURED)]))
    batches = -(-len(learning) // recipe.batch)
    steps = recipe.epochs * -(-batches // recipe.accumulate)
    rule = Rule(
        recipe.epochs, seed=recipe.seed, patience=recipe.patience, accumulate=recipe.accumulate, clip_norm=1.0,
        bf16=recipe.bf16,
    )  # fmt: skip
    learned = optimization(network, recipe, steps=steps)
    training = train(task, learned, rule, folder, identity=identity, on_epoch=on_epoch)
    load_best(network, folder)
    network.eval()
    for base in folder.glob("base-*.npy"):
        base.unlink()
    return Fitted(network, training, len(judging))


def _check_stages(recipe: Recipe) -> None:
    blocks = [float("inf") if stage.blocks is None else stage.blocks for stage in recipe.stages]
    if not blocks:
        raise InputError("there is no stage", hint="for example --stage 2:0 --stage 10:6")
    if blocks != sorted(blocks):
        raise InputError(
            "a stage freezes blocks that an earlier one let learn", hint="order stages from few blocks to many"
        )
