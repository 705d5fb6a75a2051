"""Plan a publishing rule on out-of-fold answers of train: offsets, who may publish, and the levels to test.

Nothing here reads a calibrate label, so whatever is chosen cannot break the certificate; it only decides how
much a proof can publish.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log

import numpy as np
from scipy.special import bdtr, bdtrik, expit, logit

from vitrine.learn.answers import Answers, Bools, Floats, Strings

MIN_PREDICTIONS = 20  # out-of-fold families a value needs before it may be published
MAX_LEVELS = 50
OFFSET_SPREAD = 1.0  # prior standard deviation of a value's offset, in log-odds
LIKELY = 0.8  # power at which a number of labels is called enough


@dataclass(frozen=True, slots=True)
class Rule:
    """Publish an answer when log-odds(confidence) ≥ offsets[value] + level.

    A value without offset is never published, and with `level` None nothing is. A looser (smaller) level
    publishes all that a stricter one does.
    """

    offsets: Mapping[str, float]
    level: float | None

    @property
    def thresholds(self) -> dict[str, float]:
        """The smallest confidence with which each value is published; a value that never is, is left out."""
        if self.level is None:
            return {}
        return {value: float(expit(offset + self.level)) for value, offset in self.offsets.items()}

    def published(self, values: Strings, confidence: Floats) -> Bools:
        """Which of n answers are published; the others go to review."""
        if self.level is None:
            return np.zeros(len(values), dtype=np.bool_)
        return score(values, confidence, self.offsets) >= self.level


@dataclass(frozen=True, slots=True)
class Plan:
    """What train alone decides: offsets of publishable values, and levels to test, each looser than the last.

    `labels_needed` is how many calibrate families would probably be enough, None if no number would.
    """

    offsets: Mapping[str, float]
    levels: tuple[float, ...]
    labels_needed: int | None


def score(values: Strings, confidence: Floats, offsets: Mapping[str, float]) -> Floats:
    """Log-odds of the confidence minus the value's offset; minus infinity where the value may not publish."""
    offset = np.array([offsets.get(value, np.inf) for value in values], dtype=np.float64)
    return _log_odds(confidence) - offset


def _log_odds(confidence: Floats) -> Floats:
    return np.asarray(logit(np.clip(confidence, 1e-9, 1 - 1e-9)))


@dataclass(frozen=True, slots=True)
class _Curve:
    """`coverage` and `risk` (error of what is published) of publishing down to each of falling `scores`."""

    scores: Floats
    coverage: Floats
    risk: Floats

    @classmethod
    def of(cls, answers: Answers, scores: Floats, weight: Floats) -> "_Curve":
        order = np.argsort(-scores, kind="stable")  # ties stay in the order of skus
        order = order[np.isfinite(scores[order])]
        last_of_ties = np.append(np.diff(scores[order]) != 0, True) if len(order) else np.zeros(0, dtype=bool)
        published = weight[order].cumsum()
        errors = (weight * ~answers.correct)[order].cumsum()
        # Laplace's rule, so that a short clean start is not taken for perfect
        risk = (errors + 1) / (published + 2)
        keep = order[last_of_ties]
        return cls(scores[keep], published[last_of_ties] / weight.sum(), risk[last_of_ties])

    def at(self, coverage: float) -> int:
        """Index of the strictest score that publishes at least this share."""
        return min(int(np.searchsorted(self.coverage, coverage - 1e-12)), len(self.coverage) - 1)


def plan(train: Answers, n_families: int, alpha: float, delta: float) -> Plan:
    """Choose everything but the level on labelled out-of-fold answers, for a test on `n_families` families.

    alpha is the error allowed, delta the risk of a wrong proof.
    """
    if not len(train.sku):
        return Plan({}, (), None)
    _, inverse, sizes = np.unique(train.family.astype(str), return_inverse=True, return_counts=True)
    weight = 1.0 / sizes[inverse]
    offsets = _offsets(train, weight)
    curve = _Curve.of(train, score(train.value, train.confidence, offsets), weight)
    needed = _labels_needed(curve, float(weight.sum()), alpha, delta)
    while levels := _levels(curve, n_families, alpha, delta):
        kept = _publishable(train, weight, offsets, levels, alpha)
        if len(kept) == len(offsets):
            break
        offsets = kept
        curve = _Curve.of(train, score(train.value, train.confidence, offsets), weight)
    return Plan(offsets, levels, needed)


def _offsets(train: Answers, weight: Floats) -> dict[str, float]:
    """Per value, how much more log-odds of confidence it takes to be as often right as the average value.

    Logistic regression of being right on the log-odds, with an intercept for each value that is shrunk to the
    common one: the marginal error at a level is then alike for all values, which publishes most at a given
    total error.
    """
    from scipy.optimize import minimize

    values, index = np.unique(train.value.astype(str), return_inverse=True)
    enough = np.bincount(index, weight) >= MIN_PREDICTIONS
    rows = train.confidence >= 0.5  # the doubtful end says little about the end that is published
    x, right, v, w = _log_odds(train.confidence)[rows], train.correct[rows], index[rows], weight[rows]

    def objective(theta: Floats) -> tuple[float, Floats]:
        slope, common, own = theta[0], theta[1], theta[2:]
        q = slope * x + common + own[v]
        loss = (w * np.logaddexp(0, np.where(right, -q, q))).sum()
        loss += 0.5 * (own @ own) / OFFSET_SPREAD**2 + 2.0 * (slope - 1) ** 2
        g = w * (expit(q) - right)
        own_slope = np.bincount(v, g, len(values)) + own / OFFSET_SPREAD**2
        return float(loss), np.concatenate([[(g * x).sum() + 4.0 * (slope - 1), g.sum()], own_slope])

    theta = minimize(objective, np.r_[1.0, 0.0, np.zeros(len(values))], jac=True, method="L-BFGS-B").x
    fitted = -theta[2:] / max(theta[0], 0.2)
    return {str(value): float(o) for value, o, keep in zip(values, fitted, enough, strict=True) if keep}


def _publishable(
    train: Answers, weight: Floats, offsets: Mapping[str, float], levels: tuple[float, ...], alpha: float
) -> dict[str, float]:
    """The offsets without the values that are wrong too often out of fold at every level to be tested."""
    scores = score(train.value, train.confidence, offsets)
    kept = {}
    for value, offset in offsets.items():
        own = train.value == value
        published = scores[own] >= np.array(levels)[:, None]
        errors = (published * (weight * ~train.correct)[own]).sum(axis=1)
        families = (published * weight[own]).sum(axis=1)
        if ((families > 0) & (errors <= alpha * families)).any():
            kept[value] = offset
    return kept


def _levels(curve: _Curve, n_families: int, alpha: float, delta: float) -> tuple[float, ...]:
    """From where rejection is most likely on train to where it is hopeless, evenly in coverage.

    Never below the fewest families that could prove anything, all of them right: ln(delta) / ln(1 - alpha).
    """
    fewest = ceil(log(delta) / log(1 - alpha))
    if not n_families or not len(curve.scores) or curve.coverage[-1] * n_families < fewest:
        return ()
    candidates = np.linspace(fewest / n_families, curve.coverage[-1], 101)
    at = [curve.at(c) for c in candidates]
    power = np.array([_power(round(curve.coverage[i] * n_families), curve.risk[i], alpha, delta) for i in at])
    start = int(power.argmax())
    hopeful = np.flatnonzero(power >= 0.02)
    end = min(max(start, int(hopeful.max(initial=0)) + 2), len(candidates) - 1)
    shares = np.linspace(candidates[start], candidates[end], MAX_LEVELS)
    return tuple(float(s) for s in dict.fromkeys(curve.scores[curve.at(c)] for c in shares))


def _power(n: int, risk: float, alpha: float, delta: float) -> float:
    """Probability that n published families with this error reject "the error is above alpha"."""
    allowed = np.floor(bdtrik(delta, n, alpha)) if n else -1.0
    if allowed < 0 or bdtr(allowed, n, alpha) > delta:
        allowed -= 1
    return float(bdtr(allowed, n, risk)) if allowed >= 0 else 0.0


def _labels_needed(curve: _Curve, families: float, alpha: float, delta: float) -> int | None:
    """The fewest calibrate families that would probably prove some level, by its error out of fold."""
    if not len(curve.scores):
        return None
    at = {curve.at(coverage) for coverage in np.geomspace(min(1.0, MIN_PREDICTIONS / families), 1.0, 50)}
    needed = [probably_enough(curve.risk[i], curve.coverage[i], alpha, delta) for i in at]
    return min((n for n in needed if n is not None), default=None)


def probably_enough(risk: float, coverage: float, alpha: float, delta: float) -> int | None:
    """Calibrate families after which a level of this error and coverage is proven 4 times out of 5.

    None where the error is not below alpha: then no number is enough.
    """
    if risk >= alpha or coverage <= 0:
        return None
    low = high = ceil(log(delta) / log(1 - alpha))
    while _power(high, risk, alpha, delta) < LIKELY and high < 10**9:
        low, high = high, high * 2
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if _power(middle, risk, alpha, delta) >= LIKELY else (middle, high)
    return ceil(high / coverage)
