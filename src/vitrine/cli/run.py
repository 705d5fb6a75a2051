"""`vitrine run`: the steps of a plan, for cron, systemd or Airflow to call."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder

if TYPE_CHECKING:
    from vitrine.automation.runs import RunState

_TERMINATED = 143


def run(
    plan: Annotated[Path, typer.Argument(help="The plan, a TOML file.", dir_okay=False)],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the last run where it failed or was killed.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Show the last runs of the plan, and run nothing.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Read the plan, and run nothing.")] = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Run the steps of a plan one after the other; one run of a plan at a time.

    [dim]vitrine run nightly.toml[/]

    What failed is written down, told by mail or webhook where the plan says so, and decides the exit status: 1 a step's answer
    is no or another run is under way, 2 a mistake in the plan or in what it names, 3 a part is missing or a store is lost.
    """
    import vitrine
    from vitrine.automation.plan import read_plan
    from vitrine.automation.run import run_plan
    from vitrine.automation.runs import runs

    planned = read_plan(plan)
    if check:
        output.say(f"{plan}: {', '.join(step.name for step in planned.steps)}")
        return
    opened = vitrine.open(workspace)
    if history:
        _show_history(runs(opened.catalog, plan=planned.name), as_json)
        return
    with _terminated_as_interrupted(), ExitStack() as bars:

        def watch(step: str) -> Callable[[int, int], None]:
            bars.close()
            output.say(step)
            callback: Callable[[int, int], None] = bars.enter_context(output.progress(step))
            return callback

        done = run_plan(opened, planned, resume=resume, watch=watch)
    if as_json:
        output.show_json(done.as_dict())
    else:
        _show(done)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends a step as Ctrl-C does: what it has finished stays, the record says interrupted."""

    def end(_number: int, _frame: object) -> None:
        sys.exit(_TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(state: "RunState") -> None:
    rows = [(row["name"], row["outcome"], _seconds(row), _counts(row)) for row in state.as_dict()["steps"]]
    output.show_table(f"{state.run.plan}: {state.run.outcome}", ["step", "", "seconds", ""], rows)


def _show_history(states: "list[RunState]", as_json: bool) -> None:
    if as_json:
        output.show_json([state.as_dict() for state in states])
        return
    rows: list[tuple[object, ...]] = []
    for state in states:
        rows.append((state.run.started_at, state.run.outcome, "", _seconds(state.as_dict()), ""))
        rows += [("", row["outcome"], row["name"], _seconds(row), _counts(row)) for row in state.as_dict()["steps"]]
    output.show_table("", ["started (UTC)", "", "step", "seconds", ""], rows)


def _seconds(row: dict[str, Any]) -> str:
    if row["started_at"] is None or row["ended_at"] is None:
        return ""
    return f"{(row['ended_at'] - row['started_at']).total_seconds():.1f}"


def _counts(row: dict[str, Any]) -> str:
    said = ", ".join(f"{name} {value}" for name, value in row["counts"].items() if value not in (None, "", 0, False))
    return "\n".join(part for part in (said, row["message"], row["hint"]) if part)
