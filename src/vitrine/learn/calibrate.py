"""Turn a head's raw scores into probabilities that mean what they say, and measure whether they do.

Everything here is fitted on out-of-fold scores of the train part: a calibrator fitted on the part that is
certified afterwards breaks the certificate.

>>> import numpy as np
>>> log_proba = np.log([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.9, 0.1]])
>>> calibrator = fit_calibrator(log_proba, np.array([0, 0, 1, 1]), ["a", "b", "c", "d"])
>>> calibrator.apply(log_proba).shape
(4, 2)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError

FOLDS = 5
BIAS_SPREAD = 0.5  # prior standard deviation of a value's bias, in log-odds; rare values stay near no bias
LOG_FLOOR = -50.0  # a score of exactly 0 must not forbid a value for good
SHARPNESS_RANGE = (0.05, 20.0)

Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Temperature scaling, with a bias for each value where that helps out of fold.

    `apply` gives softmax(sharpness * log_proba + bias); sharpness is one over the temperature.
    """

    kind: str
    sharpness: float
    bias: tuple[float, ...]
    log_loss: float

    def apply(self, log_proba: Scores) -> NDArray[np.float64]:
        """Calibrated probabilities, (n, k), of raw log scores, (n, k)."""
        if log_proba.ndim != 2 or log_proba.shape[1] != len(self.bias):
            raise InputError(f"calibrator of {len(self.bias)} values was given scores of shape {log_proba.shape}")
        logits = self.sharpness * _floored(log_proba) + np.asarray(self.bias)
        return np.exp(_log_softmax(logits))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal calibrator back."""
        return {
            "kind": self.kind,
            "sharpness": self.sharpness,
            "bias": list(self.bias),
            "log_loss": self.log_loss,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Calibrator":
        """The calibrator that `to_json` wrote."""
        return cls(data["kind"], float(data["sharpness"]), tuple(map(float, data["bias"])), float(data["log_loss"]))


def fit_calibrator(log_proba: Scores, y: NDArray[np.integer[Any]], family_id: Sequence[str]) -> Calibrator:
    """Fit on out-of-fold scores (n, k) and true value indices (n,); rows of one family share an inner fold.

    Temperature alone (Guo et al. 2017, arXiv 1706.04599) or temperature with a penalized bias per value,
    whichever has the lower inner cross-validated log-loss; that loss is kept as `log_loss`. Raises InputError
    on unusable scores.
    """
    _check(log_proba, y, family_id)
    scores = _floored(log_proba)
    fold = np.array([int.from_bytes(sha256(f.encode()).digest()[:4]) % FOLDS for f in family_id])
    losses = {kind: _inner_loss(scores, y, fold, spread) for kind, spread in _KINDS.items()}
    kind = min(losses, key=lambda name: losses[name])
    sharpness, bias = _fit(scores, y, _KINDS[kind])
    return Calibrator(kind, sharpness, tuple(bias.tolist()), losses[kind])


_KINDS = {"temperature": 0.0, "temperature and bias": BIAS_SPREAD}


def _check(log_proba: Scores, y: NDArray[np.integer[Any]], family_id: Sequence[str]) -> None:
    if log_proba.ndim != 2 or not len(log_proba) or len(y) != len(log_proba) or len(family_id) != len(y):
        raise InputError(
            f"calibration needs scores (n, k), values (n,) and families (n,); got {log_proba.shape}, "
            f"{y.shape} and {len(family_id)}"
        )
    if np.isnan(log_proba).any():
        row = int(np.isnan(log_proba).any(axis=1).argmax())
        raise InputError(f"score row {row} holds a value that is not a number")
    if y.min() < 0 or y.max() >= log_proba.shape[1]:
        raise InputError(f"value index {int(y.max())} is outside the {log_proba.shape[1]} columns of scores")


def _floored(log_proba: Scores) -> NDArray[np.float64]:
    return np.maximum(np.asarray(log_proba, dtype=np.float64), LOG_FLOOR)


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _inner_loss(
    scores: NDArray[np.float64], y: NDArray[np.integer[Any]], fold: NDArray[np.int64], spread: float
) -> float:
    total = 0.0
    for k in np.unique(fold):
        held = fold == k
        seen = held if held.all() else ~held  # a single family has no second fold
        sharpness, bias = _fit(scores[seen], y[seen], spread)
        log_p = _log_softmax(sharpness * scores[held] + bias)
        total -= float(log_p[np.arange(int(held.sum())), y[held]].sum())
    return total / len(y)


def _fit(scores: NDArray[np.float64], y: NDArray[np.integer[Any]], spread: float) -> tuple[float, NDArray[np.float64]]:
    """Minimize the mean log-loss plus the bias penalty; it is convex, so one start is enough."""
    from scipy.optimize import minimize

    n, k = scores.shape
    rows = np.arange(n)
    counts = np.bincount(y, minlength=k) / n
    penalty = 1.0 / (n * spread**2) if spread else 0.0

    def objective(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        bias = theta[1:] if spread else np.zeros(k)
        log_p = _log_softmax(theta[0] * scores + bias)
        p = np.exp(log_p)
        loss = -log_p[rows, y].mean() + 0.5 * penalty * (bias @ bias)
        slope = np.array([((p * scores).sum() - scores[rows, y].sum()) / n])
        if spread:
            slope = np.concatenate([slope, p.mean(axis=0) - counts + penalty * bias])
        return float(loss), slope

    start = np.concatenate([[1.0], np.zeros(k if spread else 0)])
    bounds = [SHARPNESS_RANGE] + [(None, None)] * (len(start) - 1)
    theta = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(theta[0]), np.asarray(theta[1:] if spread else np.zeros(k))


@dataclass(frozen=True, slots=True)
class Reliability:
    """How well confidences match outcomes: `ece` over bins of equal mass, `brier` on the decided value.

    The bins (mean confidence, share correct, count) are what a reliability plot draws.
    """

    n: int
    ece: float
    brier: float
    bin_confidence: tuple[float, ...]
    bin_correct: tuple[float, ...]
    bin_n: tuple[int, ...]


def reliability(confidence: Scores, correct: NDArray[np.bool_], *, bins: int = 15) -> Reliability:
    """Expected calibration error over `bins` bins of equal mass, and Brier score, of decided values (n,).

    Equal mass, because most confidences crowd near 1 where bins of equal width would hold everything.
    """
    if len(confidence) != len(correct) or not len(confidence):
        raise InputError(f"reliability needs as many outcomes as confidences; got {len(correct)}, {len(confidence)}")
    n = len(confidence)
    sure = np.asarray(confidence, dtype=np.float64)
    # by the rank of the first equal one: answers that are equally sure are never told apart
    bin_of = np.searchsorted(np.sort(sure), sure) * bins // n
    counts = np.bincount(bin_of, minlength=bins)
    used = counts > 0
    means, shares = (np.bincount(bin_of, weights=of, minlength=bins)[used] / counts[used] for of in (sure, correct))
    ece = float(counts[used] @ np.abs(means - shares)) / n
    brier = float(np.mean((sure - correct) ** 2))
    return Reliability(n, ece, brier, tuple(means.tolist()), tuple(shares.tolist()), tuple(counts[used].tolist()))
