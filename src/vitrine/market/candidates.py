"""Fit one kind of model on train and once more without each fold: every row is scored by one that never saw its group."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.market.encoding import Matrix
from vitrine.market.metrics import Floats, auc, measure
from vitrine.market.model import Calibration, fit_calibration
from vitrine.market.scorers import Blend, Scorer, fit_logistic, fit_trees
from vitrine.market.split import Split
from vitrine.market.tune import Tuned

STRENGTHS = (0.003, 0.03, 0.3)
_FEW = 20.0
_FOLDS = 3
Labels = NDArray[np.int8]
Fit = Callable[[NDArray[np.intp]], Scorer]


@dataclass(frozen=True, slots=True)
class Candidate:
    """`scorer` learnt from all of train, `without[k]` from all but fold k; `calibration` and `auc` are out of fold.

    `margins` (n,) are of all rows: of train and later rows by a model that never saw their group, else by `scorer`.
    """

    scorer: Scorer
    without: tuple[Scorer, ...]
    calibration: Calibration
    margins: Floats
    settings: dict[str, Any]
    auc: float

    @property
    def probability(self) -> Floats:
        """(n,) calibrated probabilities of all rows, each by a model that never saw its group."""
        return self.calibration.probability(self.margins)


def logistic(x: Matrix, y: Labels, parts: Split) -> Candidate:
    """Logistic regression; of three strengths the one with the highest AUC on inner folds."""

    def fit(strength: float) -> Fit:
        return lambda rows: fit_logistic(x[rows], y[rows], strength=strength)

    def reached(strength: float) -> float:
        pairs = parts.inner[:_FOLDS]
        aucs = [auc(y[held], fit_logistic(x[rows], y[rows], strength=strength).margin(x[held])) for rows, held in pairs]
        return float(np.mean(aucs))

    best = max(STRENGTHS, key=reached)
    return _fitted(x, y, parts, fit(best), {"strength": best})


def trees(x: Matrix, y: Labels, level: Floats, parts: Split, found: Tuned, *, seed: int, threads: int) -> Candidate:
    """Boosted trees with the settings and rounds that were chosen on folds of train."""
    settings = {name: value for name, value in found.settings.items() if name != "rounds"}

    def fit(rows: NDArray[np.intp]) -> Scorer:
        rounds = found.settings["rounds"]
        return fit_trees(
            x[rows], y[rows], rounds=rounds, settings=settings, level=level[rows], seed=seed, threads=threads
        )[0]

    return _fitted(x, y, parts, fit, found.settings)


def blend(x: Matrix, y: Labels, parts: Split, plain: Candidate, boosted: Candidate) -> Candidate:
    """Both together, by the mean of their log-odds: the line keeps trees from learning months, the trees bend the line."""
    without = tuple(Blend(a, b) for a, b in zip(plain.without, boosted.without, strict=True))
    return _candidate(x, y, parts, Blend(plain.scorer, boosted.scorer), without, {**boosted.settings, **plain.settings})


def levels(y: Labels, times: NDArray[np.datetime64]) -> Floats:
    """(n,) log-odds of ones in each row's month, drawn towards that of all rows where a month has few.

    Months differ for reasons that no feature holds (strikes, holidays); trees that are given the level learn what
    ranks rows within a month instead of recognizing months.
    """
    months, month_of = np.unique(times.astype("datetime64[M]"), return_inverse=True)
    overall = (y.sum() + 1) / (len(y) + 2)
    ones = np.bincount(month_of, weights=y, minlength=len(months)) + _FEW * overall
    share = ones / (np.bincount(month_of, minlength=len(months)) + _FEW)
    return np.asarray(np.log(share / (1 - share))[month_of])


def out_of_fold(candidate: Candidate, y: Labels, parts: Split) -> dict[str, float]:
    """Metrics on train, every row scored by the model that never saw its group."""
    train = parts.rows("train")
    return measure(y[train], candidate.probability[train])


def _fitted(x: Matrix, y: Labels, parts: Split, fit: Fit, settings: dict[str, Any]) -> Candidate:
    without = tuple(fit(rows) for rows, _ in parts.inner)
    return _candidate(x, y, parts, fit(parts.rows("train")), without, settings)


def _candidate(
    x: Matrix, y: Labels, parts: Split, scorer: Scorer, without: tuple[Scorer, ...], settings: dict[str, Any]
) -> Candidate:
    margins = scorer.margin(x)
    for k, one in enumerate(without):
        rows = np.flatnonzero(parts.fold == k)
        margins[rows] = one.margin(x[rows])
    train = parts.rows("train")
    calibration = fit_calibration(margins[train], y[train])
    return Candidate(scorer, without, calibration, margins, settings, auc(y[train], margins[train]))
