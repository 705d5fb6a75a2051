"""Train a task's model from a base table: split, baselines, boosted trees tuned on inner folds, calibration, scorecard.

The kind of model with the highest AUC on train out of fold (other groups) is kept. Protocol: see `vitrine.market.split`; every
later row is scored by a model that has seen neither its months nor its group.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from vitrine.errors import InputError
from vitrine.market.abt import Abt
from vitrine.market.candidates import Candidate, blend, levels, logistic, out_of_fold, trees
from vitrine.market.drift import SCORE, Reference
from vitrine.market.encoding import fit_encoding
from vitrine.market.evaluate import evaluate, later_rows
from vitrine.market.leak_tax import careless
from vitrine.market.model import Model, Origin
from vitrine.market.profit import Costs
from vitrine.market.split import check_split, split
from vitrine.market.tune import tune

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """The model, its scorecard (JSON values), the later rows with their scores, and how what it reads and says was spread."""

    model: Model
    scorecard: dict[str, Any]
    later: pa.Table
    references: dict[str, Reference]


def train(
    abt: Abt,
    *,
    rows_as_given: Abt | None = None,
    costs: Costs | None = None,
    trials: int = 20,
    seed: int = 0,
    threads: int = 0,
    thinned: str = "",
    features_id: str = "",
    on_progress: Progress = lambda done, total: None,
) -> Trained:
    """Train on `abt`; `rows_as_given` is the table before repeats were joined, for the leak tax.

    `features_id` names the SQL behind the features, `thinned` says why the rows are only a sample of a marketplace.

    Raises InputError when the table has no label, one class, or dates that leave nothing to learn from.
    """
    _check_labels(abt)
    cores = threads or os.cpu_count() or 1
    y = abt.table.column("label").to_numpy().astype(np.int8)
    parts = split(abt, seed=seed)
    check_split(abt, parts)
    rows = parts.rows("train")
    encoding = fit_encoding(abt.table.take(pa.array(rows)), abt.features)
    x = encoding.matrix(abt.table)
    plain = logistic(x, y, parts)
    level = levels(y, abt.table.column(abt.time).to_numpy())
    found = tune(x, y, level, parts.inner, trials=trials, seed=seed, threads=cores, on_progress=on_progress)
    boosted = trees(x, y, level, parts, found, seed=seed, threads=cores)
    both = blend(x, y, parts, plain, boosted)
    tried = (plain, boosted, both)
    chosen = max(tried, key=lambda one: one.auc)
    model = _model(abt, parts.later_from.isoformat(), encoding, chosen, rows, thinned, features_id)
    scorecard = {
        "task": abt.task,
        "model": model.model_id,
        "kind": model.scorer.kind,
        "settings": model.settings,
        "tried": {one.scorer.kind: out_of_fold(one, y, parts) for one in tried},
        "trials": found.trials,
        "pruned": found.pruned,
        "abt": abt.abt_id,
        "rows": abt.table.num_rows,
        "groups": len(set(abt.table.column(abt.group).to_pylist())),
        "horizon_days": abt.horizon_days,
        "features": encoding.features,
        "thinned": thinned,
        **evaluate(abt, parts, encoding, chosen, plain, costs or Costs(), seed=seed),
    }
    tax = careless(rows_as_given or abt, model.settings, later_from=parts.later_from, seed=seed, threads=cores)
    scorecard["leak_tax"] = {
        **tax,
        "auc": _gap(tax["careless_later"], scorecard["later"]),
    }
    learnt = {**encoding.codes(abt.table.take(pa.array(rows))), SCORE: chosen.probability[rows]}
    references = {name: Reference.of(values) for name, values in learnt.items()}
    return Trained(model, scorecard, later_rows(abt, parts, encoding, chosen), references)


def _check_labels(abt: Abt) -> None:
    if "label" not in abt.table.column_names:
        raise InputError(f"the base table of {abt.task} has no label", hint="vitrine market report shows segments")
    if abt.table.column("label").null_count:
        raise InputError(
            f"the base table of {abt.task} has rows without a label", hint="vitrine market abt leaves them out"
        )


def _model(
    abt: Abt, later_from: str, encoding: Any, chosen: Candidate, rows: Any, thinned: str, features_id: str
) -> Model:
    meta = {key.decode(): value.decode() for key, value in (abt.table.schema.metadata or {}).items()}
    groups = len(set(abt.table.column(abt.group).take(pa.array(rows)).to_pylist()))
    origin = Origin(
        task=abt.task,
        abt_id=abt.abt_id,
        source_id=meta.get("source_id", ""),
        features_id=features_id,
        population=meta.get("population", ""),
        horizon_days=abt.horizon_days,
        later_from=later_from,
        rows=len(rows),
        groups=groups,
        thinned=thinned,
    )
    return Model(origin, encoding, chosen.scorer, chosen.calibration, chosen.settings)


def _gap(claimed: dict[str, Any], honest: dict[str, Any]) -> float | None:
    """How much higher the careless AUC is on the same months; None where either has one class."""
    sides = claimed["auc"]["mean"], honest["auc"]["mean"]
    return None if None in sides else round(sides[0] - sides[1], 4)
