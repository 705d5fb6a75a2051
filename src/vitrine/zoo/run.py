"""Train one entry with one seed, choose its epoch on validation, read test once, keep the result with its evidence."""

import hashlib
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from vitrine import __version__
from vitrine.errors import NotFound, Refused
from vitrine.records import now
from vitrine.stores.whole import whole
from vitrine.training.checkpoint import save
from vitrine.training.loop import BEST, Epoch, Rule, Training, load_best, train
from vitrine.zoo import cost
from vitrine.zoo.boosted import answer_boosted, keep_boosted, train_boosted
from vitrine.zoo.classify_task import ClassifyTask, answer, optimization
from vitrine.zoo.data import CLASSES, GarmentSet
from vitrine.zoo.entries import Entry, Recipe, entry
from vitrine.zoo.results import Evidence, Result, class_scores, confusion_matrix, find, keep


@dataclass(frozen=True, slots=True)
class Unit:
    """One entry with one seed, and where its files lie in the zoo's folder `home`."""

    entry: Entry
    seed: int
    home: Path

    @property
    def folder(self) -> Path:
        """The checkpoints and weights."""
        return self.home / "runs" / f"{self.entry.name.replace('/', '.')}.{self.seed}"

    @property
    def weights(self) -> Path:
        """The weights of the best epoch, written when the unit is judged."""
        return self.folder / ("weights.ubj" if self.entry.boosted else "weights.safetensors")

    @property
    def members(self) -> "list[Unit]":
        """The units that answer together in this one, no two seeds of it sharing any; none of a network by itself."""
        if not self.entry.several:
            return []
        count = self.entry.arguments["members"]
        return [Unit(entry(self.entry.arguments["of"]), self.seed * count + k, self.home) for k in range(count)]


def train_unit(
    unit: Unit,
    garments: GarmentSet,
    *,
    go_on: Callable[[], bool] = lambda: True,
    on_epoch: Callable[[Training], object] = lambda training: None,
) -> Training:
    """Train a unit to its end, or until `go_on()` is false after an epoch; goes on where it was interrupted."""
    if unit.members:
        return _train_members(unit, garments, go_on=go_on, on_epoch=on_epoch)
    recipe, device = unit.entry.recipe, device_here()
    identity = _identity(unit, garments)
    if unit.entry.boosted:
        threads = torch.get_num_threads()
        return train_boosted(
            recipe, garments, unit.folder, seed=unit.seed, threads=threads, identity=identity, go_on=go_on, on_epoch=on_epoch
        )  # fmt: skip
    torch.manual_seed(unit.seed)
    network = unit.entry.network()
    task = ClassifyTask(network, recipe, garments.train, garments.validation, seed=unit.seed, device=device)
    rule = Rule(epochs=recipe.epochs, seed=unit.seed, clip_norm=recipe.clip_norm, bf16=in_bf16(recipe))
    how = optimization(network, recipe, len(task.rows))
    return train(task, how, rule, unit.folder, identity=identity, on_epoch=on_epoch, go_on=go_on)


def judge_unit(unit: Unit, garments: GarmentSet, training: Training) -> Evidence:
    """Read test with the weights of the best epoch and keep the result; a run that was judged as it stands is not again."""
    known = find(unit.home, unit.entry.name, unit.seed)
    asked = (len(training.history), garments.data_id, unit.entry.views)
    same = known and (known.result.epochs, known.result.data_id, known.result.views) == asked
    if known and same and unit.weights.exists():
        return known
    if training.best is None:
        raise Refused(f"{unit.entry.name} was not trained yet", hint=f"vitrine zoo run {unit.entry.name}")
    parameters, multiply_adds = _keep_weights(unit, training.best.epoch)
    answers = _answers(unit, garments)
    confusion = confusion_matrix(garments.test.labels, answers)
    scores = class_scores(confusion)
    worst = min(scores, key=lambda one: one.f1)
    result = Result(
        entry=unit.entry.name,
        seed=unit.seed,
        family=unit.entry.family,
        accuracy=float((answers == garments.test.labels).mean()),
        n=len(garments.test),
        validation_accuracy=training.best.score,
        macro_f1=sum(one.f1 for one in scores) / len(CLASSES),
        worst_class=worst.name,
        worst_f1=worst.f1,
        epochs=len(training.history),
        planned=unit.entry.recipe.epochs,
        best_epoch=training.best.epoch,
        seconds=sum(epoch.seconds for epoch in training.history),
        cpu_seconds=sum(epoch.cpu_seconds for epoch in training.history),
        parameters=parameters,
        multiply_adds=multiply_adds,
        device=torch.cuda.get_device_name() if device_here() == "cuda" else "cpu",
        threads=torch.get_num_threads(),
        arithmetic="bf16" if in_bf16(unit.entry.recipe) else "f32",
        data_id=garments.data_id,
        weights_sha256=_sha256(unit.weights),
        commit=code_version(),
        looks=known.result.looks + 1 if known else 1,
        judged_at=now().isoformat(timespec="seconds"),
        views=unit.entry.views,
    )
    evidence = Evidence(result, [asdict(epoch) for epoch in training.history], confusion)
    keep(unit.home, evidence)
    return evidence


def verify_unit(unit: Unit, garments: GarmentSet) -> Result:
    """Answer the test pictures anew from the kept weights; Refused where weights or accuracy are not as the table says."""
    known = find(unit.home, unit.entry.name, unit.seed)
    if known is None or not unit.weights.exists():
        raise NotFound(
            f"{unit.home} has no judged run of {unit.entry.name} with seed {unit.seed}", hint="vitrine zoo results"
        )
    seen = _sha256(unit.weights)
    if seen != known.result.weights_sha256:
        raise Refused(f"{unit.weights} has SHA-256 {seen}, the table says {known.result.weights_sha256}")
    if garments.data_id != known.result.data_id:
        raise Refused(f"this is the set {garments.data_id}, the run was judged on {known.result.data_id}")
    accuracy = float((_answers(unit, garments) == garments.test.labels).mean())
    if round(abs(accuracy - known.result.accuracy) * len(garments.test)) > 0:
        raise Refused(
            f"{unit.entry.name}: the weights reach {accuracy:.4f}, the table says {known.result.accuracy:.4f}"
        )
    return known.result


def device_here() -> str:
    """`cuda` where there is a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def in_bf16(recipe: Recipe) -> bool:
    """Whether the recipe's bfloat16 is used: a processor without it would only pretend, slowly."""
    return recipe.bf16 and (device_here() == "cuda" or bool(torch.cpu._is_avx512_bf16_supported()))


def trained_network(unit: Unit) -> torch.nn.Module:
    """The network with the weights that were judged."""
    network = unit.entry.network()
    network.load_state_dict(load_file(unit.weights))
    return network.to(device_here())


def _train_members(
    unit: Unit, garments: GarmentSet, *, go_on: Callable[[], bool], on_epoch: Callable[[Training], object]
) -> Training:
    """Train the members one after the other and put their best weights together, scored on validation as one.

    Each epoch of the history is the members' mean, and the sum of their time.
    """
    trainings, network = [], unit.entry.network()
    for member, part in zip(unit.members, network.members.children(), strict=True):
        training = train_unit(member, garments, go_on=go_on, on_epoch=on_epoch)
        if not training.finished:
            return Training([])
        load_best(part, member.folder)
        trainings.append(training)
    history = [_mean(epochs) for epochs in zip(*(one.history for one in trainings), strict=True)]
    save(unit.folder / BEST, network.state_dict())
    scores = answer(network.to(device_here()), garments.validation, views=unit.entry.views)
    best = replace(history[-1], score=float((scores.argmax(1) == garments.validation.labels).mean()))
    return Training(history, best, "epochs")


def _mean(epochs: Sequence[Epoch]) -> Epoch:
    """The same epoch of several members: means, and the sum of their time."""
    count = len(epochs)
    figures = {name: sum(one.figures[name] for one in epochs) / count for name in epochs[0].figures}
    loss, score = (sum(values) / count for values in zip(*((one.loss, one.score) for one in epochs), strict=True))
    seconds, cpu_seconds = sum(one.seconds for one in epochs), sum(one.cpu_seconds for one in epochs)
    return replace(epochs[0], loss=loss, score=score, seconds=seconds, cpu_seconds=cpu_seconds, figures=figures)


def _keep_weights(unit: Unit, epoch: int) -> tuple[int, int]:
    """Write the weights of the best epoch; returns parameters (of trees: nodes) and multiply-adds of one answer."""
    if unit.entry.boosted:
        return keep_boosted(unit.folder, unit.weights, epoch), 0
    network = unit.entry.network()
    load_best(network, unit.folder)
    with whole(unit.weights, hint="free some space and run the same command again") as temporary:
        save_file({name: one.contiguous() for name, one in network.state_dict().items()}, temporary)
    return cost.parameters(network), cost.multiply_adds(network)


def _answers(unit: Unit, garments: GarmentSet) -> NDArray[np.int64]:
    """The class of every test picture, by the kept weights."""
    if unit.entry.boosted:
        scores = answer_boosted(unit.weights, garments.test)
    else:
        scores = answer(trained_network(unit), garments.test, views=unit.entry.views)
    found: NDArray[np.int64] = scores.argmax(axis=1)
    return found


def _identity(unit: Unit, garments: GarmentSet) -> dict[str, object]:
    recipe = asdict(unit.entry.recipe)
    if unit.entry.recipe.schedule == "constant":
        del recipe["epochs"]  # more epochs at a constant rate are the same training, longer
    return {
        "entry": unit.entry.name,
        "build": unit.entry.build,
        "arguments": dict(unit.entry.arguments),
        "recipe": recipe | {"bf16": in_bf16(unit.entry.recipe)},
        "seed": unit.seed,
        "data": garments.data_id,
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def code_version() -> str:
    """The commit of the code that runs, with `+` where files differ from it; without git the version."""
    here = Path(__file__).parent
    try:
        asked = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
        found = subprocess.run(asked, cwd=here, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return f"v{__version__}"
    return found or f"v{__version__}"
