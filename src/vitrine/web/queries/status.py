"""How everything that runs by itself stands, as the page and its twin show it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vitrine.automation.runs import RunState
from vitrine.automation.status import Disk, WatchState
from vitrine.automation.status import status as status_now
from vitrine.records import Step

if TYPE_CHECKING:
    from vitrine.workspace import Workspace


@dataclass(frozen=True, slots=True)
class StepSummary:
    """One step; `counts` says what came of it."""

    name: str
    outcome: str
    attempts: int
    seconds: float | None
    counts: dict[str, Any]
    message: str | None
    hint: str | None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run of a plan."""

    run_id: str
    plan: str
    holder: str
    outcome: str
    started_at: datetime
    seconds: float | None
    steps: list[StepSummary]


@dataclass(frozen=True, slots=True)
class StatusPage:
    """What runs by itself; `troubles` is how many watches and plans somebody should look at."""

    moment: datetime
    troubles: int
    watches: list[WatchState]
    runs: list[RunSummary]
    quarantined: int
    disk: Disk


def status(workspace: "Workspace") -> StatusPage:
    """How it stands now."""
    found = status_now(workspace)
    return StatusPage(
        moment=found.moment,
        troubles=found.troubles,
        watches=found.watches,
        runs=[_run(state) for state in found.runs],
        quarantined=found.quarantined,
        disk=found.disk,
    )


def _run(state: RunState) -> RunSummary:
    run = state.run
    steps = [_step(one) for one in state.steps]
    return RunSummary(
        run.run_id, run.plan, run.holder, run.outcome, run.started_at, _seconds(run.started_at, run.ended_at), steps
    )


def _step(step: Step) -> StepSummary:
    counts = json.loads(step.counts)
    seconds = _seconds(step.started_at, step.ended_at)
    return StepSummary(step.name, step.outcome, step.attempts, seconds, counts, step.message, step.hint)


def _seconds(begun: datetime | None, ended: datetime | None) -> float | None:
    return (ended - begun).total_seconds() if begun and ended else None
