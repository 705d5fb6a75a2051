"""Fit gradient-boosted trees on the first principal components, for values told apart by thresholds."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.learn.rowwise import LOG_FLOOR, log_softmax

# Trees pay for every column; beyond the first components they gained nothing in benchmarks/heads.py.
COLUMNS = 64
BINS = 64
DEPTH = 4
LEARNING_RATE = 0.2
MOST_ROUNDS = 200
PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Boosted:
    """`model` is XGBoost's own UBJSON; `columns` of the input are read; absent values have the floor."""

    model: bytes
    columns: int
    present: NDArray[np.int64]
    k: int

    def log_proba(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, d) rows as (n, k) log probabilities."""
        import xgboost as xgb

        booster = xgb.Booster(model_file=bytearray(self.model))
        scores = np.full((len(x), self.k), -1e6, dtype=np.float32)
        scores[:, self.present] = booster.inplace_predict(
            np.ascontiguousarray(x[:, : self.columns]), predict_type="margin"
        ).reshape(len(x), -1)
        return log_softmax(scores, LOG_FLOOR)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Its numbers by name; the model's bytes are one of them."""
        return {
            "model": np.frombuffer(self.model, dtype=np.uint8),
            "shape": np.array([self.columns, self.k]),
            "present": self.present,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """The same classifier again, from `arrays`."""
        columns, k = (int(number) for number in arrays["shape"])
        return cls(arrays["model"].tobytes(), columns, arrays["present"].astype(np.int64), k)


def fit_boosted(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    k: int,
    *,
    rounds: int,
    held_out: tuple[NDArray[np.float32], NDArray[np.int64]] | None = None,
    seed: int,
) -> tuple[Boosted, int]:
    """Fit on rows `x` (n, d) with values `y` in 0..k-1; also gives the number of rounds it took.

    With `held_out` rows it stops early, when their log-loss has not improved for `PATIENCE` rounds.
    """
    import xgboost as xgb

    present, dense = np.unique(y, return_inverse=True)
    columns = min(COLUMNS, x.shape[1])
    train = xgb.QuantileDMatrix(x[:, :columns], dense, max_bin=BINS, nthread=1)
    watched = []
    if held_out is not None:
        known = np.isin(held_out[1], present)
        watched_y = np.searchsorted(present, held_out[1][known])
        held_x = held_out[0][known, :columns]
        watched = [(xgb.QuantileDMatrix(held_x, watched_y, ref=train, max_bin=BINS, nthread=1), "held_out")]
    settings = {
        "objective": "multi:softprob", "num_class": len(present), "eval_metric": "mlogloss",
        "tree_method": "hist", "max_bin": BINS, "max_depth": DEPTH, "learning_rate": LEARNING_RATE,
        "nthread": 1, "seed": seed, "verbosity": 0,
    }  # fmt: skip
    booster = xgb.train(
        settings,
        train,
        rounds,
        evals=watched,
        early_stopping_rounds=PATIENCE if watched else None,
        verbose_eval=False,
    )
    used = booster.best_iteration + 1 if watched else rounds
    return Boosted(bytes(booster[:used].save_raw("ubj")), columns, present, k), used
