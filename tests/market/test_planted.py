"""A model stands beside the planted truth on the very rows it was judged on, pooled and within months."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vitrine.market.planted import against_truth

ROWS, MONTHS = 6_000, 6


def judged_and_truth(folder: Path, *, knows: float) -> pa.Table:
    """Orders whose odds hang on the month and on something that the model knows in part."""
    random = np.random.default_rng(0)
    month = random.integers(MONTHS, size=ROWS)
    own, noise = random.normal(size=(2, ROWS))
    probability = 1 / (1 + np.exp(-(np.linspace(-4, 1, MONTHS)[month] + own)))
    order = np.array([f"o{row}" for row in range(ROWS)])
    (folder / "truth").mkdir()
    shuffled = random.permutation(ROWS)
    table = pa.table({"order_id": order[shuffled], "probability": probability[shuffled]})
    pq.write_table(table, folder / "truth" / "delay.parquet")
    return pa.table(
        {
            "order_id": order,
            "seller_id": [f"s{row % 300}" for row in range(ROWS)],
            "purchased_at": (np.datetime64("2018-01") + month).astype("M8[D]"),
            "label": (random.random(ROWS) < probability).astype(np.int8),
            "score": knows * own + (1 - knows) * noise,
        }
    ).replace_schema_metadata({"time": "purchased_at", "group": "seller_id", "entity": "order_id"})


def test_a_model_that_knows_half_is_beyond_doubt_below_the_truth(tmp_path: Path) -> None:
    found = against_truth(judged_and_truth(tmp_path, knows=0.5), tmp_path / "truth", "delay")

    assert (found["n"], found["groups"]) == (ROWS, 300)
    assert found["auc"]["gap"]["low"] > 0.05
    assert found["within_months"]["model"]["high"] < found["within_months"]["planted"]["low"]


def test_months_that_surprise_lift_the_pooled_ceiling_alone(tmp_path: Path) -> None:
    found = against_truth(judged_and_truth(tmp_path, knows=1.0), tmp_path / "truth", "delay")

    assert found["auc"]["gap"]["low"] > 0.1
    within = found["within_months"]
    assert abs(within["model"]["mean"] - within["planted"]["mean"]) < 1e-9
