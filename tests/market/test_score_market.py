"""From features to scores and the page: the training's population, safe to run twice, refused where it must be."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

import vitrine.market.score as scoring
from vitrine.errors import NotFound, Refused
from vitrine.learn.promote import champion_of
from vitrine.market.home import Market
from vitrine.market.jobs import champion, run_promotion, run_training
from vitrine.market.profit import Costs
from vitrine.market.refresh import month_starts, refresh
from vitrine.market.report.write import write_report
from vitrine.market.score import score
from vitrine.market.segment_jobs import run_segments
from vitrine.market.simulate import simulate
from vitrine.market.thinned import thinned
from vitrine.stores import schema

pytestmark = pytest.mark.filterwarnings("ignore")


def silent(done: int, total: int) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """150 simulated sellers, 4,000 orders; features of every third month and a trained churn model."""
    folder = tmp_path_factory.mktemp("market")
    simulate(folder / "files", sellers=150, orders=4_000, seed=7)
    opened = Market.open(folder)
    opened.ingest(folder / "files")
    opened.features.build(month_starts(opened)[2::3])
    run_training(opened, "churn", costs=Costs(), trials=1, seed=0, on_progress=silent)
    run_segments(opened, seed=0)
    return opened


def stored(market: Market) -> list[dict[str, Any]]:
    return market.catalog.rows(sa.select(schema.scores).order_by(schema.scores.c.entity))


def test_scores_are_of_the_trainings_population_at_the_latest_date(market: Market) -> None:
    """L5: the course trained on sellers active within 45 days and scored everybody."""
    report = score(market, "churn")
    assert report.reference_date == market.features.dates()[-1]
    everybody = market.features.read([report.reference_date])
    active = {
        row["seller_id"]
        for row in everybody.select(["seller_id", "sales_days_since_last_sale"]).to_pylist()
        if row["sales_days_since_last_sale"] < 45
    }
    table = pq.read_table(report.output, partitioning=None)
    assert set(table.column("seller_id").to_pylist()) == active
    assert 0 < report.rows == len(active) < everybody.num_rows
    scores = table.column("score").to_numpy()
    assert (np.diff(scores) <= 0).all() and 0 <= scores.min() <= scores.max() <= 1
    reasons = json.loads(table.column("reasons")[0].as_py())
    assert reasons and set(reasons[0]) == {"feature", "value", "part"}


def test_scoring_twice_gives_the_same_rows_in_both_places(market: Market) -> None:
    first = score(market, "churn")
    before = [(row["entity"], row["score"]) for row in stored(market) if row["task"] == "churn"]
    second = score(market, "churn")
    after = [(row["entity"], row["score"]) for row in stored(market) if row["task"] == "churn"]
    assert before == after and len(after) == first.rows == second.rows
    assert first.output == second.output and not list(first.output.parent.glob(".*"))


def test_a_stop_between_file_and_catalog_is_mended_by_the_next_run(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(market, "churn")
    whole_before = stored(market)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scoring, "_enter", stop)
        with pytest.raises(KeyboardInterrupt):
            score(market, "churn")
    assert [(r["entity"], r["score"]) for r in stored(market)] == [(r["entity"], r["score"]) for r in whole_before]
    score(market, "churn")
    assert len(stored(market)) == len(whole_before)


def test_features_of_another_sql_are_refused(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "features_id", lambda task: "sql-of-tomorrow")
    with pytest.raises(Refused, match="sql-of-tomorrow"):
        score(market, "churn")


def test_a_task_without_a_champion_says_what_to_do(market: Market) -> None:
    with pytest.raises(NotFound, match="no champion of delay") as caught:
        score(market, "delay")
    assert "vitrine market train delay" in caught.value.hint


def test_a_challenger_without_proof_is_refused(market: Market) -> None:
    before = champion(market, "churn").model_id
    report = run_training(market, "churn", costs=Costs(), trials=1, seed=1, on_progress=silent)
    if report["model"] == before:
        pytest.fail("another seed gave the same model")
    assert not report["promoted"]
    try:
        run_promotion(market, "churn", None)
    except Refused as error:
        assert "95 % interval" in error.message
        assert champion_of(market.catalog, line="market-churn") == before
    else:
        assert champion_of(market.catalog, line="market-churn") == report["model"]


def test_the_report_has_all_parts_and_asks_nothing_of_the_network(market: Market) -> None:
    score(market, "churn")
    html = write_report(market).read_text(encoding="utf-8")
    for words in ("Sellers at risk", "kinds of sellers", "How good the churn model is", "Champions", "Careless split"):
        assert words in html
    assert html.count("<svg") >= 4
    assert not re.search(r"https?://|<script|<link|url\(", html)
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    _Closed().feed(html)


def test_refresh_builds_scores_and_reports_in_one_go(market: Market) -> None:
    found = refresh(market, on_progress=silent)
    assert found["reference_date"] == month_starts(market)[-1].isoformat()
    assert {one["task"] for one in found["scores"]} == {"churn", "segments"}
    assert set(found["not_scored"]) == {"activation", "delay"}
    assert Path(found["report"]).is_file()


def test_a_sample_of_orders_is_called_one() -> None:
    whole = {"rows": 1_000, "rejected": 20, "reasons": {"order_id is not in orders": 20}}
    sample = {"rows": 600, "rejected": 400, "reasons": {"order_id is not in orders": 400}}
    assert thinned({"tables": {"order_items": whole}}) == ""
    assert "400 of 1,000" in thinned({"tables": {"order_items": sample}})


class _Closed(HTMLParser):
    """Fails on a tag that is closed without having been opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "img", "path", "use", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("path", "use", "rect"):
            return
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"
