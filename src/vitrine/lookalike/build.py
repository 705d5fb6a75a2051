"""Build the space of look-alikes: on the champion with what it learnt, or, before there is one, on looks alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError, NotFound, StorageError
from vitrine.learn.dataset import Dataset
from vitrine.learn.learnt import Basis
from vitrine.learn.model import Model
from vitrine.learn.projection import fit_projection
from vitrine.learn.train import Take, out_of_fold, project
from vitrine.lookalike.learn_metric import UNKNOWN, Codes, learn_metric
from vitrine.lookalike.space import Described, Metric, Space, Vectors, load_metric, save_metric

_LEAST = 2
_OF_LENGTH_ONE = 1e-9


def space_of_model(model: Model, basis: Basis, dataset: Dataset, take: Take, folder: Path) -> Space:
    """The champion's space; its metric is learnt on the train part of its data set, once, and kept in `folder`."""
    try:
        metric = load_metric(model.model_id, folder)
    except (NotFound, StorageError):
        metric = fit_metric(model, basis, dataset, take)
        save_metric(metric, model.model_id, folder)
    return Space(model.predictor.projection, model.predictor, model.model_id, metric)


def fit_metric(model: Model, basis: Basis, dataset: Dataset, take: Take) -> Metric:
    """Learn the metric on train alone, every product as heads see it that have not seen its family."""
    rows = np.flatnonzero(dataset.parts == "train")
    projected = project(model.predictor.projection, rows, take)
    unseen = out_of_fold(dataset, rows, projected, model.predictor, basis.learnt)
    decoded = model.predictor.grammar.decode(unseen)
    shares = {name: one.marginal.astype(np.float32) for name, one in decoded.items()}
    lengths = np.linalg.norm(projected, axis=1, keepdims=True)
    looks = np.asarray(projected / np.maximum(lengths, _OF_LENGTH_ONE), np.float32)
    values = model.predictor.grammar.values
    labels = {name: codes(np.array(dataset.strings(name))[rows].tolist(), values[name]) for name in values}
    return learn_metric(Described(looks, shares), labels, np.array(dataset.strings("family_id"))[rows])


def space_of_looks(vectors: Vectors, *, embedder_id: str, blocks: Sequence[tuple[int, int]]) -> Space:
    """A space without attributes, from a sample of vectors (n, dim); InputError where they tell nothing apart."""
    if len(vectors) < _LEAST:
        raise InputError("look-alikes need two products with a photo", hint="vitrine ingest PHOTOS --table labels.csv")
    return Space(fit_projection(vectors, embedder_id=embedder_id, blocks=blocks))


def codes(labels: Sequence[str], values: Sequence[str]) -> Codes:
    """Each label's place among the values, `UNKNOWN` where it is none of them."""
    place = {value: number for number, value in enumerate(values)}
    found: NDArray[np.int64] = np.array([place.get(label, UNKNOWN) for label in labels], np.int64)
    return found
