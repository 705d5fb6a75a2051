"""What image attributes are worth to a model: the same training with and without them, on the same later rows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from vitrine.errors import Refused
from vitrine.market.abt import Abt
from vitrine.market.images import attribute_of
from vitrine.market.metrics import auc, auc_difference
from vitrine.market.train import train


@dataclass(frozen=True, slots=True)
class Uplift:
    """AUC gained out of time by the features of `attribute` (all of them: ""), with its 95 % interval over sellers."""

    attribute: str
    features: tuple[str, ...]
    n: int
    auc_without: float
    auc_with: float
    gain: float
    interval: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def uplift(
    abt: Abt,
    *,
    trials: int,
    seed: int,
    threads: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Uplift]:
    """What all image attributes of `abt` add together, then each alone. Refused where it has none, or nothing to predict."""
    if "label" not in abt.table.column_names:
        raise Refused(f"{abt.task} predicts nothing, so nothing adds to it", hint="vitrine market uplift churn")
    of_images = {name: kind for name in abt.features if (kind := attribute_of(name))}
    if not of_images:
        raise Refused(
            f"the base table of {abt.task} has no image attributes",
            hint="vitrine market attributes DIR writes those of a photo workspace beside the official files; ingest them",
        )
    without = [name for name in abt.features if name not in of_images]
    wanted = {"": list(of_images)}
    wanted |= {
        kind: [name for name, its in of_images.items() if its == kind] for kind in sorted(set(of_images.values()))
    }
    plain = train(replace(abt, features=without), trials=trials, seed=seed, threads=threads)
    found = []
    for number, (kind, features) in enumerate(wanted.items(), start=1):
        trained = train(replace(abt, features=[*without, *features]), trials=trials, seed=seed, threads=threads)
        found.append(_compared(kind, features, plain.later, trained.later, abt))
        on_progress(number, len(wanted))
    return found


def _compared(kind: str, features: list[str], before: pa.Table, after: pa.Table, abt: Abt) -> Uplift:
    keys = [abt.entity, abt.time]
    both = after.join(
        before.select([*keys, "score"]).rename_columns([*keys, "before"]),
        keys=keys,
        join_type="inner",
        use_threads=False,
    ).sort_by([(key, "ascending") for key in keys])
    y = both.column("label").to_numpy()
    first, second = both.column("score").to_numpy(), both.column("before").to_numpy()
    groups = np.array(both.column(abt.group).to_pylist(), dtype=str)
    gain, interval = auc_difference(y, first, second, groups)
    with_, without = auc(y, first), auc(y, second)
    shown = (round(interval[0], 4), round(interval[1], 4))
    return Uplift(kind, tuple(features), len(y), round(without, 4), round(with_, 4), round(gain, 4), shown)
