"""The marketplace's demo: simulate, build, prove that nothing looks ahead, train four tasks, score, report.

Its figures stand beside those of the planted truth on the same rows: a model finds what is there and nothing more.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitrine.errors import Refused
from vitrine.learn.promote import champion_of
from vitrine.market.home import Market
from vitrine.market.jobs import judged_rows, run_promotion, run_training
from vitrine.market.lookahead import lookahead
from vitrine.market.planted import against_truth
from vitrine.market.profit import Costs
from vitrine.market.refresh import month_starts
from vitrine.market.report.write import write_report
from vitrine.market.score import score
from vitrine.market.segment_jobs import run_segments
from vitrine.market.simulate import simulate
from vitrine.market.tasks import line
from vitrine.stores.whole import whole

Progress = Callable[[int, int], None]
Watch = Callable[[str], Progress]
_LABELLED = ("churn", "delay", "activation")
_CHECKED_DATES = 2
_TRIALS = 6


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Everything the demo shows at its end; `truth` sets each task's model beside the planted truth."""

    folder: Path
    ingested: dict[str, Any]
    build: dict[str, Any]
    lookahead: dict[str, Any]
    training: dict[str, dict[str, Any]]
    segments: dict[str, Any]
    scores: list[dict[str, Any]]
    truth: dict[str, dict[str, Any]]
    report: Path
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {
            "folder": str(self.folder),
            "report": str(self.report),
        }


def run_demo(folder: Path, *, sellers: int, orders: int, seed: int, watch: Watch) -> DemoReport:
    """Run every stage in `folder`, offline; `watch(stage)` gives a stage's progress callback. Run again, it continues."""
    started = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / f"simulated-{sellers}-{orders}-{seed}"
    if not (files / "truth" / "bounds.json").exists():
        simulate(
            files, sellers=sellers, orders=orders, seed=seed, faults=True, form="csv", on_progress=watch("simulate")
        )
    market = Market.open(folder)
    ingested = market.ingest(files, on_progress=watch("ingest"))
    dates = month_starts(market)
    built = market.features.build(dates, on_progress=watch("build"))
    looked = lookahead(market.features, dates[len(dates) // 2 :][:_CHECKED_DATES], on_progress=watch("look ahead"))
    training = {}
    for task in _LABELLED:
        training[task] = run_training(
            market, task, costs=Costs(), trials=_TRIALS, seed=seed, on_progress=watch(f"train {task}")
        )
    segments = run_segments(market, seed=seed)
    for task, one in training.items():
        if not one["promoted"] and "not_promoted" not in one:
            _try_promotion(market, task, one)
    champions = [task for task in (*_LABELLED, "segments") if champion_of(market.catalog, line=line(task))]
    scores = [score(market, task).as_dict() for task in champions]
    found = DemoReport(
        folder=folder,
        ingested=ingested.as_dict(),
        build=built.as_dict(),
        lookahead=looked.as_dict(),
        training=training,
        segments=segments,
        scores=scores,
        truth={
            task: against_truth(judged_rows(market, one["model"]), files / "truth", task, seed=seed)
            for task, one in training.items()
        },
        report=write_report(market),
        seconds=time.perf_counter() - started,
    )
    with whole(folder / "demo.json", hint="free some space and run vitrine market demo again") as temporary:
        temporary.write_text(json.dumps(found.as_dict(), indent=1, default=str, ensure_ascii=False), encoding="utf-8")
    return found


def _try_promotion(market: Market, task: str, one: dict[str, Any]) -> None:
    try:
        run_promotion(market, task, one["model"])
    except Refused as error:  # the champion of an earlier run stays: that is the rule, not a fault
        one["not_promoted"] = error.message
    else:
        one["promoted"] = True
