"""What the studies found: one JSON file a study, one outcome a variation and seed, and their means with intervals."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vitrine.errors import StorageError
from vitrine.stores.whole import whole
from vitrine.zoo.results import SHIPPED, mean_interval

_FOLDER = "studies"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One variation with one seed: accuracy on validation after each epoch, processor seconds of training, and what made it."""

    variation: str
    seed: int
    scores: Sequence[float]
    cpu_seconds: float
    data_id: str
    commit: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A variation over its seeds: last and best accuracy with the half width of their 95 % t-intervals over seeds.

    `gain` is the mean difference of the last accuracy to the study's first variation, seed by seed.
    """

    variation: str
    seeds: int
    epochs: int
    last: float
    over_seeds: float | None
    best: float
    gain: float | None
    gain_over_seeds: float | None
    cpu_seconds: float


def keep(folder: Path, study: str, outcomes: Sequence[Outcome]) -> None:
    """Write all outcomes of a study. StorageError when the disk does not take it."""
    with whole(_file(folder, study), hint="free some space and run the study again: it continues") as temporary:
        lines = ",\n ".join(json.dumps(asdict(one), ensure_ascii=False) for one in outcomes)
        temporary.write_text(f"[{lines}]\n", encoding="utf-8")


def read(study: str, folder: Path = SHIPPED) -> list[Outcome]:
    """The outcomes of a study so far. StorageError for a damaged file."""
    path = _file(folder, study)
    if not path.exists():
        return []
    try:
        return [Outcome(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise StorageError(f"{path} is damaged: {error}", hint="delete it and run the study again") from error


def findings(outcomes: Sequence[Outcome]) -> list[Finding]:
    """One line a variation, in the order in which they came first."""
    by_variation: dict[str, dict[int, Outcome]] = {}
    for one in outcomes:
        by_variation.setdefault(one.variation, {})[one.seed] = one
    reference = next(iter(by_variation.values()), {})
    return [_finding(name, seeds, {} if seeds is reference else reference) for name, seeds in by_variation.items()]


def _finding(variation: str, seeds: dict[int, Outcome], reference: dict[int, Outcome]) -> Finding:
    last, half = mean_interval([one.scores[-1] for one in seeds.values()])
    pairs = [seeds[seed].scores[-1] - reference[seed].scores[-1] for seed in seeds if seed in reference]
    gain, gain_half = mean_interval(pairs) if pairs else (None, None)
    return Finding(
        variation=variation,
        seeds=len(seeds),
        epochs=min(len(one.scores) for one in seeds.values()),
        last=last,
        over_seeds=half,
        best=mean_interval([max(one.scores) for one in seeds.values()])[0],
        gain=gain,
        gain_over_seeds=gain_half,
        cpu_seconds=sum(one.cpu_seconds for one in seeds.values()),
    )


def _file(folder: Path, study: str) -> Path:
    return folder / _FOLDER / f"{study}.json"
