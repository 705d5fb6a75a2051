"""The kinds of model there are for a yes-or-no question, each with its reasons: additive parts of the log-odds."""

import json
import warnings
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from vitrine.errors import InputError
from vitrine.market.encoding import Matrix

Floats = NDArray[np.float64]
BINS = 64
_PATIENCE = 15
_LOGISTIC_STEPS = 150  # the last digits of the weights change no ranking


class Scorer(Protocol):
    """Log-odds of rows, and what each column adds to them."""

    kind: ClassVar[str]

    def margin(self, x: Matrix) -> Floats:
        """(n,) log-odds of (n, d) rows."""

    def contributions(self, x: Matrix) -> Floats:
        """(n, d + 1): what each column adds to the log-odds, then the part all rows have; a row sums to its margin."""

    def to_bytes(self) -> bytes:
        """Its weights: JSON, or XGBoost's own UBJSON."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The same scorer again."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """Logistic regression on standardized columns; a missing number is the column's median and raises a flag.

    `weights` has d entries for the columns, then d for the flags; all arrays are float64.
    """

    kind: ClassVar[str] = "logistic"
    median: Floats
    mean: Floats
    scale: Floats
    weights: Floats
    bias: float

    def margin(self, x: Matrix) -> Floats:
        """(n,) log-odds."""
        return np.asarray(self.contributions(x).sum(axis=1))

    def contributions(self, x: Matrix) -> Floats:
        """(n, d + 1): weight times the standardized value, with the flag's part in its column."""
        missing = np.isnan(x)
        d = x.shape[1]
        parts = _standardized(x, missing, self) * self.weights[:d] + missing * self.weights[d:]
        return np.column_stack([parts, np.full(len(x), self.bias)])

    def to_bytes(self) -> bytes:
        """JSON."""
        arrays = {name: getattr(self, name).tolist() for name in ("median", "mean", "scale", "weights")}
        return json.dumps({**arrays, "bias": self.bias}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The same scorer again."""
        given = json.loads(data)
        arrays = {name: np.array(given[name], dtype=np.float64) for name in ("median", "mean", "scale", "weights")}
        return cls(**arrays, bias=given["bias"])


@dataclass(frozen=True, slots=True)
class Trees:
    """Gradient-boosted trees (XGBoost); reasons are exact Shapley values of the trees (Lundberg et al. 2020)."""

    kind: ClassVar[str] = "xgboost"
    booster: bytes
    threads: int = 1

    def margin(self, x: Matrix) -> Floats:
        """(n,) log-odds."""
        return np.asarray(self._booster().inplace_predict(x, predict_type="margin"), dtype=np.float64)

    def contributions(self, x: Matrix) -> Floats:
        """(n, d + 1) from XGBoost's own `pred_contribs`."""
        return np.asarray(self._booster().predict(xgb.DMatrix(x), pred_contribs=True), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """UBJSON."""
        return self.booster

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The same scorer again."""
        return cls(data)

    def _booster(self) -> xgb.Booster:
        booster = xgb.Booster(model_file=bytearray(self.booster))
        booster.set_param({"nthread": self.threads})
        return booster


@dataclass(frozen=True, slots=True)
class Blend:
    """The mean of the log-odds of two scorers, and so of their reasons."""

    kind: ClassVar[str] = "blend"
    line: Scorer
    trees: Scorer

    def margin(self, x: Matrix) -> Floats:
        """(n,) log-odds."""
        return (self.line.margin(x) + self.trees.margin(x)) / 2

    def contributions(self, x: Matrix) -> Floats:
        """(n, d + 1): half of what each of the two says."""
        return (self.line.contributions(x) + self.trees.contributions(x)) / 2

    def to_bytes(self) -> bytes:
        """JSON, with the trees' UBJSON as base64."""
        both = {"line": self.line.to_bytes().decode(), "trees": b64encode(self.trees.to_bytes()).decode()}
        return json.dumps(both).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The same scorer again."""
        given = json.loads(data)
        return cls(Logistic.from_bytes(given["line"].encode()), Trees.from_bytes(b64decode(given["trees"])))


KINDS: dict[str, type[Logistic] | type[Trees] | type[Blend]] = {
    "logistic": Logistic, "xgboost": Trees, "blend": Blend,
}  # fmt: skip


def fit_logistic(x: Matrix, y: NDArray[np.int8], *, strength: float) -> Logistic:
    """Fit on rows x (n, d) and labels y in {0, 1}; `strength` is 1 / the ridge penalty."""
    missing = np.isnan(x)
    flagged = np.flatnonzero(missing.any(axis=0))
    with np.errstate(all="ignore"):
        median = np.where(missing.all(axis=0), 0.0, np.nanmedian(np.where(missing.all(axis=0), 0, x), axis=0))
    filled = np.where(missing, median, x).astype(np.float64)
    mean, scale = filled.mean(axis=0), filled.std(axis=0)
    draft = Logistic(median, mean, np.where(scale > 0, scale, 1.0), np.zeros(0), 0.0)
    z = np.column_stack([_standardized(x, missing, draft), missing[:, flagged]]).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=strength, tol=1e-3, max_iter=_LOGISTIC_STEPS).fit(z, y)
    weights = np.zeros(2 * x.shape[1])
    weights[: x.shape[1]] = model.coef_[0][: x.shape[1]]
    weights[x.shape[1] + flagged] = model.coef_[0][x.shape[1] :]
    return Logistic(draft.median, draft.mean, draft.scale, weights, float(model.intercept_[0]))


def fit_trees(
    x: Matrix,
    y: NDArray[np.int8],
    *,
    rounds: int,
    settings: dict[str, Any],
    level: Floats,
    held_out: tuple[Matrix, NDArray[np.int8], Floats] | None = None,
    seed: int,
    threads: int,
) -> tuple[Trees, int]:
    """Fit on rows x (n, d), labels y and `level` (n,), the log-odds of each row's month, which the trees need not explain.

    With `held_out` (rows, labels, level) it stops when their log-loss no longer falls. Also gives the rounds used.
    """
    if not x.shape[1]:
        raise InputError("there is no feature to learn from")
    train = xgb.QuantileDMatrix(x, y, base_margin=level, max_bin=BINS, nthread=threads)
    watched = []
    if held_out is not None:
        rows, labels, of_rows = held_out
        held = xgb.QuantileDMatrix(rows, labels, base_margin=of_rows, ref=train, max_bin=BINS, nthread=threads)
        watched = [(held, "held_out")]
    fixed = {
        "objective": "binary:logistic", "eval_metric": "logloss", "tree_method": "hist", "max_bin": BINS,
        "nthread": threads, "seed": seed, "verbosity": 0,
    }  # fmt: skip
    booster = xgb.train(
        fixed | settings, train, rounds, evals=watched,
        early_stopping_rounds=_PATIENCE if watched else None, verbose_eval=False,
    )  # fmt: skip
    used = booster.best_iteration + 1 if watched else rounds
    return Trees(bytes(booster[:used].save_raw("ubj")), threads), used


def _standardized(x: Matrix, missing: NDArray[np.bool_], of: Logistic) -> Floats:
    # heavy tails (money, counts) would let a few large sellers speak for all: nobody counts as more than 4 deviations off
    return np.asarray(np.clip((np.where(missing, of.median, x) - of.mean) / of.scale, -4, 4))
