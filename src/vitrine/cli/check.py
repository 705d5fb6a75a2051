"""`vitrine check`: what is wrong with the photos and labels, as a table and as a page with the pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.padding import Padding
from rich.text import Text

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder

if TYPE_CHECKING:
    from vitrine.checks.check import Report

_FIRST = 3


def check(
    page: Annotated[Path | None, typer.Option("--page", help="Write the HTML page here.")] = None,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with photos and labels, and what to do about it.

    Prints the findings and writes a page with the pictures, by default reports/check.html. Changes nothing.
    """
    import vitrine
    from vitrine.checks.check import check as run_checks
    from vitrine.checks.page import write_page

    opened = vitrine.open(workspace)
    with output.progress("embed") as embedding, output.progress("check") as checking:
        report = run_checks(opened, on_embed=embedding, on_progress=checking)
    written = write_page(opened, report, page or opened.report_path("check"))
    if as_json:
        output.show_json(report.as_dict())
    else:
        _show(report)
    output.say(f"with the pictures: {written}")


def _show(report: "Report") -> None:
    from vitrine.checks.page import sections

    found = sections(report)
    rows = [(f"{one.count:,}", one.severity, one.code, one.title) for one in found]
    if rows:
        output.show_table("What the checks found", ["found", "severity", "code", "what"], rows)
    else:
        output.stdout.print("Nothing found.")
    for one in found:
        _line(f"{one.code}: {one.remedy}" if one.remedy else f"{one.code}:")
        for finding in one.first[:_FIRST]:
            seen = report.seen[finding]
            _line(seen.statement if one.remedy else seen.message, indent=2)
        if one.count > _FIRST:
            _line(f"… and {one.count - _FIRST:,} more", indent=2)
    for code, reason in report.not_run.items():
        _line(f"{code} not run: {reason}")


def _line(text: str, *, indent: int = 0) -> None:
    """One line, which a terminal breaks between words and a pipe gets whole.

    Names and cells come from strangers: neither their markup nor control characters reach the terminal.
    """
    shown = Text("".join(c if c.isprintable() else "\ufffd" for c in text))
    if output.stdout.is_terminal:
        output.stdout.print(Padding(shown, (0, 0, 0, indent), expand=False), soft_wrap=False)
    else:
        output.stdout.print(Text(" " * indent) + shown)
