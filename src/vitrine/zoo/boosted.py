"""Gradient boosting as an entry of the zoo: trees on pixels, a round is an epoch, and it goes on where it was interrupted.

It goes on with other draws of rows and columns: the library does not keep its random state, so not to the bit.

Method: Chen and Guestrin, "XGBoost", 2016 (KDD).
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from vitrine.errors import NotFound, Refused
from vitrine.stores.whole import whole
from vitrine.training.loop import Epoch, Training
from vitrine.zoo.data import CLASSES, GarmentSet, Part
from vitrine.zoo.entries import Recipe

_LAST = "last.ubj"
_STATE = "vitrine"  # the booster's attribute that holds identity and history


def train_boosted(
    recipe: Recipe,
    garments: GarmentSet,
    folder: Path,
    *,
    seed: int,
    threads: int,
    identity: Mapping[str, object],
    go_on: Callable[[], bool],
    on_epoch: Callable[[Training], object],
) -> Training:
    """Add rounds of ten trees up to the recipe's epochs, or until `go_on()` is false; Refused in another run's folder."""
    settings: dict[str, Any] = {
        "objective": "multi:softprob", "num_class": len(CLASSES), "eta": recipe.rate, "max_depth": 6, "subsample": 0.8,
        "colsample_bytree": 0.3, "tree_method": "hist", "max_bin": 64, "seed": seed, "nthread": threads,
    }  # fmt: skip
    learnt = xgb.QuantileDMatrix(_rows(garments.train), garments.train.labels, max_bin=64)
    booster, training = _begin(folder, settings, identity, learnt)
    validation = xgb.DMatrix(_rows(garments.validation))
    while len(training.history) < recipe.epochs and (not training.history or go_on()):
        number = len(training.history) + 1
        began, began_cpu = time.perf_counter(), time.process_time()
        booster.update(learnt, number - 1)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
        score = float((booster.predict(validation).argmax(1) == garments.validation.labels).mean())
        loss = _surprise(booster.predict(learnt), garments.train.labels)
        training.history.append(Epoch(number, loss, score, recipe.rate, seconds, {}, cpu_seconds))
        _keep(booster, folder, identity, training)
        _look_back(training, recipe)
        on_epoch(training)
    _look_back(training, recipe)
    return training


def keep_boosted(folder: Path, path: Path, epoch: int) -> int:
    """Write the trees of the first `epoch` rounds to `path`; returns how many nodes they have."""
    booster = _load(folder / _LAST)[:epoch]
    booster.set_attr(**{_STATE: None})
    with whole(path, hint="free some space and run the same command again") as temporary:
        # by its bytes: the library chooses the format by the file's ending
        temporary.write_bytes(booster.save_raw("ubj"))
    return sum(tree.count("leaf=") + tree.count("yes=") for tree in booster.get_dump())


def answer_boosted(path: Path, part: Part) -> NDArray[np.float32]:
    """Probabilities (n, 10) for every picture by the trees in `path`."""
    found: NDArray[np.float32] = _load(path).predict(xgb.DMatrix(_rows(part)))
    return found


def _begin(
    folder: Path, settings: dict[str, Any], identity: Mapping[str, object], learnt: xgb.DMatrix
) -> tuple[xgb.Booster, Training]:
    if not (folder / _LAST).exists():
        return xgb.Booster(settings, [learnt]), Training([])
    booster = _load(folder / _LAST)
    state = json.loads(booster.attr(_STATE) or "{}")
    if state.get("identity") != json.loads(json.dumps(identity)):
        raise Refused(f"{folder} holds another training", hint=f"delete it to begin anew: rm -r '{folder}'")
    booster.set_param(settings)
    return booster, Training([Epoch(**epoch) for epoch in state["history"]])


def _keep(booster: xgb.Booster, folder: Path, identity: Mapping[str, object], training: Training) -> None:
    state = {"identity": dict(identity), "history": [asdict(epoch) for epoch in training.history]}
    booster.set_attr(**{_STATE: json.dumps(state)})
    with whole(folder / _LAST, hint="free some space and run the same command again: it continues") as temporary:
        temporary.write_bytes(booster.save_raw("ubj"))


def _look_back(training: Training, recipe: Recipe) -> None:
    training.best = max(training.history, key=lambda epoch: (epoch.score, -epoch.epoch))
    training.finished = "epochs" if len(training.history) >= recipe.epochs else ""


def _load(path: Path) -> xgb.Booster:
    if not path.exists():
        raise NotFound(f"{path} does not exist", hint="vitrine zoo run boosted-trees")
    return xgb.Booster(model_file=bytearray(path.read_bytes()))


def _rows(part: Part) -> NDArray[np.float32]:
    return part.pictures.reshape(len(part), -1).astype(np.float32)


def _surprise(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())
