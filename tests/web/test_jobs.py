"""Long work in a process of its own: its progress is seen, one runs at a time, a killed one is told."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from visitors import PAGE, Visitor

from vitrine.records import now
from vitrine.stores import schema
from vitrine.web.work import ASKED, tell


def wait_for(client: Visitor, job_id: str, seconds: float = 90) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        job: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}").json()
        if job["state"] != "running":
            return job
        time.sleep(0.2)
    raise AssertionError(f"still running after {seconds} s: {job}")


def test_a_job_runs_in_its_own_process_and_a_second_one_is_refused_meanwhile(app: FastAPI, admin: Visitor) -> None:
    started = admin.post("/api/v1/jobs", json={"kind": "classify"})
    assert started.status_code == 202 and started.json()["state"] == "running"
    second = admin.post("/api/v1/jobs", json={"kind": "train"})
    assert second.status_code == 409 and "admin" in second.json()["message"]
    job = wait_for(admin, started.json()["job_id"])
    assert job["state"] == "done", (Path(app.state.workspace.data) / "jobs" / f"{job['job_id']}.log").read_text()
    assert job["result"]["published"] + job["result"]["to_review"] > 1_000
    assert "Classify" in admin.get("/jobs", headers=PAGE).text


def test_a_job_that_fails_says_why_in_the_readers_language(admin: Visitor) -> None:
    job = wait_for(admin, admin.post("/api/v1/jobs", json={"kind": "roll_back"}).json()["job_id"])
    assert job["state"] == "failed" and "no earlier champion" in job["message"]
    assert "no earlier champion" in admin.get("/jobs", headers=PAGE).text
    admin.post("/language", data={"language": "pt", "back": "/jobs", "forgery": admin.forgery})
    assert "não há campeão anterior" in admin.get("/jobs", headers=PAGE).text


def test_a_job_that_went_silent_is_interrupted_and_bars_nobody(app: FastAPI, admin: Visitor) -> None:
    catalog = app.state.workspace.catalog
    with catalog.transaction() as connection:
        tell(connection, ASKED, "lost", {"kind": "train", "person": "admin", "model_id": None})
        connection.execute(sa.update(schema.events).values(happened_at=now() - timedelta(minutes=5)))
    assert admin.get("/api/v1/jobs/lost").json()["state"] == "interrupted"
    assert admin.post("/api/v1/jobs", json={"kind": "roll_back"}).status_code == 202
    assert admin.get("/api/v1/jobs/nothing").status_code == 404


def test_one_photo_is_answered_without_being_kept(app: FastAPI, viewer: Visitor) -> None:
    photo_id = viewer.get("/api/v1/products", params={"limit": 1}).json()["cards"][0]["photo_id"]
    data = viewer.get(f"/photos/{photo_id}/320").content
    before = app.state.workspace.catalog.count(schema.photos)
    answers = viewer.post("/api/v1/classify", files={"photo": ("x.jpg", data)}).json()
    assert {one["attribute"] for one in answers} == set(app.state.workspace.taxonomy.attributes)
    assert app.state.workspace.catalog.count(schema.photos) == before
    bad = viewer.post("/api/v1/classify", files={"photo": ("../../x.php", b"<?php")})
    assert bad.status_code == 422 and bad.json()["error"] == "unreadable-photo"
    huge = viewer.post("/api/v1/classify", files={"photo": ("x.jpg", b"0" * (65 * 1024 * 1024))})
    assert huge.status_code == 413
