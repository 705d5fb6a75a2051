"""The command line as people and programs call it, without the seconds that a process of its own takes to begin."""

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from vitrine.cli.main import run

# for what needs a process of its own: a signal, a full disk, two at once
COMMAND = [sys.executable, "-c", "from vitrine.cli.main import run; run()"]


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed."""

    stdout: str
    stderr: str


def vitrine(*arguments: object, folder: Path | None = None, expect: int = 0, **environment: str) -> Said:
    """Call a command in `folder`; it must exit as expected."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.chdir(folder or Path.cwd()),
        patch.dict(os.environ, environment),
        patch.object(sys, "argv", ["vitrine", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            run()
        except SystemExit as end:
            status = int(end.code or 0)
    assert status == expect, f"exit {status}\n{out.getvalue()}\n{err.getvalue()}"
    return Said(out.getvalue(), err.getvalue())
