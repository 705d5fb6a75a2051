"""Run a study of the zoo: each variation with each seed, every one of them resumable."""

import shutil
from collections.abc import Callable
from pathlib import Path

from vitrine.training.loop import Training
from vitrine.zoo.data import GarmentSet, fewer
from vitrine.zoo.outcomes import Outcome, keep, read
from vitrine.zoo.run import Unit, code_version, train_unit
from vitrine.zoo.studies import Study


def run_study(
    study: Study,
    garments: GarmentSet,
    home: Path,
    *,
    seeds: int,
    on_epoch: Callable[[Unit, Training], object] = lambda unit, training: None,
) -> list[Outcome]:
    """The outcomes of all variations with seeds 0 to `seeds` - 1; those that are known for this set are not trained again."""
    learnt = fewer(garments, study.rows)
    outcomes = [one for one in read(study.name, home) if one.data_id == learnt.data_id]
    known = {(one.variation, one.seed) for one in outcomes}
    for seed in range(seeds):
        for variation in study.variations:
            if (variation.label, seed) in known:
                continue
            unit = Unit(variation.entry, seed, home)
            training = train_unit(unit, learnt, on_epoch=lambda training, unit=unit: on_epoch(unit, training))  # type: ignore[misc]
            scores = [round(epoch.score, 4) for epoch in training.history]
            seconds = round(sum(epoch.cpu_seconds for epoch in training.history), 1)
            outcomes.append(Outcome(variation.label, seed, scores, seconds, learnt.data_id, code_version()))
            keep(home, study.name, outcomes)
            shutil.rmtree(unit.folder)  # a study keeps what it found, not its weights
    return outcomes
