"""The leak tax: how much better each attribute would look if families or styles were allowed to cross the split.

A linear head on the same train rows, predicted out of fold three times: with folds of single rows, of families, and of
styles (same name without its color words). The test part is not needed for it and not read.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vitrine.config import LearnSettings
from vitrine.learn.dataset import Dataset
from vitrine.learn.folds import folds
from vitrine.learn.kinds import Rows, fit
from vitrine.learn.model import Model
from vitrine.learn.split import families
from vitrine.learn.train import Take, project

_FOLDS = 3
_STRENGTH = 0.03


def leak_tax(model: Model, dataset: Dataset, take: Take, settings: LearnSettings) -> dict[str, Any]:
    """Per attribute: n, and the out-of-fold accuracy by row, by family and by style."""
    rows = np.flatnonzero(dataset.parts == "train")
    projected = project(model.predictor.projection, rows, take)
    groups = _groups(dataset, rows)
    tax: dict[str, Any] = {}
    with threadpool_limits(limits=1), ThreadPoolExecutor(settings.threads or os.cpu_count() or 1) as pool:
        for name, classifier in model.predictor.classifiers.items():
            labels = np.array(dataset.strings(name))[rows]
            values = np.array(classifier.values)
            usable = np.flatnonzero(np.isin(labels, values))
            x, y = projected[usable], np.searchsorted(values, labels[usable])

            def accuracy(
                group: NDArray[Any], x: Any = x, y: Any = y, usable: Any = usable, k: int = len(values)
            ) -> float:
                fold = folds(y, group[usable].tolist(), count=_FOLDS, seed=settings.seed)
                return _accuracy(Rows(x, y, k, fold), settings.seed)

            by = dict(zip(groups, pool.map(accuracy, groups.values()), strict=True))
            tax[name] = {"n": len(usable), **by}
    return tax


def _groups(dataset: Dataset, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
    skus, family = np.array(dataset.skus)[rows], np.array(dataset.strings("family_id"))[rows]
    style = np.array(dataset.strings("style"))[rows]
    # a style holds whole families, as a family holds whole products
    ties = [*zip(skus, family, strict=True), *zip(skus, np.char.add("style ", style), strict=True)]
    by_style = families(ties)
    return {"row": skus, "family": family, "style": np.array([by_style[sku] for sku in skus])}


def _accuracy(rows: Rows, seed: int) -> float:
    right = 0
    for held in np.unique(rows.fold):
        out = rows.fold == held
        scores = fit("linear", _STRENGTH, rows, ~out, seed).log_proba(rows.x[out])
        right += int((scores.argmax(axis=1) == rows.y[out]).sum())
    return right / len(rows.y)
