"""The leak tax: what a careless protocol would have claimed on the same data.

The course's protocol: all rows, as they were given, shuffled into 80 % train and 20 % test; the same seller stands on
both sides, labels of the months tested are learnt from, repeats of a row are in both.
"""

from datetime import date
from typing import Any

import numpy as np

from vitrine.market.abt import Abt
from vitrine.market.candidates import levels
from vitrine.market.encoding import fit_encoding
from vitrine.market.metrics import with_intervals
from vitrine.market.scorers import Scorer, fit_logistic, fit_trees

_TEST_SHARE = 0.2


def careless(abt: Abt, settings: dict[str, Any], *, later_from: date, seed: int, threads: int) -> dict[str, Any]:
    """What the careless protocol would report, on all its test rows and on those from `later_from` on.

    The same kind of model with the same settings; intervals come from single rows, as such a report would draw them. On
    the same months only the protocol differs from the honest figure, not how hard the months are.
    """
    y = abt.table.column("label").to_numpy().astype(np.int8)
    test = np.random.default_rng(seed).random(len(y)) < _TEST_SHARE
    encoding = fit_encoding(abt.table, abt.features)
    x = encoding.matrix(abt.table)
    chosen = {name: value for name, value in settings.items() if name not in ("rounds", "strength")}
    scorers: list[Scorer] = []
    if "strength" in settings:
        scorers.append(fit_logistic(x[~test], y[~test], strength=settings["strength"]))
    if "rounds" in settings:
        rounds, of_month = settings["rounds"], levels(y, abt.table.column(abt.time).to_numpy())[~test]
        scorers.append(
            fit_trees(x[~test], y[~test], rounds=rounds, settings=chosen, level=of_month, seed=seed, threads=threads)[0]
        )
    margin = np.mean([scorer.margin(x[test]) for scorer in scorers], axis=0)
    p = 1 / (1 + np.exp(-margin))
    later = abt.table.column(abt.time).to_numpy()[test].astype("datetime64[D]") >= np.datetime64(later_from)
    found = {}
    for name, rows in (("careless", np.arange(len(p))), ("careless_later", np.flatnonzero(later))):
        found[name] = with_intervals(y[test][rows], p[rows], np.arange(len(rows)), seed=seed)
    return found
