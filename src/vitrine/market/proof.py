"""Champion by proof for the marketplace's tasks: a higher AUC on the same later rows, beyond chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vitrine.errors import Refused
from vitrine.market.metrics import auc_difference
from vitrine.market.model import Model


@dataclass(frozen=True, slots=True)
class AucComparison:
    """Challenger against champion on `n` common later rows of `groups` sellers: gain in AUC and its 95 % interval.

    A `retired` champion reads features that today's SQL no longer makes: it cannot score, whoever follows it.
    """

    challenger: str
    champion: str
    n: int
    groups: int
    gain: float
    interval: tuple[float, float]
    retired: bool = False

    @property
    def proven(self) -> bool:
        """Better beyond chance; against a champion whose features are no longer made, not worse beyond chance."""
        return self.interval[0] > 0 or (self.retired and self.interval[1] >= 0)

    @property
    def advice(self) -> str:
        """What to do where nothing is proven."""
        return "more months of data tell more; `vitrine market models` shows both models"

    def sentence(self) -> str:
        """The comparison as a person reads it."""
        low, high = self.interval
        between = f"95 % interval {low:+.4f} to {high:+.4f}, n = {self.n:,}, {self.groups:,} sellers"
        return f"{self.challenger} against {self.champion}: AUC {self.gain:+.4f} ({between})"


@dataclass(frozen=True, slots=True)
class AgainstChance:
    """The first model of a task has no champion to beat, but it must be better than a coin on `n` later rows."""

    challenger: str
    n: int
    auc: float | None
    interval: tuple[float | None, float | None]
    champion: str = "a coin"

    @property
    def proven(self) -> bool:
        """Better than a coin beyond chance."""
        return (self.interval[0] or 0.0) > 0.5

    @property
    def advice(self) -> str:
        """What to do where nothing is proven."""
        return "more months of data tell more; vitrine market train again with them"

    def sentence(self) -> str:
        """The comparison as a person reads it."""
        low, high = self.interval
        if self.auc is None or low is None or high is None:
            return f"{self.challenger} cannot be judged: its {self.n:,} later rows are of one class"
        between = f"95 % interval {low:.3f} to {high:.3f}, n = {self.n:,}"
        return f"{self.challenger} is not shown to be better than {self.champion}: AUC {self.auc:.3f} ({between})"


def against_chance(scorecard: dict[str, Any]) -> AgainstChance:
    """A model's figures on its later rows, against a coin."""
    later = scorecard["later"]
    auc = later["auc"]
    return AgainstChance(scorecard["model"], later["n"], auc["mean"], (auc["low"], auc["high"]))


def compare_auc(challenger: Model, champion: Model, later: pa.Table, *, keys: tuple[str, str]) -> AucComparison:
    """Compare on the challenger's `later` rows (features and label) that neither has learnt from; `keys` are time and group.

    Both are judged as they are deployed; sellers are drawn whole (paired bootstrap). Raises Refused where no row of both
    classes is later than what both have learnt from, or the champion lacks a column.
    """
    time, group = keys
    names = (challenger.model_id, champion.model_id)
    begin = max(challenger.origin.later_from, champion.origin.later_from)
    rows = later.filter(pc.greater_equal(later.column(time), pa.scalar(np.datetime64(begin).astype(object))))
    y = rows.column("label").to_numpy()
    if not len(y) or y.min() == y.max():
        raise Refused(
            f"{names[0]} and {names[1]} have no later rows of both classes in common (from {begin})",
            hint="build later reference dates, train again, then promote",
        )
    groups = np.array(rows.column(group).to_pylist(), dtype=str)
    gain, interval = auc_difference(y, challenger.probability(rows), champion.probability(rows), groups)
    retired = challenger.origin.features_id != champion.origin.features_id
    shown = (round(interval[0], 5), round(interval[1], 5))
    return AucComparison(*names, len(y), len(np.unique(groups)), round(gain, 5), shown, retired)
