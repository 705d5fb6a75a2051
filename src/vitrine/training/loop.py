"""Train a network epoch by epoch: checkpoints, resuming to the bit, early stopping, a stop on a loss that is no number.

An epoch depends on the state after the epoch before it and on (seed, epoch), on nothing else: the random numbers of torch
are seeded anew when it begins. So a training that was killed goes on from its last checkpoint with the same bits (on the
same machine with the same number of threads) as one that was not.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from vitrine.errors import InputError, Refused
from vitrine.training import checkpoint
from vitrine.training.memory import keep_memory, largest_batch, out_of_memory

Batch = tuple[torch.Tensor, ...]

LAST = "last.safetensors"
BEST = "best.safetensors"


@dataclass(frozen=True, slots=True)
class Validation:
    """What the validation part says after an epoch: `score` decides (higher is better), `figures` are shown beside it."""

    score: float
    figures: Mapping[str, float] = field(default_factory=dict)


class Task(Protocol):
    """What is learnt, and from what. Everything here may depend on the epoch, but on no epoch's past."""

    network: torch.nn.Module

    def begin(self, epoch: int) -> None:
        """Make ready for epoch 1, 2 …: training mode, which layers learn. Called again when a training is resumed."""

    def batches(self, epoch: int) -> Iterable[Batch]:
        """The epoch's batches, in an order that follows from the seed and the epoch; tensors with rows first."""

    def loss(self, batch: Batch) -> torch.Tensor:
        """The mean loss of a batch, one number."""

    def validate(self) -> Validation:
        """Judge the network as it stands on the validation part."""


@dataclass(frozen=True, slots=True)
class Optimization:
    """An optimizer with its schedules: `schedule` moves after every step, `plateau` after every epoch by its score."""

    optimizer: torch.optim.Optimizer
    schedule: Any = None
    plateau: Any = None


@dataclass(frozen=True, slots=True)
class Rule:
    """How long and in what arithmetic to train.

    `patience`: stop after so many epochs without a better score. `accumulate`: batches a step. `clip_norm`: largest norm
    of a step's gradient. `bf16`: products in bfloat16, sums and weights in float32.
    """

    epochs: int
    seed: int = 0
    patience: int | None = None
    accumulate: int = 1
    clip_norm: float | None = None
    bf16: bool = False


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of the history: mean training loss, score and figures on validation, learning rate, seconds of training.

    `cpu_seconds` are the processor's, over all threads: on a busy machine they say more. 0 where they were not measured.
    """

    epoch: int
    loss: float
    score: float
    rate: float
    seconds: float
    figures: Mapping[str, float]
    cpu_seconds: float = 0.0


@dataclass(slots=True)
class Training:
    """How far a training is. `finished` is why it ended (`epochs`, `patience`), empty while it can go on."""

    history: list[Epoch]
    best: Epoch | None = None
    finished: str = ""


def train(
    task: Task,
    optimization: Optimization,
    rule: Rule,
    folder: Path,
    *,
    identity: Mapping[str, object],
    on_epoch: Callable[[Training], object] = lambda training: None,
    go_on: Callable[[], bool] = lambda: True,
) -> Training:
    """Train until the rule ends it or `go_on()`, asked between epochs, is false; call again to continue.

    `folder` gets `last.safetensors` (all that is needed to go on) and `best.safetensors` (the weights of the best score).
    `identity` is what made the training (plain values); a folder of another identity is refused. Raises Refused when
    the loss is no number, and InputError with a batch that fits when memory runs out; the last checkpoint stays.
    """
    keep_memory()
    training = _resume(task, optimization, rule, folder, identity)
    while not training.finished and (not training.history or go_on()):
        epoch = len(training.history) + 1
        torch.manual_seed(rule.seed * 1_000_003 + epoch)
        task.begin(epoch)
        began, began_cpu = time.perf_counter(), time.process_time()
        loss = _one_epoch(task, optimization, rule, epoch)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
        validation = task.validate()
        rate = _rate(optimization.optimizer)
        if optimization.plateau is not None:
            optimization.plateau.step(validation.score)
        figures = dict(validation.figures)
        training.history.append(Epoch(epoch, loss, validation.score, rate, seconds, figures, cpu_seconds))
        _keep(task, optimization, rule, folder, identity, training)
        on_epoch(training)
    return training


def load_best(network: torch.nn.Module, folder: Path) -> None:
    """Give the network the weights of the best epoch; NotFound before the first epoch ended."""
    network.load_state_dict(checkpoint.load(folder / BEST))


def _one_epoch(task: Task, optimization: Optimization, rule: Rule, epoch: int) -> float:
    """Go through the batches once; returns the mean loss over rows."""
    optimizer = optimization.optimizer
    total, rows = 0.0, 0
    optimizer.zero_grad(set_to_none=True)
    waiting = 0
    for number, batch in enumerate(task.batches(epoch), start=1):
        try:
            loss = _backward(task, batch, rule)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            raise _too_large(task, batch, rule) from error
        if loss != loss or loss in (float("inf"), float("-inf")):
            raise Refused(
                f"epoch {epoch}, batch {number}: the loss is {loss} at a learning rate of {_rate(optimizer):g}, so training "
                f"stopped; the checkpoint of epoch {epoch - 1} is kept",
                hint="a lower learning rate, clipped gradients or float32 usually help",
            )
        total += loss * len(batch[0])
        rows += len(batch[0])
        waiting += 1
        if waiting == rule.accumulate:
            _step(task, optimization, rule)
            waiting = 0
    if waiting:
        _step(task, optimization, rule)
    if not rows:
        raise InputError(f"epoch {epoch} has no batch: there are fewer training rows than one batch needs")
    return total / rows


def _backward(task: Task, batch: Batch, rule: Rule) -> float:
    device = batch[0].device.type
    with torch.autocast(device, dtype=torch.bfloat16, enabled=rule.bf16):
        loss = task.loss(batch)
    (loss / rule.accumulate).backward()
    return float(loss.detach())


def _step(task: Task, optimization: Optimization, rule: Rule) -> None:
    if rule.clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(task.network.parameters(), rule.clip_norm)
    optimization.optimizer.step()
    optimization.optimizer.zero_grad(set_to_none=True)
    if optimization.schedule is not None:
        optimization.schedule.step()


def _rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[-1]["lr"])


def _too_large(task: Task, batch: Batch, rule: Rule) -> InputError:
    task.network.zero_grad(set_to_none=True)
    rows = len(batch[0])
    fits = largest_batch(lambda size: _backward(task, tuple(column[:size] for column in batch), rule), rows)
    task.network.zero_grad(set_to_none=True)
    hint = f"a batch of {fits} fits" if fits else "not even one row fits: use a smaller network or smaller pictures"
    return InputError(f"a batch of {rows} does not fit into memory", hint=hint)


def _keep(
    task: Task,
    optimization: Optimization,
    rule: Rule,
    folder: Path,
    identity: Mapping[str, object],
    training: Training,
) -> None:
    """Keep the epoch: the best weights first, so that whoever dies in between repeats the epoch and writes them again."""
    latest = training.history[-1]
    if training.best is None or latest.score > training.best.score:
        training.best = latest
        checkpoint.save(folder / BEST, task.network.state_dict())
    training.finished = _ending(training, rule)
    state = {
        "identity": dict(identity),
        "history": [asdict(epoch) for epoch in training.history],
        "network": task.network.state_dict(),
        **{name: part.state_dict() for name, part in _parts(optimization)},
    }
    checkpoint.save(folder / LAST, state)


def _resume(
    task: Task, optimization: Optimization, rule: Rule, folder: Path, identity: Mapping[str, object]
) -> Training:
    """Where the folder's training stands; a new one where there is none."""
    if not (folder / LAST).exists():
        return Training([])
    state = checkpoint.load(folder / LAST)
    _check_identity(state["identity"], identity, folder)
    task.begin(len(state["history"]))
    task.network.load_state_dict(state["network"])
    for name, part in _parts(optimization):
        part.load_state_dict(state[name])
    training = Training([Epoch(**epoch) for epoch in state["history"]])
    training.best = max(training.history, key=lambda epoch: (epoch.score, -epoch.epoch))
    training.finished = _ending(training, rule)
    return training


def _ending(training: Training, rule: Rule) -> str:
    last = training.history[-1].epoch
    if last >= rule.epochs:
        return "epochs"
    if rule.patience is not None and training.best is not None and last - training.best.epoch >= rule.patience:
        return "patience"
    return ""


def _parts(optimization: Optimization) -> list[tuple[str, Any]]:
    named = {
        "optimizer": optimization.optimizer,
        "schedule": optimization.schedule,
        "plateau": optimization.plateau,
    }
    return [(name, part) for name, part in named.items() if part is not None]


def _check_identity(found: Mapping[str, object], wanted: Mapping[str, object], folder: Path) -> None:
    for name in sorted({*found, *wanted}):
        if found.get(name) != wanted.get(name):
            raise Refused(
                f"{folder} holds a training with {name} = {found.get(name)!r}, not {wanted.get(name)!r}",
                hint=f"use another folder, or delete this one to begin anew: rm -r '{folder}'",
            )
