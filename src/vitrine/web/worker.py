"""The process of one job: `python -m vitrine.web.worker FOLDER JOB_ID`, started by `vitrine.web.work`."""

import os
import sys
import time
import traceback
from collections.abc import Callable
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import vitrine
from vitrine import jobs
from vitrine.errors import VitrineError
from vitrine.web.work import DONE, FAILED, PROGRESS, Job, find, tell

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

_HEARTBEAT = 10.0
_AT_MOST_EVERY = 1.0

Watch = Callable[[str], Callable[[int, int], None]]


class Telling:
    """How far the job is, told at most once a second, and every ten seconds that it is alive."""

    def __init__(self, workspace: "Workspace", job_id: str) -> None:
        self._workspace, self._job_id = workspace, job_id
        self._now: dict[str, Any] = {"stage": None, "done": 0, "total": 0}
        self._told = 0.0
        self._stop = Event()
        self._pulse = Thread(target=self._beat, daemon=True)
        self._pulse.start()

    def watch(self, stage: str) -> Callable[[int, int], None]:
        """The progress callback of a stage."""
        self._now = {"stage": stage, "done": 0, "total": 0}
        self._tell()

        def progress(done: int, total: int) -> None:
            self._now = {"stage": stage, "done": done, "total": total}
            if done == total or time.monotonic() - self._told > _AT_MOST_EVERY:
                self._tell()

        return progress

    def end(self, kind: str, body: dict[str, Any]) -> None:
        """The last word."""
        self._stop.set()
        self._pulse.join()
        with self._workspace.catalog.transaction() as connection:
            tell(connection, kind, self._job_id, body)

    def _beat(self) -> None:
        while not self._stop.wait(_HEARTBEAT):
            self._tell()

    def _tell(self) -> None:
        self._told = time.monotonic()
        with self._workspace.catalog.transaction() as connection:
            tell(connection, PROGRESS, self._job_id, self._now)


def run(workspace: "Workspace", job: Job, watch: Watch) -> dict[str, Any]:
    """Do the job's work; returns what a page shows of its result."""
    if job.kind == "train":
        return _trained(workspace, watch)
    if job.kind == "evaluate":
        return _evaluated(jobs.run_evaluation(workspace, job.model_id, on_progress=watch("evaluate")))
    if job.kind == "classify":
        return _classified(workspace, watch)
    if job.kind == "promote":
        watch("promote")
        return {"champion": jobs.run_promotion(workspace, job.model_id)["model_id"]}
    if job.kind == "roll_back":
        watch("roll_back")
        return {"champion": jobs.run_rollback(workspace)["model_id"]}
    if job.kind in ("market_promote", "market_roll_back"):
        watch("roll_back" if job.kind == "market_roll_back" else "promote")
        return {"champion": _of_market(workspace, job)}
    return _retrained(workspace, watch)


def _of_market(workspace: "Workspace", job: Job) -> str:
    """The task's champion after promoting the job's model, or after going back from it."""
    from vitrine.market.home import Market
    from vitrine.market.jobs import run_promotion, run_rollback, task_of

    market, model_id = Market.open(workspace.folder), job.model_id or ""
    name = task_of(market, model_id)
    if job.kind == "market_roll_back":
        return str(run_rollback(market, name, champion=model_id)["model_id"])
    return str(run_promotion(market, name, model_id)["model_id"])


def _trained(workspace: "Workspace", watch: Watch) -> dict[str, Any]:
    report = jobs.run_training(workspace, attributes=None, on_embed=watch("embed"), on_train=watch("train"))
    return {"model": report["model"], "champion": report["champion"]}


def _evaluated(scorecard: dict[str, Any]) -> dict[str, Any]:
    scores = scorecard["attributes"].values()
    answers = sum(score["n"] for score in scores)
    right = sum(score["n"] * (score["accuracy"] or 0) for score in scores)
    return {"model": scorecard["model"], "accuracy": right / answers if answers else None, "answers": answers}


def _classified(workspace: "Workspace", watch: Watch) -> dict[str, Any]:
    report = workspace.classify(on_progress=watch("classify"))
    return {"model": report.model_id, "published": report.published, "to_review": report.to_review}


def _retrained(workspace: "Workspace", watch: Watch) -> dict[str, Any]:
    """The loop; a new champion answers for every product at once."""
    report = jobs.run_retraining(workspace, attributes=None, if_new=0, on_embed=watch("embed"), on_train=watch("train"))
    shown = {
        "new_labels": report["new_labels"],
        "model": report["trained"]["model"],
        "champion": report["promoted"],
        "verdict": report["refused"],
    }
    return {
        **_evaluated(report["evaluation"]),
        **(_classified(workspace, watch) if report["promoted"] else {}),
        **shown,
    }


def main() -> None:
    """Run one job to its end and tell how it went."""
    folder, job_id = sys.argv[1:]
    os.nice(5)  # people who curate meanwhile go first
    workspace = vitrine.open(folder)
    telling = Telling(workspace, job_id)
    try:
        telling.end(DONE, run(workspace, find(workspace.catalog, job_id), telling.watch))
    except VitrineError as error:
        telling.end(FAILED, {"message": error.message, "hint": error.hint})
    except Exception as error:
        traceback.print_exc()
        where = workspace.data / "jobs" / f"{job_id}.log"
        telling.end(FAILED, {"message": f"{type(error).__name__}: {error}", "hint": f"the whole story is in {where}"})


if __name__ == "__main__":
    main()
