"""The kinds of classifier a head can have, and how each is fitted and held out."""

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


def choose_setting(kind: Kind, rows: Rows, seed: int) -> float:
    """The penalty, epochs or rounds for these rows; what is tried is judged on the first fold, held out."""
    out = rows.fold == 0
    if kind == "network":
        return epochs_for(len(rows.x))
    if kind == "xgboost":
        held_out = (rows.x[out], rows.y[out])
        return fit_boosted(
            rows.x[~out], rows.y[~out], rows.k, rounds=MOST_ROUNDS, held_out=held_out, seed=seed
        )[1]

    def held_out_loss(strength: float) -> float:
        return log_loss(fit("linear", strength, rows, ~out, seed).log_proba(rows.x[out]), rows.y[out])

    return min(STRENGTHS, key=held_out_loss)


def fit_and_hold_out(
    kind: Kind, setting: float, rows: Rows, *, seed: int, threads: int
) -> tuple[Part, NDArray[np.float32]]:
    """The classifier of all rows, and (n, k) log probabilities of each row unseen, from the other folds."""
    everything = np.ones(len(rows.x), dtype=np.bool_)
    held = [rows.fold == number for number in np.unique(rows.fold)]
    result = np.full((len(rows.x), rows.k), LOG_FLOOR, dtype=np.float32)
    # Whole fits side by side, a core each: cores that share one small product mostly wait for each other.
    with threadpool_limits(limits=1), ThreadPoolExecutor(threads) as pool:
        whole = pool.submit(fit, kind, setting, rows, everything, seed)
        parts = [pool.submit(fit, kind, setting, rows, ~out, seed) for out in held]
        for out, part in zip(held, parts, strict=True):
            result[out] = part.result().log_proba(rows.x[out])
        return whole.result(), result


def log_loss(log_proba: NDArray[np.float32], y: NDArray[np.int64]) -> float:
    """Mean negative log probability (nats) of the right values."""
    return float(-log_proba[np.arange(len(y)), y].astype(np.float64).mean())
