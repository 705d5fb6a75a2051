"""Train one entry with one seed, choose its epoch on validation, read test once, keep the result with its evidence."""

import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from vitrine import __version__
from vitrine.errors import NotFound, Refused
from vitrine.records import now
from vitrine.stores.whole import whole
from vitrine.training.loop import Rule, Training, load_best, train
from vitrine.zoo.classify_task import ClassifyTask, answer, optimization
from vitrine.zoo.cost import multiply_adds, parameters
from vitrine.zoo.data import CLASSES, GarmentSet
from vitrine.zoo.entries import Entry
from vitrine.zoo.results import Evidence, Result, class_scores, confusion_matrix, find, keep

WEIGHTS = "weights.safetensors"


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


def train_unit(
    unit: Unit,
    garments: GarmentSet,
    *,
    go_on: Callable[[], bool] = lambda: True,
    on_epoch: Callable[[Training], object] = lambda training: None,
) -> Training:
    """Train a unit to its end, or until `go_on()` is false after an epoch; goes on where it was interrupted."""
    recipe, device = unit.entry.recipe, device_here()
    torch.manual_seed(unit.seed)
    network = unit.entry.network()
    task = ClassifyTask(network, recipe, garments.train, garments.validation, seed=unit.seed, device=device)
    rule = Rule(epochs=recipe.epochs, seed=unit.seed, clip_norm=recipe.clip_norm, bf16=_in_bf16(unit.entry, device))
    how = optimization(network, recipe, len(task.rows))
    identity = _identity(unit, garments, rule)
    return train(task, how, rule, unit.folder, identity=identity, on_epoch=on_epoch, go_on=go_on)


def judge_unit(unit: Unit, garments: GarmentSet, training: Training) -> Evidence:
    """Read test with the weights of the best epoch and keep the result; a run that was judged as it stands is not again."""
    known = find(unit.home, unit.entry.name, unit.seed)
    if known and known.result.epochs == len(training.history) and known.result.data_id == garments.data_id:
        return known
    if training.best is None:
        raise Refused(f"{unit.entry.name} was not trained yet", hint=f"vitrine zoo run {unit.entry.name}")
    network = unit.entry.network()
    load_best(network, unit.folder)
    path = unit.folder / WEIGHTS
    with whole(path, hint="free some space and run the same command again") as temporary:
        save_file({name: one.contiguous() for name, one in network.state_dict().items()}, temporary)
    answers = _answers(network, unit.entry, garments)
    confusion = confusion_matrix(garments.test.labels, answers)
    scores = class_scores(confusion)
    worst = min(scores, key=lambda one: one.f1)
    device = device_here()
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
        parameters=parameters(network),
        multiply_adds=multiply_adds(network),
        device=torch.cuda.get_device_name() if device == "cuda" else "cpu",
        threads=torch.get_num_threads(),
        arithmetic="bf16" if _in_bf16(unit.entry, device) else "f32",
        data_id=garments.data_id,
        weights_sha256=_sha256(path),
        commit=code_version(),
        looks=known.result.looks + 1 if known else 1,
        judged_at=now().isoformat(timespec="seconds"),
    )
    evidence = Evidence(result, [asdict(epoch) for epoch in training.history], confusion)
    keep(unit.home, evidence)
    return evidence


def verify_unit(unit: Unit, garments: GarmentSet) -> Result:
    """Answer the test pictures anew from the kept weights; Refused where weights or accuracy are not as the table says."""
    known = find(unit.home, unit.entry.name, unit.seed)
    path = unit.folder / WEIGHTS
    if known is None or not path.exists():
        raise NotFound(
            f"{unit.home} has no judged run of {unit.entry.name} with seed {unit.seed}", hint="vitrine zoo results"
        )
    seen = _sha256(path)
    if seen != known.result.weights_sha256:
        raise Refused(f"{path} has SHA-256 {seen}, the table says {known.result.weights_sha256}")
    if garments.data_id != known.result.data_id:
        raise Refused(f"this is the set {garments.data_id}, the run was judged on {known.result.data_id}")
    network = unit.entry.network()
    network.load_state_dict(load_file(path))
    accuracy = float((_answers(network, unit.entry, garments) == garments.test.labels).mean())
    if round(abs(accuracy - known.result.accuracy) * len(garments.test)) > 0:
        raise Refused(
            f"{unit.entry.name}: the weights reach {accuracy:.4f}, the table says {known.result.accuracy:.4f}"
        )
    return known.result


def device_here() -> str:
    """`cuda` where there is a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _answers(network: torch.nn.Module, entry: Entry, garments: GarmentSet) -> NDArray[np.int64]:
    network.to(device_here())
    found: NDArray[np.int64] = answer(network, garments.test, mirror=entry.recipe.mirror).argmax(axis=1)
    return found


def _in_bf16(entry: Entry, device: str) -> bool:
    """Whether the recipe's bfloat16 is used: a processor without it would only pretend, slowly."""
    return entry.recipe.bf16 and (device == "cuda" or bool(torch.cpu._is_avx512_bf16_supported()))


def _identity(unit: Unit, garments: GarmentSet, rule: Rule) -> dict[str, object]:
    recipe = asdict(unit.entry.recipe)
    if unit.entry.recipe.schedule == "constant":
        del recipe["epochs"]  # more epochs at a constant rate are the same training, longer
    return {
        "entry": unit.entry.name,
        "build": unit.entry.build,
        "arguments": dict(unit.entry.arguments),
        "recipe": recipe | {"bf16": rule.bf16},
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
