"""What a model has to beat: the base rate, and the one column that anybody would sort by."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitrine.market.encoding import Encoding
from vitrine.market.metrics import Floats, measure
from vitrine.market.model import fit_calibration
from vitrine.market.split import Split

Labels = NDArray[np.int8]


def base_rate(y: Labels, parts: Split) -> Floats:
    """(n,) the share of ones in train, for everybody."""
    return np.full(len(y), float(y[parts.rows("train")].mean()))


def rule_column(table: pa.Table, starts: tuple[str, ...]) -> str | None:
    """The column of the simplest rule, feature or not: the first whose name begins as the task says."""
    found = [name for start in starts for name in table.column_names if name.startswith(start)]
    return found[0] if found else None


def one_column(table: pa.Table, column: str, y: Labels, parts: Split) -> Floats:
    """(n,) probabilities by the rank of one number alone, its direction and calibration fitted on train."""
    values = np.nan_to_num(table.column(column).cast(pa.float64()).to_numpy(), nan=0.0)
    train = parts.rows("train")
    ranked = np.searchsorted(np.sort(values[train]), values) / max(1, len(train)) - 0.5
    if measure(y[train], ranked[train])["auc"] < 0.5:
        ranked = -ranked
    margin = 4 * ranked
    return fit_calibration(margin[train], y[train]).probability(margin)


def lone_columns(table: pa.Table, encoding: Encoding, y: Labels, parts: Split) -> dict[str, float]:
    """AUC of every number alone on train, whichever way round; one that is nearly perfect was hardly known in time."""
    train = parts.rows("train")
    found = {}
    for name in encoding.numbers:
        values = np.nan_to_num(table.column(name).cast(pa.float64()).to_numpy(), nan=-1e30)[train]
        auc = measure(y[train], values)["auc"]
        found[name] = max(auc, 1 - auc)
    return found
