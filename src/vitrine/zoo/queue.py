"""Train and judge several units one after the other; what is done is not done again, what is begun goes on."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial

from vitrine.tracking import Tracker
from vitrine.training.loop import Training
from vitrine.zoo.data import GarmentSet
from vitrine.zoo.results import Evidence, find
from vitrine.zoo.run import Unit, judge_unit, train_unit


def run_units(
    units: Iterable[Unit],
    garments: GarmentSet,
    *,
    minutes: float | None,
    judge_unfinished: bool,
    on_epoch: Callable[[Unit, Training], object] = lambda unit, training: None,
    on_judged: Callable[[Evidence], object] = lambda evidence: None,
) -> tuple[list[Evidence], list[Unit]]:
    """The results of the units that are judged, and those that wait to be trained further.

    Each unit is trained for `minutes` and the rest of an epoch (None: to its end), a new one for at least one epoch. With
    `judge_unfinished` test is read for those that did not reach their end, too; it will be read again when they have.
    Several that answer together are judged when the last of them is trained, not before.
    """
    judged, waiting = [], []
    for unit in units:
        known = find(unit.home, unit.entry.name, unit.seed)
        training = train_unit(unit, garments, go_on=_for(minutes), on_epoch=partial(on_epoch, unit))
        if training.finished or (judge_unfinished and training.best is not None):
            evidence = judge_unit(unit, garments, training)
            if evidence != known:
                track(unit, evidence)
            on_judged(evidence)
            judged.append(evidence)
        if not training.finished:
            waiting.append(unit)
    return judged, waiting


def _for(minutes: float | None) -> Callable[[], bool]:
    """True for so many minutes from now."""
    end = None if minutes is None else time.monotonic() + 60 * minutes
    return lambda: end is None or time.monotonic() < end


def track(unit: Unit, evidence: Evidence) -> None:
    """Enter a judged run in the zoo's MLflow database; StorageError when it cannot be used."""
    result = evidence.result
    tracker = Tracker(f"sqlite:///{unit.home / 'mlflow.sqlite'}", unit.home / "mlflow", experiment="zoo")
    recipe = {name: value for name, value in asdict(unit.entry.recipe).items() if value is not None}
    tracker.log(
        f"{result.entry} seed {result.seed}",
        parameters=recipe | {"data": result.data_id, "weights_sha256": result.weights_sha256, "commit": result.commit},
        metrics={
            "test_accuracy": result.accuracy,
            "validation_accuracy": result.validation_accuracy,
            "test_macro_f1": result.macro_f1,
            "seconds": result.seconds,
            "cpu_seconds": result.cpu_seconds,
        },
    )
