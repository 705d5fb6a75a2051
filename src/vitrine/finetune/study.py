"""Search a better recipe with Optuna: trials that fall behind are pruned, a search that was interrupted goes on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vitrine.finetune.job import Prepared
from vitrine.finetune.recipe import Recipe
from vitrine.training.loop import Training

if TYPE_CHECKING:
    import optuna

_BEGUN, _FIRST_JUDGED = 4, 2


@dataclass(frozen=True, slots=True)
class Searched:
    """The best recipe found, its score on the families held out, and how many trials were made and pruned."""

    recipe: Recipe
    score: float
    trials: int
    pruned: int


def search(
    prepared: Prepared,
    recipe: Recipe,
    *,
    trials: int,
    on_trial: Callable[[int, int], None] = lambda done, total: None,
) -> Searched:
    """Try `trials` recipes that differ from `recipe` in rates, regularization and augmentation; the first is itself.

    Every trial is a training of its own with checkpoints; called again after an interruption, the trial that was under way
    continues. The study lies beside the trainings, so the same call adds nothing once it is complete.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = prepared.workspace.data / "finetune"
    name = prepared.run_id(recipe)
    study = optuna.create_study(
        direction="maximize",
        study_name=name,
        storage=f"sqlite:///{folder / f'study-{name}.sqlite'}",
        sampler=optuna.samplers.TPESampler(seed=recipe.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_BEGUN, n_warmup_steps=_FIRST_JUDGED),
        load_if_exists=True,
    )
    _take_up_again(study, recipe)

    def scored(trial: "optuna.Trial") -> float:
        def judge(training: Training) -> None:
            latest = training.history[-1]
            trial.report(latest.score, latest.epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        best = prepared.fit(_suggest(trial, recipe), on_epoch=judge).training.best
        assert best is not None  # a training has at least one epoch
        return best.score

    for _ in range(max(0, trials - len(_ended(study)))):
        study.optimize(scored, n_trials=1)
        on_trial(len(_ended(study)), trials)
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
    found = _suggest(optuna.trial.FixedTrial(study.best_params), recipe)
    return Searched(found, float(study.best_value), len(_ended(study)), pruned)


def _ended(study: "optuna.Study") -> list[Any]:
    return [trial for trial in study.trials if trial.state.is_finished() and trial.state.name != "FAIL"]


def _take_up_again(study: "optuna.Study", recipe: Recipe) -> None:
    """A new study begins with the recipe itself; one that was killed, with the trial that was under way."""
    import optuna

    if not study.trials:
        augmentation = recipe.augmentation
        first = {
            "rate": recipe.rate, "backbone_share": recipe.backbone_share, "depth_decay": recipe.depth_decay,
            "weight_decay": recipe.weight_decay, "smoothing": recipe.smoothing, "dropout": recipe.dropout,
            "least_area": augmentation.least_area, "jitter": augmentation.jitter, "operations": augmentation.operations,
        }  # fmt: skip
        study.enqueue_trial(first)
    for trial in study.trials:
        if trial.state.name == "RUNNING":
            study.enqueue_trial(trial.params, skip_if_exists=False)
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def _suggest(trial: "optuna.trial.BaseTrial", recipe: Recipe) -> Recipe:
    augmentation = replace(
        recipe.augmentation,
        least_area=trial.suggest_float("least_area", 0.25, 1.0),
        jitter=trial.suggest_float("jitter", 0.0, 0.3),
        operations=trial.suggest_int("operations", 0, 2),
    )
    return replace(
        recipe,
        rate=trial.suggest_float("rate", 3e-4, 1e-2, log=True),
        backbone_share=trial.suggest_float("backbone_share", 0.03, 1.0, log=True),
        depth_decay=trial.suggest_float("depth_decay", 0.6, 1.0),
        weight_decay=trial.suggest_float("weight_decay", 1e-3, 0.2, log=True),
        smoothing=trial.suggest_float("smoothing", 0.0, 0.2),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        augmentation=augmentation,
    )
