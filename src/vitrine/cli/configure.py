"""`vitrine config show` and `vitrine doctor`: what is set, why, and whether the parts work."""

import importlib.metadata
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder
from vitrine.errors import VitrineError

config = typer.Typer(no_args_is_help=True, help="Show the settings and where they come from.")


@config.command("show")
def show(workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Show every setting, its value, where the value comes from and what it means."""
    from vitrine.config import origins

    rows = origins(workspace)
    if as_json:
        keys = ("section", "name", "value", "origin", "meaning")
        output.show_json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    shown = [(f"{section}.{name}", value, origin, meaning) for section, name, value, origin, meaning in rows]
    output.show_table("", ["setting", "value", "from", "meaning"], shown)


def doctor(workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Look whether every part works on this machine. Exit 3 when one does not."""
    parts: list[tuple[str, Callable[[], str]]] = [
        ("python", platform.python_version),
        ("processor", lambda: f"{os.cpu_count()} cores, {platform.machine()}"),
        ("openvino", lambda: importlib.metadata.version("openvino")),
        ("xgboost", lambda: importlib.metadata.version("xgboost-cpu")),
    ]
    if (workspace / "vitrine.toml").exists():
        parts += _workspace_parts(workspace)
    findings = [_try(name, part) for name, part in parts]
    if as_json:
        output.show_json(findings)
    else:
        rows = [("ok" if f["ok"] else "FAILS", f["part"], f["what"]) for f in findings]
        output.show_table("", ["", "part", ""], rows)
    if not all(finding["ok"] for finding in findings):
        raise typer.Exit(3)


def _workspace_parts(workspace: Path) -> list[tuple[str, Callable[[], str]]]:
    import vitrine
    from vitrine.stores import schema

    opened = vitrine.open(workspace)
    return [
        ("taxonomy", lambda: f"{opened.taxonomy.id}, {len(opened.taxonomy.attributes)} attributes"),
        ("catalog", lambda: f"{opened.catalog.count(schema.products):,} products"),
        ("photos", lambda: f"{opened.photos.url}, {opened.catalog.count(schema.photos):,} photos"),
        ("embedder", lambda: f"{opened.embedder.id}, {opened.embedder.dim} numbers a photo"),
        ("champion", lambda: opened.model().model_id),
    ]


def _try(name: str, part: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"part": name, "ok": True, "what": part()}
    except VitrineError as error:
        ok = error.code == "not-found"  # no champion yet is a state, not a fault
        return {"part": name, "ok": ok, "what": error.message, "hint": error.hint}
    except importlib.metadata.PackageNotFoundError as error:
        return {"part": name, "ok": False, "what": f"not installed: {error}"}
