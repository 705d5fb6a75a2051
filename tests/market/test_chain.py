"""The whole road through the command line, on a small simulated marketplace; and the demo that does it in one go."""

import json
from pathlib import Path
from typing import Any

import pytest

from command import vitrine


def market(*arguments: object) -> dict[str, Any]:
    """What `vitrine market … --json` answers; its stdout is that and nothing else."""
    found: dict[str, Any] = json.loads(vitrine("market", *arguments, "--json").stdout)
    return found


def test_from_nothing_to_a_report_by_commands_alone(tmp_path: Path) -> None:
    files, here = tmp_path / "files", ("--workspace", tmp_path / "market")
    (tmp_path / "market").mkdir()
    drawn = market("simulate", files, "--sellers", 120, "--orders", 3_000)
    ingested = market("ingest", files, *here)
    assert ingested["changed"] and ingested["tables"]["orders"]["rows"] == drawn["rows"]["orders"]
    built = market("build", "--from", "2017-07", "--to", "2018-06", *here)
    assert {"reference_dates", "sellers", "features", "rows", "seconds", "store"} <= set(built)
    assert built["reference_dates"] == built["built"] == 12
    assert market("build", "--from", "2017-07", "--to", "2018-06", *here)["built"] == 0
    trained = market("train", "churn", "--trials", 1, *here)
    assert trained["auc_out_of_time"]["low"] > 0.5 and trained["promoted"]
    scored = market("score", "churn", *here)
    assert scored["reference_date"] == "2018-06-01" and scored["model"] == trained["model"]
    assert market("score", "churn", *here)["rows"] == scored["rows"] > 0
    page = Path(market("report", *here)["report"])
    told = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    (churn,) = told["tasks"]
    assert churn["scored"] == scored["rows"] and len(churn["top"]) == min(25, scored["rows"])
    assert churn["drift"]["months"][-1] == "2018-06-01" and churn["drift"]["checked"] > 300
    assert len(churn["drift"]["scores"]) == len(churn["drift"]["months"]) > 1


@pytest.mark.long
def test_the_demo_ends_with_every_task_beside_its_planted_truth(tmp_path: Path) -> None:
    found = market("demo", "--folder", tmp_path / "demo", "--sellers", 150, "--orders", 4_000)
    assert not found["lookahead"]["leaks"] and found["lookahead"]["checked"] > 400
    assert set(found["training"]) == set(found["truth"]) == {"churn", "delay", "activation"}
    assert {one["task"] for one in found["scores"]} >= {"segments"}
    assert Path(found["report"]).is_file() and (tmp_path / "demo" / "demo.json").is_file()
