"""Judge a trained model: on unseen groups before, out of time, month by month, against baselines and a careless protocol."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitrine.learn.calibrate import reliability
from vitrine.market import baselines
from vitrine.market.abt import Abt
from vitrine.market.candidates import Candidate
from vitrine.market.encoding import Encoding
from vitrine.market.metrics import with_intervals
from vitrine.market.profit import Costs, advise, profit_curve
from vitrine.market.split import Split
from vitrine.market.tasks import task

_SUSPECT = 0.95  # AUC of one column alone
_BINS = 10
_MONTH_DRAWS = 200


def evaluate(
    abt: Abt, parts: Split, encoding: Encoding, chosen: Candidate, plain: Candidate, costs: Costs, *, seed: int
) -> dict[str, Any]:
    """The scorecard of `chosen`, with the logistic `plain` among its baselines; here alone are labels outside train read."""
    y = abt.table.column("label").to_numpy().astype(np.int8)
    groups = np.array(abt.table.column(abt.group).to_pylist(), dtype=str)
    later, test, train = (parts.rows(name) for name in ("later", "test", "train"))
    p = chosen.probability
    new = later[parts.fold[later] < 0]
    rule = baselines.rule_column(abt.table, task(abt.task).rule)
    others = {"base_rate": baselines.base_rate(y, parts)}
    if rule is not None:
        others["recency"] = baselines.one_column(abt.table, rule, y, parts)
    others["logistic"] = plain.probability
    measured = {name: with_intervals(y[later], of[later], groups[later], seed=seed) for name, of in others.items()}
    if rule is not None:
        measured["recency"]["column"] = rule
    alone = baselines.lone_columns(abt.table, encoding, y, parts)
    sure = reliability(p[later], y[later].astype(bool), bins=_BINS)
    share, profit = profit_curve(y[later], p[later], costs)
    deployed = chosen.calibration.probability(chosen.scorer.margin(encoding.matrix(abt.table.take(pa.array(later)))))
    return {
        "test": with_intervals(y[test], p[test], groups[test], seed=seed),
        "later": with_intervals(y[later], p[later], groups[later], seed=seed),
        "later_new_groups": with_intervals(y[new], p[new], groups[new], seed=seed),
        "later_as_deployed": with_intervals(y[later], deployed, groups[later], seed=seed),
        "later_from": parts.later_from.isoformat(),
        "parts": {name: int((parts.part == name).sum()) for name in ("train", "test", "embargo", "later")},
        "baselines": measured,
        "months": _months(abt, parts, y, p, groups, seed),
        "calibration": {
            "ece": sure.ece, "said": sure.bin_confidence, "happened": sure.bin_correct, "n": sure.bin_n,
        },
        "profit": {
            **advise((y[train], p[train]), (y[later], p[later], groups[later]), costs, seed=seed),
            "curve": [share.tolist(), profit.tolist()],
        },
        "suspects": {name: auc for name, auc in alone.items() if auc >= _SUSPECT},
    }  # fmt: skip


def later_rows(abt: Abt, parts: Split, encoding: Encoding, chosen: Candidate) -> pa.Table:
    """The later rows with key, group, label, features and `score` (by a model that never saw their group), to be kept."""
    rows = parts.rows("later")
    columns = dict.fromkeys([abt.entity, abt.time, abt.group, "label", *encoding.features])
    table = abt.table.select(list(columns)).take(pa.array(rows))
    return table.append_column("score", pa.array(chosen.probability[rows]))


def _months(
    abt: Abt, parts: Split, y: NDArray[Any], p: NDArray[np.float64], groups: NDArray[Any], seed: int
) -> list[dict[str, Any]]:
    """Metrics of every month of unseen rows: test groups before, everybody later."""
    times = abt.table.column(abt.time).to_numpy().astype("datetime64[M]")
    unseen = np.isin(parts.part, ("test", "later"))
    found = []
    for month in np.unique(times[unseen]):
        rows = np.flatnonzero(unseen & (times == month))
        part = "later" if "later" in parts.part[rows] else "test"
        score = with_intervals(y[rows], p[rows], groups[rows], seed=seed, draws=_MONTH_DRAWS)
        found.append({"month": str(month), "part": part, **score})
    return found
