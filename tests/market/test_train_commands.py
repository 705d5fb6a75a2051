"""What a person or a scheduler gets from the commands: JSON contracts, exit codes, a hint."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from command import vitrine


@pytest.fixture(scope="module")
def quarters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,200 rows of 300 sellers in four quarters; many orders keep a seller."""
    random = np.random.default_rng(0)
    orders = random.poisson(np.exp(random.normal(1.5, 1, 300)))
    rows = [(f"s{n}", f"2017Q{q}", int(orders[n]), random.random()) for n in range(300) for q in range(1, 5)]
    churn = [bool(random.random() < 1 / (1 + 0.4 * row[2])) for row in rows]
    path = tmp_path_factory.mktemp("tables") / "quarters.parquet"
    columns = list(zip(*rows, strict=True))
    names = ("seller", "quarter", "orders", "noise")
    table = {name: list(column) for name, column in zip(names, columns, strict=True)}
    pq.write_table(pa.table(table | {"is_churn": churn}), path)
    return path


def train(quarters: Path, workspace: Path) -> dict[str, Any]:
    columns = ("--label", "is_churn", "--time", "quarter", "--group", "seller", "--horizon", 92)
    command = ("market", "train", "churn", "--abt", quarters, *columns, "--trials", 1, "-w", workspace)
    report: dict[str, Any] = json.loads(vitrine(*command, "--json").stdout)
    return report


def test_a_ready_table_trains_a_champion_and_keeps_the_contract(quarters: Path, tmp_path: Path) -> None:
    report = train(quarters, tmp_path)
    assert {"task", "rows", "sellers", "auc", "auc_out_of_time", "baselines", "model", "promoted"} <= set(report)
    assert (report["task"], report["rows"], report["sellers"], report["promoted"]) == ("churn", 1_200, 300, True)
    assert {"mean", "low", "high", "n"} <= set(report["auc"]) & set(report["auc_out_of_time"])
    assert report["auc_out_of_time"]["low"] > 0.6
    assert set(report["baselines"]) == {"base_rate", "logistic"}

    scored = vitrine("market", "score", "churn", "--json", "-w", tmp_path, expect=1)
    assert "a table given by hand" in scored.stdout  # its features cannot be made here

    promoted = vitrine("market", "promote", "churn", "-w", tmp_path, expect=1)
    assert "is the champion already" in promoted.stderr
    back = vitrine("market", "promote", "churn", "--back", "-w", tmp_path, expect=2)
    assert "no earlier champion" in back.stderr

    listed = json.loads(vitrine("market", "models", "--json", "-w", tmp_path).stdout)
    assert listed["champions"] == {"market-churn": report["model"]}


def test_a_first_model_that_is_no_better_than_a_coin_is_no_champion(quarters: Path, tmp_path: Path) -> None:
    table = pq.read_table(quarters)
    coin = np.random.default_rng(1).random(table.num_rows) < 0.5
    noise = tmp_path / "noise.parquet"
    pq.write_table(table.set_column(table.column_names.index("is_churn"), "is_churn", pa.array(coin)), noise)
    report = train(noise, tmp_path)
    assert report["promoted"] is False and "not shown to be better than a coin" in report["not_promoted"]
    promoted = vitrine("market", "promote", "churn", "-w", tmp_path, expect=1)
    assert "not shown to be better than a coin" in promoted.stderr
    vitrine("market", "score", "churn", "-w", tmp_path, expect=2)
    assert train(quarters, tmp_path)["promoted"] is True, "what can be learnt becomes the first champion later"


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        (("train", "chrun"), 2, "no task 'chrun'"),
        (("score", "churn"), 2, "no champion of churn"),
        (("models",), 1, "no model yet"),
        (("report",), 2, "no champion to report on"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(tmp_path: Path, command: tuple[str, ...], status: int, words: str) -> None:
    result = vitrine("market", *command, "-w", tmp_path, expect=status)
    assert words in result.stderr and "hint:" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_table_without_horizon_is_asked_for_one(quarters: Path, tmp_path: Path) -> None:
    result = vitrine("market", "train", "churn", "--abt", quarters, "-w", tmp_path, expect=2)
    assert "--abt needs --horizon" in result.stderr
