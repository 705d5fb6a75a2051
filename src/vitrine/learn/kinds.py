"""The kinds of classifier a head can have, and how each is fitted and held out."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vitrine.learn.boosted import MOST_ROUNDS, Boosted, fit_boosted
from vitrine.learn.linear import Linear, fit_linear
from vitrine.learn.network import Network, epochs_for, fit_network
from vitrine.learn.rowwise import LOG_FLOOR

Kind = Literal["linear", "network", "xgboost"]
KINDS: tuple[Kind, ...] = ("linear", "network", "xgboost")

# Inverse L2 penalties, weak ones last; the rows of a projection have a mean square of one per column.
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)

# Trees are slow, so they first race a linear head on few rows.
RACE_ROWS = 3_000
RACE_ROUNDS = 40
RACE_STRENGTH = 0.03


class Part(Protocol):
    """What every kind of classifier can do."""

    def log_proba(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, d) rows as (n, k) log probabilities."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Its numbers by name."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Training rows `x` (n, d), their value numbers `y` (n,) below `k`, and the fold (n,) of each."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    k: int
    fold: NDArray[np.int64]


def part_from(kind: str, arrays: dict[str, NDArray[Any]]) -> Part:
    """The classifier of that kind whose `arrays` these are."""
    makers: dict[str, Callable[[dict[str, NDArray[Any]]], Part]] = {
        "linear": Linear.from_arrays, "network": Network.from_arrays, "xgboost": Boosted.from_arrays,
    }  # fmt: skip
    return makers[kind](arrays)


def fit(kind: Kind, setting: float, rows: Rows, chosen: NDArray[np.bool_], seed: int) -> Part:
    """Fit one classifier on the `chosen` rows (a mask), on one core."""
    x, y = rows.x[chosen], rows.y[chosen]
    if kind == "linear":
        return fit_linear(x, y, rows.k, strength=setting)
    if kind == "network":
        return fit_network(x, y, rows.k, epochs=int(setting), seed=seed)
    return fit_boosted(x, y, rows.k, rounds=int(setting), seed=seed)[0]


@dataclass(frozen=True, slots=True)
class Audition:
    """A kind fitted on all folds but the first, and its (n0, k) log probabilities there.

    `whole` is false for trees that lost a short race, few rounds on few rows, and went no further.
    """

    kind: Kind
    setting: float
    log_proba: NDArray[np.float32]
    whole: bool
    seconds: float


def audition(kind: Kind, rows: Rows, seed: int, *, race: bool) -> Audition:
    """Choose the setting of one kind, judged on the first fold, held out; `race` lets trees give up early."""
    begun = time.perf_counter()
    with threadpool_limits(limits=1):
        if kind == "linear":
            setting, log_proba, whole = _linear(rows, seed)
        elif kind == "network":
            setting, log_proba, whole = _network(rows, seed)
        else:
            setting, log_proba, whole = _trees(rows, seed, race)
    return Audition(kind, setting, log_proba, whole, time.perf_counter() - begun)


def _linear(rows: Rows, seed: int) -> tuple[float, NDArray[np.float32], bool]:
    out = rows.fold == 0
    heard = {s: fit("linear", s, rows, ~out, seed).log_proba(rows.x[out]) for s in STRENGTHS}
    best = min(STRENGTHS, key=lambda strength: log_loss(heard[strength], rows.y[out]))
    return best, heard[best], True


def _network(rows: Rows, seed: int) -> tuple[float, NDArray[np.float32], bool]:
    out = rows.fold == 0
    epochs = epochs_for(len(rows.x))
    return epochs, fit("network", epochs, rows, ~out, seed).log_proba(rows.x[out]), True


def _trees(rows: Rows, seed: int, race: bool) -> tuple[float, NDArray[np.float32], bool]:
    out = rows.fold == 0
    if race and (lost := _lost_race(rows, seed)):
        return *lost, False
    return *_early_stopped(rows, ~out, MOST_ROUNDS, seed), True


def _lost_race(rows: Rows, seed: int) -> tuple[int, NDArray[np.float32]] | None:
    out = rows.fold == 0
    few = np.zeros(len(rows.x), dtype=np.bool_)
    few[np.random.default_rng(seed).permutation(np.flatnonzero(~out))[:RACE_ROWS]] = True
    plain = fit("linear", RACE_STRENGTH, rows, few, seed).log_proba(rows.x[out])
    rounds, raced = _early_stopped(rows, few, RACE_ROUNDS, seed)
    behind = log_loss(raced, rows.y[out]) > log_loss(plain, rows.y[out])
    return (rounds, raced) if behind else None


def _early_stopped(rows: Rows, chosen: NDArray[np.bool_], rounds: int, seed: int) -> tuple[int, NDArray[np.float32]]:
    out = rows.fold == 0
    held_out = (rows.x[out], rows.y[out])
    part, used = fit_boosted(rows.x[chosen], rows.y[chosen], rows.k, rounds=rounds, held_out=held_out, seed=seed)
    return used, part.log_proba(rows.x[out])


def fit_and_hold_out(
    kind: Kind, setting: float, rows: Rows, first: NDArray[np.float32], *, seed: int, threads: int
) -> tuple[Part, NDArray[np.float32]]:
    """The classifier of all rows, and (n, k) log probabilities of each row by one that saw none of its fold.

    `first` are those of the first fold, known from the audition.
    """
    result = np.full((len(rows.x), rows.k), LOG_FLOOR, dtype=np.float32)
    result[rows.fold == 0] = first
    held = [rows.fold == number for number in np.unique(rows.fold)[1:]]
    # Whole fits side by side, a core each: cores that share one small product mostly wait for each other.
    with threadpool_limits(limits=1), ThreadPoolExecutor(threads) as pool:
        whole = pool.submit(fit, kind, setting, rows, np.ones(len(rows.x), dtype=np.bool_), seed)
        parts = [pool.submit(fit, kind, setting, rows, ~out, seed) for out in held]
        for out, part in zip(held, parts, strict=True):
            result[out] = part.result().log_proba(rows.x[out])
        return whole.result(), result


def log_loss(log_proba: NDArray[np.float32], y: NDArray[np.int64]) -> float:
    """Mean negative log probability (nats) of the right values."""
    return float(-log_proba[np.arange(len(y)), y].astype(np.float64).mean())
