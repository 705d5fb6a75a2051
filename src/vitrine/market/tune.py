"""Choose the trees' settings on folds of train by group: Optuna, seeded, with bounded trials, pruning, early stopping."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.market.encoding import Matrix
from vitrine.market.metrics import auc
from vitrine.market.scorers import fit_trees

MOST_ROUNDS = 200
_FOLDS = 3  # of the five: a trial costs three fits
_MOST_ROWS = 15_000  # settings chosen on this many rows serve more; a trial stays a matter of seconds
_START = {
    "learning_rate": 0.1, "max_depth": 3, "min_child_weight": 8.0, "subsample": 0.8, "colsample_bytree": 0.5,
    "reg_lambda": 3.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tuned:
    """The settings with the highest AUC on the rows judged, and how many trials were made and pruned."""

    settings: dict[str, Any]
    auc: float
    trials: int
    pruned: int


def tune(
    x: Matrix,
    y: NDArray[np.int8],
    level: NDArray[np.float64],
    inner: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    *,
    trials: int,
    seed: int,
    threads: int,
    on_progress: Callable[[int, int], None],
) -> Tuned:
    """Search on rows x (n, d) with labels y, the log-odds of each row's month `level` (n,), and `inner` pairs of rows.

    Rounds stop early on the rows judged; `settings["rounds"]` is their mean for the best trial. The same seed finds
    the same settings.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pairs = [(_some(fit), _some(held)) for fit, held in inner[:_FOLDS]]

    def ranked(trial: optuna.Trial) -> float:
        settings = _suggest(trial)
        aucs, used = [], []
        for number, (fit, held) in enumerate(pairs):
            fitted, rounds = fit_trees(
                x[fit], y[fit], rounds=MOST_ROUNDS, settings=settings, level=level[fit],
                held_out=(x[held], y[held], level[held]), seed=seed, threads=threads,
            )  # fmt: skip
            found = auc(y[held], fitted.margin(x[held]))
            aucs.append(found if found == found else 0.5)  # a fold of one class tells nothing
            used.append(rounds)
            trial.report(float(np.mean(aucs)), number)
            if trial.should_prune():
                raise optuna.TrialPruned
        trial.set_user_attr("rounds", round(float(np.mean(used))))
        return float(np.mean(aucs))

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0),
    )
    study.enqueue_trial(_START)
    study.optimize(ranked, n_trials=trials, callbacks=[lambda _study, trial: on_progress(trial.number + 1, trials)])
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
    best = study.best_trial
    return Tuned(
        {**best.params, "rounds": best.user_attrs["rounds"]}, float(study.best_value), len(study.trials), pruned
    )


def _suggest(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.05, 0.3, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 6),
        "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 60.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 0.9),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.3, 30.0, log=True),
    }


def _some(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    return rows if len(rows) <= _MOST_ROWS else rows[np.linspace(0, len(rows) - 1, _MOST_ROWS).astype(np.intp)]
