"""`vitrine watch`: photos that arrive become answers by themselves."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder
from vitrine.errors import Conflict, InputError

if TYPE_CHECKING:
    from vitrine.automation.watch import Watch

_AGAIN = 5.0  # seconds until a watch that found another one there asks again


def watch(
    place: Annotated[str, typer.Argument(help="Folder of photos, or a URL such as s3://bucket/prefix.")],
    pattern: Annotated[
        list[str] | None,
        typer.Option("--pattern", help="How a path says its product: {sku}, {view} and *. Repeatable, tried in order."),
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--table", help="Label table that names the photos, instead of a pattern.")
    ] = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="Deliver there what may leave: lake, table, sap. Repeatable.")
    ] = None,
    every: Annotated[float, typer.Option("--every", min=0.5, help="Seconds between two looks.")] = 5.0,
    once: Annotated[bool, typer.Option("--once", help="Take what is there, answer, deliver, and end.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Try quarantined files once more.")] = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Take photos as they arrive, answer them, deliver the answers, and leave the uncertain ones to the desk.

    [dim]vitrine watch s3://bucket/studio --pattern "{sku}_{view}" --to lake --to sap[/]

    One process a place: a second one waits until the first is gone, or with --once ends with exit 1. SIGTERM and Ctrl-C end
    it after the group that is under way. Killed, it goes on where it stopped.
    """
    import vitrine
    from vitrine.automation.describe import ByTable, by_path
    from vitrine.automation.watch import Watch, source_of, watch_on, watch_once

    if pattern and table:
        raise InputError("--pattern and --table both say what the photos show", hint="give one of them")
    opened = vitrine.open(workspace)
    source = source_of(place)
    describe = ByTable(opened, table) if table else by_path(pattern or ["{sku}"])
    with _stopped_by_signals() as stop:
        watching = _in_turn(lambda: Watch(opened, source, describe, every=every, targets=to or ()), stop, once=once)
        if watching is None:
            return
        try:
            if retry:
                output.say(f"{watching.retry_quarantined():,} quarantined files wait once more")
            output.say(f"watching {source.url}" + ("" if once else f" every {every:g} s; Ctrl-C ends it"))
            report = watch_once(watching, stop, _tell) if once else watch_on(watching, stop, _tell)
        finally:
            watching.close()
    if as_json:
        output.show_json(asdict(report))
    else:
        output.say(f"{report.settled:,} files settled, {report.answered:,} answered")


def _in_turn(begin: Callable[[], "Watch"], stop: Event, *, once: bool) -> "Watch | None":
    """The watch, once nobody else watches the place; None where a signal came first. Conflict with `once`."""
    told = False
    while not stop.is_set():
        try:
            return begin()
        except Conflict as conflict:
            if once:
                raise
            if not told:
                output.say(f"{conflict.message}; this one waits until it is gone")
            told = True
            stop.wait(_AGAIN)
    return None


@contextmanager
def _stopped_by_signals() -> Iterator[Event]:
    """An event that the first SIGTERM or Ctrl-C sets; the second one ends the process as ever."""
    stop = Event()
    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}

    def end(_number: int, _frame: object) -> None:
        stop.set()
        for name, handler in before.items():
            signal.signal(name, handler)

    for name in before:
        signal.signal(name, end)
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _tell(message: str) -> None:
    output.say(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {message}")
