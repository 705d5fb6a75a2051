"""How far what a model reads and says has moved since it was trained: the population stability index (PSI), month by month.

PSI is the sum over bins of (share now - share then) * log(share now / share then), in ten bins of equal size then; by
convention it says "moved" from 0.25 on (Siddiqi 2006, Credit Risk Scorecards). Without any change it is distributed about
as chi-squared with bins - 1 degrees of freedom times (1/n + 1/m) (Yurdakul 2018, Statistical Properties of Population
Stability Index), so that small months move by chance: a month counts as moved only when it is beyond the limit and
beyond what chance does in 5 % of cases in any of all comparisons (Bonferroni).

>>> import numpy as np
>>> then = Reference.of(np.arange(1000.0))
>>> then.drift(np.arange(1000.0)).psi, then.drift(np.arange(1000.0) + 500).moved
(0.0, True)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

Floats = NDArray[np.float64]
LIMIT = 0.25
SCORE = "score"  # what the model says, beside the features it reads
_BINS = 10
_RISK = 0.05


@dataclass(frozen=True, slots=True)
class Drift:
    """One column in one month; `chance` is the PSI that no change exceeds in 5 % of cases in any of all comparisons."""

    psi: float
    chance: float
    n: int

    @property
    def moved(self) -> bool:
        """Beyond the usual limit and beyond chance."""
        return self.psi > max(LIMIT, self.chance)


@dataclass(frozen=True, slots=True)
class Reference:
    """How a column was distributed: inner `edges` of its bins, and how many rows were in each, the missing ones last."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, values: Floats) -> Self:
        """The distribution of `values` (n,), NaN where there is none."""
        known = values[~np.isnan(values)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(known) else np.zeros(0)
        return cls(tuple(edges.tolist()), tuple(_counts(edges, values).tolist()))

    def drift(self, values: Floats, *, comparisons: int = 1) -> Drift:
        """`values` (m,) of a month against this, one of so many `comparisons`."""
        now, then = _counts(np.array(self.edges), values), np.array(self.counts)
        used = (now + then) > 0
        before, after = ((side[used] + 0.5) / (side.sum() + 0.5 * used.sum()) for side in (then, now))
        psi = float(((after - before) * np.log(after / before)).sum())
        spread = 1 / max(1, int(then.sum())) + 1 / max(1, len(values))
        chance = _quantile(max(1, int(used.sum()) - 1), comparisons) * spread
        return Drift(round(psi, 4), round(chance, 4), len(values))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"edges": list(self.edges), "counts": list(self.counts)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The reference that `to_json` wrote."""
        return cls(tuple(data["edges"]), tuple(data["counts"]))


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column in every month."""

    name: str
    months: tuple[Drift, ...]

    @property
    def worst(self) -> float:
        """The largest PSI of those that chance does not explain, else the largest in parts of chance, below the limit."""
        moved = [one.psi for one in self.months if one.moved]
        return max(moved) if moved else LIMIT * max(min(1.0, one.psi / one.chance) for one in self.months)

    @property
    def moved(self) -> bool:
        """Whether any month has moved."""
        return any(one.moved for one in self.months)


def drift_by_month(references: Mapping[str, Reference], months: Sequence[Mapping[str, Floats]]) -> list[ColumnDrift]:
    """Every column in every month (column → (m,) values) against its reference, those that moved most first.

    A column that has one value all month and another one next month says what the month is, and is left out.
    (The last month may be of open orders, which were bought in several.)
    """
    if not months:
        return []
    names = [name for name in references if all(name in month for month in months)]
    names = [name for name in names if not _calendar([month[name] for month in months])]
    comparisons = len(names) * len(months)
    found = [
        ColumnDrift(name, tuple(references[name].drift(month[name], comparisons=comparisons) for month in months))
        for name in names
    ]
    return sorted(found, key=lambda one: -one.worst)


@cache
def _quantile(freedom: int, comparisons: int) -> float:
    return float(chdtri(freedom, _RISK / comparisons))


def _calendar(months: Sequence[Floats]) -> bool:
    held = [np.unique(month[~np.isnan(month)]) for month in months]
    single = [float(one[0]) for one in held if len(one) == 1]
    return len(single) >= max(2, len(held) - 1) and len(set(single)) == len(single)


def _counts(edges: Floats, values: Floats) -> NDArray[np.int64]:
    missing = np.isnan(values)
    bins = np.bincount(np.searchsorted(edges, values[~missing], side="right"), minlength=len(edges) + 1)
    return np.append(bins, missing.sum()).astype(np.int64)
