"""What a leak would have bought: the AUC of a small model with the leaky column, less the AUC with its honest values."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitrine.learn.folds import folds

_FOLDS = 3
_ROUNDS = 60
_MOST_COLUMNS = 40


def leak_gains(
    seen: pa.Table,
    honest: pa.Table,
    labels: pa.Table,
    key: Sequence[str],
    columns: Sequence[str],
    *,
    aside: Sequence[str] = (),
) -> dict[str, float]:
    """For each of `columns` the out-of-fold AUC with its values of `seen` less that with those of `honest`.

    The other columns (the first 40 numbers that do not leak, without `aside`) are honest in both. Folds are by seller.
    `labels` has the key and `label`. Empty where fewer than two labels of each class are there.
    """
    rows = labels.join(
        honest.append_column("at", pa.array(np.arange(honest.num_rows))), keys=list(key), join_type="inner"
    )
    place = {value: at for at, value in enumerate(_keys(seen, key))}
    rows = rows.filter(pa.array([value in place for value in _keys(rows, key)]))
    y = rows.column("label").to_numpy().astype(np.int8) if rows.num_rows else np.zeros(0, np.int8)
    if min((y == 0).sum(), (y == 1).sum()) < _FOLDS:
        return {}
    here = pa.array([place[value] for value in _keys(rows, key)])
    fold = folds(y.astype(np.int64), rows.column("seller_id").to_pylist(), count=_FOLDS, seed=0)
    base = [name for name in _numeric(honest) if name not in {*key, *columns, *aside}][:_MOST_COLUMNS]
    gains = {}
    leaky = seen.take(here)
    for column in columns:
        if column not in rows.column_names or column not in _numeric(honest):
            continue
        plain = _matrix(rows, [*base, column])
        changed = plain.copy()
        changed[:, -1] = leaky.column(column).to_numpy()
        gains[column] = _auc(changed, y, fold) - _auc(plain, y, fold)
    return gains


def _auc(x: NDArray[np.float64], y: NDArray[np.int8], fold: NDArray[np.int64]) -> float:
    """Out-of-fold AUC of a small boosted model."""
    import xgboost as xgb
    from sklearn.metrics import roc_auc_score

    scores = np.zeros(len(y))
    settings = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.15, "nthread": 1, "seed": 0}
    for number in range(_FOLDS):
        train, out = fold != number, fold == number
        model = xgb.train(settings, xgb.DMatrix(x[train], y[train]), num_boost_round=_ROUNDS)
        scores[out] = model.predict(xgb.DMatrix(x[out]))
    return float(roc_auc_score(y, scores))


def _numeric(table: pa.Table) -> list[str]:
    return [field.name for field in table.schema if pa.types.is_floating(field.type)]


def _matrix(table: pa.Table, columns: Sequence[str]) -> NDArray[np.float64]:
    return np.column_stack([table.column(name).to_numpy() for name in columns])


def _keys(table: pa.Table, key: Sequence[str]) -> list[tuple[object, ...]]:
    return list(zip(*(table.column(name).to_pylist() for name in key), strict=True))
