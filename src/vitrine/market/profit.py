"""What acting on scores earns: the profit curve, and the threshold that earns most.

A person contacts the rows with the highest scores; each contact costs `contact_cost`, and a contact in time saves
`saved` of the `loss` that a one costs. The threshold is chosen on train and judged on later rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.market.metrics import DRAWS, bootstrap

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Costs:
    """Cost of one contact, loss of one lost seller (or late order), and the share of losses that a contact prevents."""

    contact: float = 10.0
    loss: float = 100.0
    saved: float = 0.3

    def __post_init__(self) -> None:
        if self.contact < 0 or self.loss <= 0 or not 0 < self.saved <= 1:
            raise InputError(
                f"costs {self.contact:g} a contact, {self.loss:g} a loss, {self.saved:g} saved make no sense",
                hint="a contact costs 0 or more, a loss more than 0, and the share saved lies in 0 to 1",
            )

    @property
    def break_even(self) -> float:
        """The probability above which a contact pays, if probabilities mean what they say."""
        return self.contact / (self.loss * self.saved)


def profit_curve(y: NDArray[Any], p: Floats, costs: Costs) -> tuple[Floats, Floats]:
    """Share of rows contacted, highest scores first, and the profit a row, at up to 101 points."""
    order = np.argsort(-p, kind="stable")
    gain = np.append(0.0, np.cumsum(y[order] * costs.loss * costs.saved - costs.contact))
    at = np.unique(np.linspace(0, len(y), 101).astype(np.intp))
    return at / max(1, len(y)), gain[at] / max(1, len(y))


def advise(
    train: tuple[NDArray[Any], Floats], later: tuple[NDArray[Any], Floats, NDArray[Any]], costs: Costs, *, seed: int = 0
) -> dict[str, Any]:
    """The threshold that earns most on out-of-fold `train` rows, and what it earns on `later` rows (y, p, groups).

    Profits are for each 1,000 rows, with a 95 % interval by bootstrap over groups; `everybody` is what contacting all
    would earn.
    """
    y, p = train
    order = np.argsort(-p, kind="stable")
    gain = np.cumsum(y[order] * costs.loss * costs.saved - costs.contact)
    best = int(gain.argmax())
    threshold = float(p[order][best]) if gain[best] > 0 else float("inf")
    y, p, groups = later
    chosen = p >= threshold
    per_row = np.where(chosen, y * costs.loss * costs.saved - costs.contact, 0.0)
    low, high = _interval(per_row, groups, seed)
    return {
        "contact_cost": costs.contact, "loss": costs.loss, "saved": costs.saved,
        "threshold": None if threshold == float("inf") else round(threshold, 4),
        "break_even": round(costs.break_even, 4),
        "contacted": float(chosen.mean()),
        "profit_per_1000": {"mean": 1000 * float(per_row.mean()), "low": low, "high": high},
        "everybody_per_1000": 1000 * float((y * costs.loss * costs.saved - costs.contact).mean()),
    }  # fmt: skip


def _interval(per_row: Floats, groups: NDArray[Any], seed: int) -> tuple[float, float]:
    _, group_of = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(group_of, weights=per_row), np.bincount(group_of)
    drawn = [float(weight @ sums) / float(weight @ sizes) for weight in bootstrap(len(sums), seed, DRAWS)]
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    return 1000 * low, 1000 * high
