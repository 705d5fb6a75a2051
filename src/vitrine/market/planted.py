"""What was planted of the very rows that a model was judged on: the best that anyone could have said of them.

A simulated marketplace knows the probability of every outcome. Ranking by it is the ceiling of a task's AUC, pooled and
within each month: a month that surprises everybody (strikes, holidays) lifts the pooled ceiling out of reach of a model
that cannot know the month, and leaves the ceiling within months where it was.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vitrine.market.metrics import auc, auc_difference, auc_within

# The planted probability of a task stands in `truth/<task>.parquet` under these keys.
_KEYS = {"churn": ("reference_date", "seller_id"), "delay": ("order_id",), "activation": ("seller_id",)}
_DRAWS = 300


def against_truth(judged: pa.Table, truth: Path, task: str, *, seed: int = 0) -> dict[str, Any]:
    """Model and truth on the rows of `judged` (key, label, score) that the folder `truth` knows.

    `auc` has n, model, planted and gap (planted minus model, with a 95 % interval by paired bootstrap over groups),
    `within_months` model and planted over pairs of the same month alone.
    """
    metadata = {key.decode(): value.decode() for key, value in (judged.schema.metadata or {}).items()}
    keys = list(_KEYS[task])
    planted = pq.read_table(truth / f"{task}.parquet", columns=[*keys, "probability"])
    if "reference_date" in keys:
        judged = judged.set_column(
            judged.column_names.index("reference_date"), "reference_date", judged["reference_date"].cast(pa.date32())
        )
    rows = judged.join(planted, keys, join_type="inner")
    rows = rows.filter(pc.is_valid(rows["probability"]))
    y = rows["label"].to_numpy().astype(np.int8)
    said, best = rows["score"].to_numpy(), rows["probability"].to_numpy()
    groups = np.array(rows[metadata["group"]].to_pylist(), dtype=str)
    months = rows[metadata["time"]].to_numpy().astype("datetime64[M]")
    gap, (low, high) = auc_difference(y, best, said, groups, seed=seed, draws=_DRAWS)
    return {
        "n": len(y),
        "groups": len(set(groups.tolist())),
        "auc": {"model": auc(y, said), "planted": auc(y, best), "gap": {"mean": gap, "low": low, "high": high}},
        "within_months": {
            "model": auc_within(y, said, months, groups, seed=seed, draws=_DRAWS),
            "planted": auc_within(y, best, months, groups, seed=seed, draws=_DRAWS),
        },
    }
