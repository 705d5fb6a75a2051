"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Option("--workspace", "-w", help="The workspace folder.", file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")]
Encoding = Annotated[str, typer.Option("--encoding", help="Text encoding of the table.")]
ModelId = Annotated[str | None, typer.Option("--model", help="Model id; by default the one trained last.")]
