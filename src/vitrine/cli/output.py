"""How every command speaks: data on stdout, everything else on stderr, one look, errors with a hint."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from vitrine.errors import VitrineError

stdout = Console(highlight=False, soft_wrap=True)
stderr = Console(stderr=True, highlight=False)

_SHORT = 24
_MANY = 100_000  # as in a certificate: a larger estimate is too uncertain to be worth its digits


def say(message: str) -> None:
    """A line for the person, on stderr."""
    stderr.print(message, markup=False)


def show_json(data: object) -> None:
    """The report as JSON on stdout."""
    print(json.dumps(data, ensure_ascii=False, indent=2, default=_plain))


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A report as a table on stdout; columns that hold only numbers are right-aligned, short names of rows don't break."""
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(_is_number(row[index]) for row in rows)
        short = index == 0 and all(len(_shown(row[0])) <= _SHORT for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=short)
    for row in rows:
        table.add_row(*(Text(_shown(cell)) for cell in row))
    stdout.print(table)


def show_certificates(certificates: Sequence[Mapping[str, Any]]) -> None:
    """What may be published without a person: a sentence for each attribute that may, one line for those that may not."""
    proven = [one for one in certificates if one["coverage"]]
    unproven = [one for one in certificates if not one["coverage"]]
    if proven:
        say("What may be published without a person:")
    for one in proven:
        say(f"  {one['sentence']}")
    if unproven:
        promise = f"{100 * unproven[0]['precision']:g} % precision at {100 * unproven[0]['confidence']:g} % confidence"
        say(f"Not proven at {promise}, so people decide (in brackets: labelled families it would take):")
        needed = [f"{one['attribute']} ({_needed(one['labels_needed'])})" for one in unproven]
        say("  " + ", ".join(needed))


def _needed(labels: int | None) -> str:
    if not labels:
        return "a better head"
    return f"more than {_MANY:,}" if labels > _MANY else f"about {labels:,}"


def show_error(error: VitrineError, *, as_json: bool = False) -> None:
    """An error the way a person (stderr) or a program (stdout) reads it."""
    if as_json:
        show_json(error.body())
    stderr.print(f"[bold red]error:[/] {_escaped(error.message)}")
    if error.hint:
        stderr.print(f"[bold]hint:[/] {_escaped(error.hint)}")


@contextmanager
def progress(what: str) -> Iterator[Any]:
    """A progress bar on stderr with rate and time left; yields the callback `(done, total)` that the rooms call."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=stderr,
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=None, rate="")

        def update(done: int, total: int) -> None:
            speed = bar.tasks[task].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:,.0f}/s" if speed else "")

        yield update


def percent(share: float | None) -> str:
    """A share for people: one decimal, a dash where there is none.

    >>> percent(0.8137), percent(None)
    ('81.4 %', '–')
    """
    return "–" if share is None or share != share else f"{100 * share:.1f} %"


def _shown(cell: object) -> str:
    return f"{cell:%Y-%m-%d %H:%M}" if isinstance(cell, datetime) else str(cell)


def _is_number(cell: object) -> bool:
    shown = str(cell).replace("%", "").replace(",", "").replace("–", "0").replace("−", "-").strip()
    try:
        float(shown.split("±")[0])
    except ValueError:
        return False
    return True


def _escaped(message: str) -> str:
    return message.replace("[", "\\[")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def decimals(value: float | None) -> str:
    """A figure such as an AUC; a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def interval(figure: Mapping[str, Any]) -> str:
    """`low` to `high` of a figure; a dash where there is none."""
    return "–" if figure["low"] is None else f"{figure['low']:.3f}–{figure['high']:.3f}"
