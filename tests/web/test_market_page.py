"""The marketplace in the app: what the last report said, in every language, and a clear word before there is one."""

from datetime import UTC, date, datetime

import pytest
from fastapi import FastAPI
from visitors import PAGE, Visitor

from vitrine.market.report.summary import (
    Auc,
    Change,
    MarketSummary,
    MonthAuc,
    Moved,
    Reason,
    RouteSummary,
    Scored,
    SegmentSummary,
    TaskSummary,
    read,
    to_json,
)

MOMENT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
CHURN = TaskSummary(
    task="churn",
    model="churn-1",
    kind="boosted",
    auc=Auc(0.8134, 0.782, 0.840, 1_266),
    later_from="2017-10-01",
    months=[MonthAuc("2017-10", Auc(None, None, None, 12), True)],
    at=date(2018, 6, 1),
    scored=1_932,
    expected=428.4,
    bad=True,
    top=[Scored("seller<script>", 0.91, [Reason("days since the last sale", "38", True)])],
    features=[Moved("orders in 28 days", 0.31, 0.05, True)],
    scores=[Moved("2018-05", 0.02, 0.05, False)],
)
SUMMARY = MarketSummary(
    written_at=MOMENT,
    thinned="",
    tasks=[CHURN],
    routes=[RouteSummary("SP", "RJ", 41, 6.4)],
    segments=[SegmentSummary("small and new", 611, 0.31, 0.82)],
    history=[Change("segments", "segments-1", "promoted", "the first model", MOMENT)],
)


def test_before_the_first_report_the_page_says_how_to_get_one(viewer: Visitor) -> None:
    assert "vitrine market refresh" in viewer.get("/market", headers=PAGE).text
    answer = viewer.get("/api/v1/market")
    assert answer.status_code == 404 and "refresh" in answer.json()["hint"]


@pytest.mark.parametrize("language", ["en", "pt", "es", "id"])
def test_the_page_and_its_twin_say_what_the_report_said(app: FastAPI, viewer: Visitor, language: str) -> None:
    path = app.state.workspace.folder / "reports" / "market.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(to_json(SUMMARY), encoding="utf-8")
    try:
        assert read(path) == SUMMARY
        assert viewer.get("/api/v1/market").json()["tasks"][0]["auc"]["n"] == 1_266
        viewer.post("/language", data={"forgery": viewer.forgery, "language": language, "back": "/market"})
        page = viewer.get("/market", headers=PAGE).text
    finally:
        path.unlink()
    decimal = "." if language == "en" else ","
    assert f"0{decimal}813" in page and "days since the last sale" in page and "SP" in page and "churn-1" in page
    assert "seller<script>" not in page and "seller&lt;sc" in page
