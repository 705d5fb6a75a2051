"""The error meter: what blind audits prove about what is published, at any moment and however often one looks.

>>> import numpy as np
>>> wrong = np.zeros(400, bool)
>>> wrong[[50, 200, 350]] = True
>>> round(upper_bound(3, 400, risk=0.05), 3)
0.027
>>> bool(evidence(wrong, allowed=0.03).max() < np.log(1 / 0.05))
True
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

_TIMES_ALLOWED = (1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)  # error rates that money is put on; 1 puts none
_KEPT = 0.5  # of the money on none of them, so that a long good time costs little
_SHARED = 1 / 500  # of the money goes back to where it began after each audit, so that a late change is noticed
_TILTS = np.geomspace(0.2, 6.0, 20)


def evidence(wrong: Sequence[bool] | NDArray[np.bool_], allowed: float) -> NDArray[np.float64]:
    """Log of the e-process after each audit (…, n), in order: what a gambler owns who began with 1 and bets on errors.

    While every published item is wrong with probability at most `allowed` given the past, no strategy is expected to
    win, and exceeds 1/δ ever with probability at most δ (Ville). Bets as in Waudby-Smith and Ramdas (2024, JRSS-B,
    arXiv 2010.09686), spread over several rates and followed by fixed share (Herbster and Warmuth 1998).
    """
    rates = np.minimum(allowed * np.array(_TIMES_ALLOWED), (1 + allowed) / 2)
    factor = np.array([(1 - rates) / (1 - allowed), rates / allowed])
    start = np.array([_KEPT, *[(1 - _KEPT) / (len(rates) - 1)] * (len(rates) - 1)])
    outcomes = np.asarray(wrong, dtype=np.intp)
    shares = np.broadcast_to(start, (*outcomes.shape[:-1], len(start)))
    gains = np.ones(outcomes.shape)
    for i in range(outcomes.shape[-1]):
        won = shares * factor[outcomes[..., i]]
        gain = won.sum(axis=-1, keepdims=True)
        shares = (1 - _SHARED) * won / gain + _SHARED * start
        gains[..., i] = gain[..., 0]
    return np.log(gains).cumsum(axis=-1)


def upper_bound(errors: int, audits: int, risk: float) -> float:
    """Upper bound of the mean error probability of what was audited so far; 1 before the first audit.

    At no moment ever is the mean of the conditional error probabilities above it, but with probability `risk`: bets
    against each candidate rate at once, mixed over fixed tilts λ. The factor exp(-λx) / (1 - p(1 - exp(-λ))) has mean 1,
    and because its logarithm is convex in p the mean p̄ stands in for rates that change (Howard, Ramdas, McAuliffe and
    Sekhon 2020, Probability Surveys 17, for Bernoulli sums).
    """
    from scipy.optimize import brentq

    if not audits:
        return 1.0
    gain = 1 - np.exp(-_TILTS)

    def against(rate: float) -> float:
        owned = logsumexp(-_TILTS * errors - audits * np.log1p(-rate * gain)) - np.log(len(_TILTS))
        return float(owned + np.log(risk))

    if against(1.0) <= 0:
        return 1.0
    return float(brentq(against, errors / audits, 1.0, xtol=1e-6))


def estimate(wrong: Sequence[bool], probability: Sequence[float]) -> float | None:
    """Share of wrong ones among everything that could have been drawn: each audit weighs 1/its probability (Hájek 1971)."""
    if not wrong:
        return None
    weights = 1 / np.asarray(probability, dtype=np.float64)
    return float(weights[np.asarray(wrong, dtype=np.bool_)].sum() / weights.sum())


def risk_of_round(number: int, risk: float) -> float:
    """The share of `risk` that the `number`-th certification may use; over all of them they add up to `risk`.

    >>> round(risk_of_round(1, 0.05), 4), round(sum(risk_of_round(k, 0.05) for k in range(1, 10_000)), 4)
    (0.0304, 0.05)
    """
    return risk * 6 / (np.pi**2 * number**2)
