"""Run a plan: its steps in their order, one process at a time, with a record that outlives whatever happens."""

import json
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from vitrine.automation.claim import Claim
from vitrine.automation.notify import notify
from vitrine.automation.plan import Plan, Planned
from vitrine.automation.runs import DONE, FAILED, INTERRUPTED, RUNNING, WAITING, RunState, claim_name, find_run, runs
from vitrine.automation.steps import Progress, kind_of
from vitrine.errors import MissingPart, Refused, StorageError, VitrineError, kept
from vitrine.records import Run, Step
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

logger = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 2.0, 300.0

Watch = Callable[[str], Progress]


def run_plan(workspace: "Workspace", plan: Plan, *, resume: bool = False, watch: Watch) -> RunState:
    """Run the steps of a plan, or with `resume` those that the last run of it has not done; returns the record.

    `watch(step)` gives the progress callback of a step. A step is tried again after what may pass (a lost store, a part
    that cannot be reached), as often as the plan says. Raises what the failing step raised, after it is written down and
    told; Conflict while another process runs the plan.
    """
    catalog = workspace.catalog
    claim = Claim(catalog, claim_name(plan.name))
    try:
        record = _Record.begin(catalog, plan, claim, resume=resume)
        try:
            for position, step in enumerate(plan.steps):
                if not record.is_done(position):
                    with record.step(position, step.name):
                        record.counts = _run_step(workspace, step, record, watch(step.name))
        except BaseException as error:
            _tell(plan, record, error)
            raise
        record.end(DONE)
        return find_run(catalog, record.run_id)
    finally:
        claim.release()


class _Record:
    """The record of a run as it goes."""

    def __init__(self, catalog: Catalog, claim: Claim, run_id: str, done: set[int]) -> None:
        self.run_id = run_id
        self.counts: dict[str, Any] = {}
        self.name = ""
        self._position = 0
        self._catalog, self._claim, self._done = catalog, claim, done

    @classmethod
    def begin(cls, catalog: Catalog, plan: Plan, claim: Claim, *, resume: bool) -> "_Record":
        """A new run, or the last one of the plan that was not done; Refused where the plan has changed since."""
        _mark_interrupted(catalog, plan.name)
        last = next(iter(runs(catalog, plan=plan.name, count=1)), None) if resume else None
        if last is not None and last.run.outcome != DONE:
            names = [step.name for step in plan.steps]
            if [one.name for one in last.steps] != names:
                raise Refused(
                    f"{plan.name} has other steps now than when it stopped at {_stopped_at(last)}",
                    hint="run it without --resume: what was done before is not done twice",
                )
            with catalog.transaction() as connection:
                mine = schema.runs.c.run_id == last.run.run_id
                going_on = {"outcome": RUNNING, "ended_at": None, "holder": claim.holder}
                connection.execute(sa.update(schema.runs).where(mine).values(going_on))
            done = {one.position for one in last.steps if one.outcome == DONE}
            return cls(catalog, claim, last.run.run_id, done)
        run_id = f"rn-{uuid.uuid4().hex[:12]}"
        with catalog.transaction() as connection:
            moment = catalog.moment(connection)
            catalog.add(
                schema.runs, [Run(run_id, plan.name, claim.holder, RUNNING, moment, None)], connection=connection
            )
            steps = [
                Step(run_id, position, step.name, WAITING, 0, "{}", None, None, None, None)
                for position, step in enumerate(plan.steps)
            ]
            catalog.add(schema.steps, steps, connection=connection)
        return cls(catalog, claim, run_id, set())

    def is_done(self, position: int) -> bool:
        """Whether an earlier try of this run has done the step."""
        return position in self._done

    @contextmanager
    def step(self, position: int, name: str) -> Iterator[None]:
        """Write down that a step begins, and how it ends; a failed step ends the run."""
        self.counts, self._position, self.name = {}, position, name
        self._write(outcome=RUNNING, message=None, hint=None, counts="{}", started_at=self._moment(), ended_at=None)
        try:
            yield
        except VitrineError as error:
            self._fail(FAILED, error.message, error.hint or None)
            raise
        except Exception as error:
            logger.exception("a step failed")
            self._fail(
                FAILED, f"{type(error).__name__}: {error}", "this is a defect of Vitrine: the log has the whole story"
            )
            raise
        except BaseException:
            self._fail(INTERRUPTED, None, None)
            raise
        self._write(
            outcome=DONE, counts=json.dumps(self.counts, ensure_ascii=False, default=str), ended_at=self._moment()
        )

    def attempt(self, state: RetryCallState) -> None:
        """Count one more try of the step."""
        self._write(attempts=schema.steps.c.attempts + 1)

    def end(self, outcome: str) -> None:
        """How the run ended."""
        mine = schema.runs.c.run_id == self.run_id
        with self._catalog.transaction() as connection:
            self._claim.check(connection)
            ended = {"outcome": outcome, "ended_at": self._catalog.moment(connection)}
            connection.execute(sa.update(schema.runs).where(mine).values(ended))

    def _fail(self, outcome: str, message: str | None, hint: str | None) -> None:
        self._write(outcome=outcome, message=kept(message), hint=kept(hint), ended_at=self._moment())
        self.end(outcome)

    def _write(self, **values: Any) -> None:
        table = schema.steps
        mine = (table.c.run_id == self.run_id) & (table.c.position == self._position)
        with self._catalog.transaction() as connection:
            self._claim.check(connection)
            connection.execute(sa.update(table).where(mine).values(values))

    def _moment(self) -> datetime:
        with self._catalog.reading() as connection:
            return self._catalog.moment(connection)


def _run_step(workspace: "Workspace", step: Planned, record: _Record, on_progress: Progress) -> dict[str, Any]:
    patiently = Retrying(
        retry=retry_if_exception_type((StorageError, MissingPart)),
        wait=wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT),
        stop=stop_after_attempt(1 + step.retries),
        before=record.attempt,
        reraise=True,
    )
    return patiently(kind_of(step.kind).run, workspace, step.options, on_progress)


def _tell(plan: Plan, record: _Record, error: BaseException) -> None:
    """Tell whom the plan names; who ends a run on purpose needs no message."""
    if not isinstance(error, Exception):
        return
    told = error if isinstance(error, VitrineError) else VitrineError(f"{type(error).__name__}: {error}")
    facts = {
        "plan": plan.name,
        "run": record.run_id,
        "step": record.name,
        "message": told.message,
        "hint": told.hint or None,
        "go_on": f"vitrine run {plan.name}.toml --resume",
    }
    for problem in notify(plan.notices, f"Vitrine: {plan.name} failed at '{record.name}'", facts):
        logger.warning("nobody was told: %s", problem)


def _mark_interrupted(catalog: Catalog, plan: str) -> None:
    """What is said to run was left behind by a process that is gone: whoever holds the claim knows that."""
    table, steps = schema.runs, schema.steps
    left = (table.c.plan == plan) & (table.c.outcome == RUNNING)
    with catalog.transaction() as connection:
        moment = catalog.moment(connection)
        run_ids = list(connection.scalars(sa.select(table.c.run_id).where(left)))
        of_left = steps.c.run_id.in_(run_ids) & (steps.c.outcome == RUNNING)
        connection.execute(sa.update(steps).where(of_left).values(outcome=INTERRUPTED, ended_at=moment))
        connection.execute(sa.update(table).where(left).values(outcome=INTERRUPTED, ended_at=moment))


def _stopped_at(last: RunState) -> str:
    return next((f"'{one.name}'" for one in last.steps if one.outcome != DONE), "its end")
