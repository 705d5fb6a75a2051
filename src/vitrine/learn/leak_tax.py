"""The leak tax: how much better each attribute would look if families or styles were allowed to cross the split.

The same head, on the same train rows, predicted out of fold three times: with folds of single rows, of families, and of
styles (same name without its color words). The test part is not needed for it and not read.
"""

import os
from typing import Any

import numpy as np

from vitrine.config import LearnSettings
from vitrine.learn.dataset import Dataset
from vitrine.learn.head import out_of_fold
from vitrine.learn.model import Model
from vitrine.learn.split import families
from vitrine.learn.train import Take, project


def leak_tax(model: Model, dataset: Dataset, take: Take, settings: LearnSettings) -> dict[str, Any]:
    """Per attribute: n, and the out-of-fold accuracy by row, by family and by style."""
    rows = np.flatnonzero(dataset.parts == "train")
    projected = project(model.predictor.projection, rows, take)
    skus, family = np.array(dataset.skus)[rows], np.array(dataset.strings("family_id"))[rows]
    style = np.array(dataset.strings("style"))[rows]
    # a style holds whole families, as a family holds whole products
    ties = [*zip(skus, family, strict=True), *zip(skus, np.char.add("style ", style), strict=True)]
    by_style = families(ties)
    groups = {"row": skus, "family": family, "style": np.array([by_style[sku] for sku in skus])}
    tax: dict[str, Any] = {}
    for name, classifier in model.predictor.classifiers.items():
        labels = np.array(dataset.strings(name))[rows]
        values = np.array(classifier.values)
        usable = np.flatnonzero(np.isin(labels, values))
        y = np.searchsorted(values, labels[usable])
        chosen = next(one for one in model.reports[name] if one["chosen"])
        tax[name] = {"n": len(usable)}
        for grouping, group in groups.items():
            scores = out_of_fold(
                projected[usable],
                y,
                group[usable].tolist(),
                k=len(values),
                kind=chosen["kind"],
                seed=settings.seed,
                threads=settings.threads or os.cpu_count() or 1,
            )
            tax[name][grouping] = float((scores.argmax(axis=1) == y).mean())
    return tax
