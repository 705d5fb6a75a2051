"""Long work asked for in the browser: one at a time, in a process of its own that outlives the page and the server.

What is known of a job stands in the catalog's events: who asked for what, how far it is, how it ended. A worker that is
killed stops telling; after a minute of silence its job counts as interrupted, and asked for again it continues.
"""

import json
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from vitrine.errors import NotFound, Refused, packed, sentence, unpacked
from vitrine.records import now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

Kind = Literal["train", "evaluate", "classify", "promote", "roll_back", "retrain", "market_promote", "market_roll_back"]
ASKED, PROGRESS, DONE, FAILED = "job.asked", "job.progress", "job.done", "job.failed"
RUNNING, INTERRUPTED = "running", "interrupted"

_SILENCE = timedelta(seconds=60)
_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of long work; `state` is running, done, failed or interrupted, `result` what it gave in the end."""

    job_id: str
    kind: str
    model_id: str | None
    person: str
    state: str
    stage: str | None
    done: int
    total: int
    result: dict[str, Any]
    message: str | None
    hint: str | None
    asked_at: datetime
    heard_at: datetime


def start(workspace: "Workspace", kind: str, *, person: str, model_id: str | None = None) -> Job:
    """Start a job in a process of its own; Refused while another one runs."""
    catalog, table = workspace.catalog, schema.events
    job_id = uuid.uuid4().hex
    body = {"kind": kind, "person": person, "model_id": model_id}
    with catalog.transaction() as connection:
        catalog.lock(table, connection)
        running = [job for job in _folded(list(connection.execute(_recent()).mappings())) if job.state == RUNNING]
        if running:
            raise Refused(
                sentence(
                    "a job is running since {moment:%H:%M} UTC, asked for by {author}: {kind}",
                    moment=running[0].asked_at,
                    author=running[0].person,
                    kind=running[0].kind,
                ),
                hint=sentence("one at a time: wait until it is done"),
            )
        tell(connection, ASKED, job_id, body)
    _spawn(workspace.folder, workspace.data / "jobs", job_id)
    return find(catalog, job_id)


def jobs(catalog: Catalog) -> list[Job]:
    """The last jobs, the newest first."""
    return _folded(catalog.rows(_recent()))


def find(catalog: Catalog, job_id: str) -> Job:
    """One job; NotFound when there is none of this id."""
    table = schema.events
    query = sa.select(table).where(table.c.subject == job_id, table.c.kind.startswith("job."))
    found = _folded(catalog.rows(query.order_by(table.c.position)))
    if not found:
        raise NotFound(sentence("there is no job {job!r}", job=job_id))
    return found[0]


def tell(connection: sa.Connection, kind: str, job_id: str, body: Mapping[str, Any]) -> None:
    """Add an event of a job; only the last word on its progress is kept."""
    table = schema.events
    if kind == PROGRESS:
        connection.execute(sa.delete(table).where(table.c.kind == PROGRESS, table.c.subject == job_id))
    text = json.dumps(packed(body), ensure_ascii=False, default=str)
    connection.execute(sa.insert(table).values(kind=kind, subject=job_id, body=text, happened_at=now()))


def _recent() -> sa.Select[Any]:
    """The events of the last jobs, in their order."""
    table = schema.events
    last = sa.select(table.c.subject).where(table.c.kind == ASKED).order_by(table.c.position.desc()).limit(_SHOWN)
    return sa.select(table).where(table.c.subject.in_(last), table.c.kind.startswith("job.")).order_by(table.c.position)


def _folded(events: list[Any]) -> list[Job]:
    by_job: dict[str, list[Any]] = {}
    for event in events:
        by_job.setdefault(event["subject"], []).append(event)
    return [_job(job_id, own) for job_id, own in by_job.items() if own[0]["kind"] == ASKED][::-1]


def _job(job_id: str, events: list[Any]) -> Job:
    bodies = {event["kind"]: unpacked(json.loads(event["body"])) for event in events}
    asked, progress, failed = bodies[ASKED], bodies.get(PROGRESS, {}), bodies.get(FAILED, {})
    silent = now() - events[-1]["happened_at"] > _SILENCE
    ended = "done" if DONE in bodies else "failed" if failed else None
    return Job(
        job_id=job_id,
        kind=asked["kind"],
        model_id=asked["model_id"],
        person=asked["person"],
        state=ended or (INTERRUPTED if silent else RUNNING),
        stage=progress.get("stage"),
        done=progress.get("done", 0),
        total=progress.get("total", 0),
        result=bodies.get(DONE, {}),
        message=failed.get("message"),
        hint=failed.get("hint"),
        asked_at=events[0]["happened_at"],
        heard_at=events[-1]["happened_at"],
    )


def _spawn(folder: Path, logs: Path, job_id: str) -> None:
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / f"{job_id}.log").open("wb") as log:
        subprocess.Popen(
            [sys.executable, "-m", "vitrine.web.worker", str(folder), job_id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the server's terminal is not meant for it
        )
