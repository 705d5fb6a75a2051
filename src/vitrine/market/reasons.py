"""Say why a score is high or low: the features that moved a row's log-odds most, in words."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from vitrine.market.model import Model

MOST = 8


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature's part of a row's log-odds; `value` is what the feature was, None where it was missing."""

    feature: str
    value: float | str | None
    part: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"feature": self.feature, "value": self.value, "part": round(self.part, 4)}


def reasons(model: Model, table: pa.Table, *, most: int = MOST) -> list[list[Reason]]:
    """For each row of `table` its `most` strongest reasons, strongest first, whichever way they push."""
    parts = model.reasons(table)[:, :-1]
    names = model.encoding.features
    strongest = np.argsort(-np.abs(parts), axis=1, kind="stable")[:, :most]
    needed = sorted({names[column] for column in np.unique(strongest)}) if len(parts) else []
    values = {name: table.column(name).to_pylist() for name in needed}
    return [
        [Reason(names[at], _shown(values[names[at]][row]), float(parts[row, at])) for at in order if parts[row, at]]
        for row, order in enumerate(strongest.tolist())
    ]


def _shown(value: Any) -> float | str | None:
    if value is None or value != value:
        return None
    return value if isinstance(value, str) else round(float(value), 4)
