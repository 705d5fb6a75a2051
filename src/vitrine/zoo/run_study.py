"""Run a study of the zoo: each variation with each seed, every one of them resumable."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from vitrine.training.loop import Training
from vitrine.zoo.data import CLASSES, GarmentSet, fewer, only
from vitrine.zoo.entries import Entry
from vitrine.zoo.outcomes import Outcome, keep, read
from vitrine.zoo.run import Unit, code_version, train_unit
from vitrine.zoo.studies import Study, Variation

OnEpoch = Callable[[Unit, Training], object]


def run_study(
    study: Study,
    garments: GarmentSet,
    home: Path,
    *,
    seeds: int,
    on_epoch: OnEpoch = lambda unit, training: None,
) -> list[Outcome]:
    """The outcomes of all variations with seeds 0 to `seeds` - 1; those that are known for this set are not trained again."""
    learnt = fewer(only(garments, study.classes), study.rows)
    others = only(garments, set(CLASSES) - set(study.classes))
    outcomes = [one for one in read(study.name, home) if one.data_id == learnt.data_id]
    known = {(one.variation, one.seed) for one in outcomes}
    for seed in range(seeds):
        for variation in study.variations:
            if (variation.label, seed) in known:
                continue
            unit = Unit(_starting(variation, others, home, seed, on_epoch), seed, home)
            training = train_unit(unit, learnt, on_epoch=partial(on_epoch, unit))
            scores = [round(epoch.score, 4) for epoch in training.history]
            seconds = round(sum(epoch.cpu_seconds for epoch in training.history), 1)
            outcomes.append(Outcome(variation.label, seed, scores, seconds, learnt.data_id, code_version()))
            keep(home, study.name, outcomes)
            shutil.rmtree(unit.folder)  # a study keeps what it found, not its weights
        for taught in (variation.taught for variation in study.variations if variation.taught):
            shutil.rmtree(Unit(taught, seed, home).folder, ignore_errors=True)  # one taught several
    return outcomes


def _starting(variation: Variation, others: GarmentSet, home: Path, seed: int, on_epoch: OnEpoch) -> Entry:
    """The variation's entry, made to start from the weights that its teacher learns on the other classes."""
    if variation.taught is None:
        return variation.entry
    teacher = Unit(variation.taught, seed, home)
    train_unit(teacher, others, on_epoch=partial(on_epoch, teacher))
    arguments = {**variation.entry.arguments, "weights": str(teacher.folder)}
    return replace(variation.entry, arguments=arguments)
