"""How far features and scores have moved since training: population stability index and Kolmogorov–Smirnov distance.

PSI below 0.1 is usually called stable, above 0.25 moved; with few rows chance alone gives it a size of about
bins / n + bins / m, so what chance can do (its 95 % point under no change) is shown beside it.

>>> import numpy as np
>>> same = np.arange(1000.0)
>>> psi(same, same)
0.0
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, ks_2samp

Floats = NDArray[np.float64]
BINS = 10


@dataclass(frozen=True, slots=True)
class Drift:
    """One column then (n rows) and now (m rows); `chance` is the PSI that no change exceeds in 5 % of cases."""

    name: str
    psi: float
    chance: float
    ks: float
    missing_then: float
    missing_now: float

    @property
    def moved(self) -> bool:
        """Beyond the usual limit and beyond chance."""
        return self.psi > 0.25 and self.psi > self.chance


def drift(name: str, then: Floats, now: Floats) -> Drift:
    """Compare a column's values `then` (n,) and `now` (m,); NaN is a value of its own."""
    known_then, known_now = then[~np.isnan(then)], now[~np.isnan(now)]
    ks = float(ks_2samp(known_then, known_now).statistic) if len(known_then) and len(known_now) else float("nan")
    chance = float(chi2.ppf(0.95, BINS - 1)) * (1 / max(1, len(then)) + 1 / max(1, len(now)))
    missing = [float(np.isnan(side).mean()) if len(side) else 0.0 for side in (then, now)]
    return Drift(name, psi(then, now), chance, ks, missing[0], missing[1])


def psi(then: Floats, now: Floats) -> float:
    """Sum over tenths of `then` of (share now - share then) * log(share now / share then); missing is a bin of its own."""
    known = then[~np.isnan(then)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.zeros(0)
    shares = []
    for side in (then, now):
        missing = np.isnan(side)
        bins = np.bincount(np.searchsorted(edges, side[~missing], side="right"), minlength=len(edges) + 1)
        counts = np.append(bins, missing.sum()).astype(np.float64)
        shares.append((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))
    before, after = shares
    return round(float(((after - before) * np.log(after / before)).sum()), 4)
