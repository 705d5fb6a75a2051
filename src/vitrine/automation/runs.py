"""The runs of plans as they are written down: how each went, step by step."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from vitrine.automation.claim import held
from vitrine.errors import NotFound, recalled
from vitrine.records import Run, Step
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

WAITING, RUNNING, DONE, FAILED, INTERRUPTED = "waiting", "running", "done", "failed", "interrupted"
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class RunState:
    """A run with its steps; one that is said to run while nobody holds its claim was interrupted."""

    run: Run
    steps: tuple[Step, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        steps = [{**asdict(one), "counts": json.loads(one.counts)} for one in self.steps]
        return {**asdict(self.run), "steps": steps}


def claim_name(plan: str) -> str:
    """What the process that runs a plan claims."""
    return f"run {plan}"


def runs(catalog: Catalog, *, plan: str | None = None, count: int = _SHOWN) -> list[RunState]:
    """The last runs, of all plans or one, the newest first."""
    table = schema.runs
    query = sa.select(table).order_by(table.c.started_at.desc(), table.c.run_id).limit(count)
    found = catalog.rows(query if plan is None else query.where(table.c.plan == plan))
    alive = {name for name, claim in held(catalog).items() if claim.alive}
    steps = schema.steps
    told = catalog.rows(
        sa.select(steps).where(steps.c.run_id.in_([row["run_id"] for row in found])).order_by(steps.c.position)
    )
    return [_state(row, [one for one in told if one["run_id"] == row["run_id"]], alive) for row in found]


def find_run(catalog: Catalog, run_id: str) -> RunState:
    """One run; NotFound when there is none of this id."""
    table = schema.runs
    plan = catalog.read(sa.select(table.c.plan).where(table.c.run_id == run_id)).column("plan").to_pylist()
    found = [one for one in runs(catalog, plan=plan[0]) if one.run.run_id == run_id] if plan else []
    if not found:
        raise NotFound(f"there is no run '{run_id[:80]}'", hint="vitrine run PLAN --history lists them")
    return found[0]


def _state(row: dict[str, Any], steps: Sequence[dict[str, Any]], alive: set[str]) -> RunState:
    dead = row["outcome"] == RUNNING and claim_name(row["plan"]) not in alive
    told = [
        Step(
            **{
                **one,
                "outcome": INTERRUPTED if dead and one["outcome"] == RUNNING else one["outcome"],
                "message": recalled(one["message"]),
                "hint": recalled(one["hint"]),
            }
        )
        for one in steps
    ]
    return RunState(Run(**{**row, "outcome": INTERRUPTED if dead else row["outcome"]}), tuple(told))
