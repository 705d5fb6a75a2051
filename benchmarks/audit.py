"""How fast do audits notice a drift, and how rarely do they stop a sound head?

    python benchmarks/audit.py --runs 2000

A head is certified at 3 % error and audited by the default budget: 150 answers at once, 20 a week after that, and 150
a week while the evidence is against it. It is wrong in 1 % of its answers, and from some week on in 6 % of those for new
products. The horizon is ten years. Simulated outcomes prove the statistics of the method, never the accuracy of a model.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
from scipy.stats import beta

from vitrine.config import AuditSettings
from vitrine.desk import meter

ALLOWED, RISK = 0.03, 0.05
YEARS = 10


def outcomes(
    random: np.random.Generator, runs: int, audits: int, before: float, after: float, drift: int
) -> np.ndarray:
    """Whether each audit (runs, audits) finds an error; from audit number `drift` on at the rate `after`."""
    rate = np.where(np.arange(audits) < drift, before, after)
    return random.random((runs, audits)) < rate


def first_stop(wrong: np.ndarray, risk: float) -> np.ndarray:
    """The audit at which each run stops, as a number from 1; one more than there are where it never does."""
    reached = meter.evidence(wrong, ALLOWED) >= -np.log(risk)
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, wrong.shape[1] + 1)


def weeks_to(wrong: np.ndarray, stops: np.ndarray, good: int, settings: AuditSettings, doubted: float) -> np.ndarray:
    """Weeks from audit number `good` (0: the certification) to the stop, with `doubted` audits a week while in doubt."""
    logs = meter.evidence(wrong, ALLOWED)
    runs = np.arange(len(wrong))
    place = np.full(len(wrong), float(good or settings.first))
    weeks = np.zeros(len(wrong))
    while (waiting := place < np.minimum(stops, wrong.shape[1])).any():
        in_doubt = logs[runs, np.minimum(place.astype(int), wrong.shape[1]) - 1] > 0
        place += np.where(in_doubt, doubted, settings.weekly)
        weeks += waiting
    return weeks


def interval(hits: int, n: int) -> tuple[float, float]:
    """Exact 95 % interval of a share (Clopper and Pearson 1934)."""
    low = float(beta.ppf(0.025, hits, n - hits + 1)) if hits else 0.0
    return low, float(beta.ppf(0.975, hits + 1, n - hits)) if hits < n else 1.0


def needed_to_confirm(random: np.random.Generator, runs: int, rate: float, audits: int, risk: float) -> np.ndarray:
    """Audits until the bound first lies below what is allowed."""
    errors = (random.random((runs, audits)) < rate).cumsum(axis=1)
    most = int(errors.max())
    enough = np.full(most + 1, audits + 1)  # the smallest number of audits with so many errors that confirms
    n = 1
    for count in range(most + 1):
        n = max(n, count, 1)
        while n <= audits and meter.upper_bound(count, n, risk) > ALLOWED:
            n += 1
        enough[count] = n
    reached = np.arange(1, audits + 1) >= enough[errors]
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, audits + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2_000)
    arguments = parser.parse_args()
    settings, risk, runs = AuditSettings(), meter.risk_of_round(1, RISK), arguments.runs
    random = np.random.default_rng(0)
    horizon = settings.first + int(settings.weekly * 52 * YEARS)
    results: dict[str, object] = {"runs": runs, "allowed": ALLOWED, "risk": risk}

    print(f"{runs} runs; allowed {ALLOWED:.0%}, δ₁ = {risk:.4f}; audits {settings.first} + {settings.weekly:g} a week")
    print(
        f"{'drift after':<12}{'audits, median':>16}{'90 %':>8}{'days, median':>14}{'90 %':>8}"
        f"{'days at 20 a week':>20}{'90 %':>8}"
    )
    for weeks in (0, 4, 26, 104):
        good = 0 if not weeks else settings.first + int(settings.weekly * weeks)
        wrong = outcomes(random, runs, good + 4_000, 0.01, 0.06, good)
        stops = first_stop(wrong, risk)
        after = stops[stops > good] - good
        shown = [np.median(after), np.quantile(after, 0.9)]
        for doubted in (float(settings.first), settings.weekly):
            days = 7 * weeks_to(wrong, stops, good, settings, doubted)[stops > good]
            shown += [np.median(days), np.quantile(days, 0.9)]
        name = f"{weeks} weeks"
        print(
            f"{name:<12}{shown[0]:>16.0f}{shown[1]:>8.0f}{shown[2]:>14.0f}{shown[3]:>8.0f}{shown[4]:>20.0f}{shown[5]:>8.0f}"
        )
        results[f"drift after {name}"] = [float(one) for one in shown]
        results[f"never, drift after {name}"] = float((stops > wrong.shape[1]).mean())

    print(f"\nstopped for nothing in {YEARS} years ({horizon:,} audits), at most {risk:.4f} is promised")
    for rate in (0.01, 0.02, 0.03):
        stops = first_stop(outcomes(random, runs, horizon, rate, rate, 0), risk)
        hits = int((stops <= horizon).sum())
        low, high = interval(hits, runs)
        print(f"  true error {rate:.0%}: {hits} of {runs} = {hits / runs:.4f} (95 % interval {low:.4f} to {high:.4f})")
        results[f"for nothing at {rate}"] = [hits, runs, low, high]

    print("\naudits until the bound lies below what is allowed")
    for rate in (0.0, 0.005, 0.01, 0.02):
        needed = needed_to_confirm(random, runs, rate, 6_000, risk)
        print(f"  true error {rate:.1%}: median {np.median(needed):.0f}, 90 % {np.quantile(needed, 0.9):.0f}")
        results[f"to confirm at {rate}"] = [float(np.median(needed)), float(np.quantile(needed, 0.9))]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    Path("results").mkdir(exist_ok=True)
    Path("results/audit.json").write_text(json.dumps({"commit": commit, **results}, indent=1))


if __name__ == "__main__":
    main()
