"""What runs by itself, on the page in every language, in its JSON twin and for Prometheus."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from visitors import PAGE, Visitor

from vitrine.automation.ledger import ANSWERED, QUARANTINED
from vitrine.records import Arrival, Run, Step, Watcher, now
from vitrine.stores import schema

PLACE = "s3://studio/<in>"


def fill(app: FastAPI) -> None:
    catalog, moment = app.state.workspace.catalog, now()
    seen, answered = moment - timedelta(seconds=30), moment - timedelta(seconds=18)
    rows = [Arrival(PLACE, f"{n}.jpg", "v", ANSWERED, "s", "p", 1, None, seen, answered, None) for n in range(3)]
    rows.append(Arrival(PLACE, "bad.jpg", "v", QUARANTINED, None, None, 1, "truncated", seen, None, None))
    catalog.add(schema.arrivals, rows)
    catalog.add(schema.watchers, [Watcher(PLACE, "lake", 5.0, 4, moment, "SAP is away", "wait", moment)])
    catalog.add(schema.runs, [Run("rn-1", "nightly", "host", "failed", seen, moment)])
    steps = [
        Step("rn-1", 0, "classify", "done", 1, '{"products": 1234, "odd <b>": 2}', None, None, seen, moment),
        Step("rn-1", 1, "deliver", "failed", 3, "{}", "no <script> allowed", "try again", seen, moment),
        Step("rn-1", 2, "report", "waiting", 0, "{}", None, None, None, None),
    ]
    catalog.add(schema.steps, steps)


def test_before_anything_runs_the_page_says_how_to_begin(viewer: Visitor) -> None:
    page = viewer.get("/status", headers=PAGE).text
    assert "vitrine watch" in page and "vitrine run" in page
    assert viewer.get("/api/v1/status").json()["troubles"] == 0


@pytest.mark.parametrize("language", ["en", "pt", "es", "id"])
def test_the_page_shows_watches_and_runs(app: FastAPI, viewer: Visitor, language: str) -> None:
    fill(app)
    viewer.post("/language", data={"forgery": viewer.forgery, "language": language, "back": "/status"})
    page = viewer.get("/status", headers=PAGE).text
    decimal = "." if language == "en" else ","
    assert f"12{decimal}0" in page and "SAP is away" in page and "1\u202f234" in page
    assert "<script> allowed" not in page and "&lt;script&gt; allowed" in page and "odd &lt;b&gt;" in page


def test_the_twin_and_the_metrics_say_the_same(app: FastAPI, viewer: Visitor) -> None:
    fill(app)
    found = viewer.get("/api/v1/status").json()
    assert found["troubles"] == 2
    watch = found["watches"][0]
    assert (watch["state"], watch["quarantined"], watch["undelivered"]) == ("stopped", 1, 3)
    assert watch["answered"]["n"] == 3 and abs(watch["answered"]["p95"] - 12) < 0.1
    assert [step["outcome"] for step in found["runs"][0]["steps"]] == ["done", "failed", "waiting"]
    metrics = viewer.get("/metrics").text
    assert f'vitrine_watch_alive{{place="{PLACE}"}} 0.0' in metrics
    assert f'vitrine_watch_files{{place="{PLACE}",state="quarantined"}} 1.0' in metrics
    assert f'vitrine_watch_seconds{{place="{PLACE}",quantile="0.95",until="answered"}} 12' in metrics
    assert 'vitrine_run_outcome{outcome="failed",plan="nightly"} 1.0' in metrics
