"""The marketplace in the app: the last report's figures, the scores and champions of now, in every language."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from drawn_market import SUMMARY, draw_market
from fastapi import FastAPI
from visitors import PAGE, Visitor

from vitrine.errors import NotFound, Refused
from vitrine.learn.promote import champion_of
from vitrine.market.home import Market
from vitrine.market.jobs import run_rollback, task_of
from vitrine.market.report.summary import read
from vitrine.records import now
from vitrine.tracking import CHAMPION
from vitrine.web.work import Job
from vitrine.web.worker import run
from vitrine.workspace import Workspace

SELLERS = [f"{n:02d}{'a' * 30}" for n in range(60)]
OF_REPORT = ("/market", "/market/routes", "/market/segments", "/market/drift")
OWN = ("/market/at-risk", "/market/champions")


@pytest.fixture
def sold(workspace: Workspace) -> Workspace:
    draw_market(workspace, SELLERS)
    return workspace


def test_before_the_first_report_every_page_says_how_to_get_one(viewer: Visitor) -> None:
    for path in OF_REPORT:
        page = viewer.get(path, headers=PAGE).text
        assert "vitrine market refresh" in page and "vitrine market demo" in page, path
        answer = viewer.get(f"/api/v1{path}")
        assert answer.status_code == 404 and "refresh" in answer.json()["hint"]
    assert "vitrine market train churn" in viewer.get("/market/at-risk", headers=PAGE).text
    assert "vitrine market train churn" in viewer.get("/market/champions", headers=PAGE).text
    assert viewer.get("/api/v1/market/at-risk").json()["at_risk"]["model"] is None


@pytest.mark.parametrize("language", ["en", "pt", "es", "id"])
def test_the_pages_and_their_twins_say_what_the_report_said(sold: Workspace, viewer: Visitor, language: str) -> None:
    assert read(sold.folder / "reports" / "market.json") == SUMMARY
    assert viewer.get("/api/v1/market").json()["tasks"][0]["auc"]["n"] == 1_266
    viewer.post("/language", data={"forgery": viewer.forgery, "language": language, "back": "/market"})
    pages = {path: viewer.get(path, headers=PAGE).text for path in (*OF_REPORT, *OWN)}
    decimal = "." if language == "en" else ","
    assert f"0{decimal}813" in pages["/market"] and "churn-2" in pages["/market"]
    assert "SP" in pages["/market/routes"] and f"34{decimal}2" in pages["/market/routes"]
    assert "large, many states" in pages["/market/segments"].lower() and "<circle" in pages["/market/segments"]
    assert "mean item price, 56 days" in pages["/market/drift"] and f"0{decimal}61" in pages["/market/drift"]
    assert "churn-1" in pages["/market/champions"]
    assert pages["/market/at-risk"].count("<tr") == 52, "a head, 50 sellers, and the line below which nothing pays"


def test_the_twins_have_the_figures_of_the_pages(sold: Workspace, viewer: Visitor) -> None:
    routes = viewer.get("/api/v1/market/routes").json()
    assert [one["orders"] for one in routes["routes"]] == [41, 12, 9]
    assert routes["seller_states"] == ["SP", "MG"] and routes["customer_states"] == ["RJ", "BA", "SP"]
    assert viewer.get("/api/v1/market/segments").json()["segments"][1]["medians"]["orders"] == 120
    moved = viewer.get("/api/v1/market/drift").json()[0]["drift"]
    assert [one["moved"] for one in moved["features"][0]["months"]] == [False, True, True]
    champions = viewer.get("/api/v1/market/champions").json()
    assert champions["tasks"] == [
        {"task": "churn", "model": "churn-2", "before": "churn-1", "challenger": None, "models": 2}
    ]


def test_sellers_at_risk_are_filtered_and_paged_without_a_gap(sold: Workspace, viewer: Visitor) -> None:
    everybody = viewer.get("/api/v1/market/at-risk", params={"limit": 1000}).json()
    rows = everybody["at_risk"]["rows"]
    assert [row["seller_id"] for row in rows] == SELLERS and everybody["at_risk"]["scored"] == 60
    assert everybody["profit"]["threshold"] == 0.4
    assert rows[0]["reasons"][0] == {"words": "mean review score, 56 days", "value": "2.50", "up": True}
    first = viewer.get("/api/v1/market/at-risk", params={"limit": 25}).json()["at_risk"]["rows"]
    last = first[-1]
    params = {"limit": 100, "after": last["score"], "after_entity": last["entity"]}
    rest = viewer.get("/api/v1/market/at-risk", params=params).json()["at_risk"]["rows"]
    assert first + rest == rows
    some = viewer.get("/api/v1/market/at-risk", params={"at_least": 0.5, "seller": "1a"}).json()["at_risk"]
    assert [row["seller_id"][:2] for row in some["rows"]] == ["01", "11", "21"] and some["found"] == 3
    page = viewer.get("/market/at-risk", params={"seller": "no such seller", "at_least": ""}, headers=PAGE)
    assert page.status_code == 200 and "Nobody fits" in page.text
    assert viewer.get("/market/at-risk", params={"task": "segments"}, headers=PAGE).status_code == 422


def test_a_thinned_sample_says_so_on_every_page_with_figures(workspace: Workspace, viewer: Visitor) -> None:
    draw_market(workspace, SELLERS, thinned="a median of 2 orders a seller")
    for path in (*OF_REPORT, "/market/at-risk"):
        assert "a median of 2 orders a seller" in viewer.get(path, headers=PAGE).text, path


def test_the_csv_has_all_that_fit_and_no_formula(workspace: Workspace, viewer: Visitor) -> None:
    draw_market(workspace, ["=HYPERLINK(1)", "%", "plain"], champions=1)
    answer = viewer.get("/api/v1/market/at-risk/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="churn-at-risk.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["seller_id"] for row in rows] == ["'=HYPERLINK(1)", "%", "plain"]
    assert rows[0]["reason_1"] == "mean review score, 56 days" and rows[0]["pushes_1"] == "up"
    only = viewer.get("/api/v1/market/at-risk/export", params={"seller": "%"}).text
    assert only.count("\n") == 2, "a percent sign is a letter, no wildcard"


def test_only_an_admin_is_offered_to_go_back_and_only_from_the_champion_he_sees(
    sold: Workspace, app: FastAPI, viewer: Visitor, admin: Visitor
) -> None:
    assert "market_roll_back" not in viewer.get("/market/champions", headers=PAGE).text
    assert 'value="market_roll_back"' in admin.get("/market/champions", headers=PAGE).text
    market = Market.open(sold.folder)
    assert task_of(market, "churn-2") == "churn"
    with pytest.raises(Refused, match="churn-1 is no longer the champion"):
        run_rollback(market, "churn", champion="churn-1")
    assert champion_of(sold.catalog, line="market-churn") == "churn-2"
    market.catalog.close()


def test_going_back_is_a_job_and_the_pages_follow(sold: Workspace, admin: Visitor) -> None:
    stages = []
    market = Market.open(sold.folder)
    for model_id in ("churn-1", "churn-2"):
        folder = sold.data / "market" / "models" / model_id
        run_id = market.tracker.log(f"train {model_id}", parameters={}, metrics={}, folder=folder)
        market.tracker.register("market-churn", run_id, alias=CHAMPION, tags={"model_id": model_id})

    def watch(stage: str) -> Callable[[int, int], None]:
        stages.append(stage)
        return lambda done, total: None

    asked = Job("j", "market_roll_back", "churn-2", "admin", "running", None, 0, 0, {}, None, None, now(), now())
    assert run(sold, asked, watch) == {"champion": "churn-1"} and stages == ["roll_back"]
    history = admin.get("/api/v1/market/champions").json()["history"]
    assert (history[0]["model"], history[0]["action"]) == ("churn-1", "rolled back")
    found = admin.get("/api/v1/market/at-risk").json()["at_risk"]
    assert (found["model"], found["at"], found["rows"]) == ("churn-1", None, [])
    with pytest.raises(NotFound, match="no model photos-1"):
        run(sold, replace(asked, model_id="photos-1"), watch)
