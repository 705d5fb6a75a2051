"""Write docs/reference from the product itself: every command, every setting, every check, the zoo's results.

python docs/generate.py            writes the pages
python docs/generate.py --check    exit 1 when a page would change
"""

import sys
from pathlib import Path

import click
import typer.main
from zoo_page import zoo_page

from vitrine.checks.builtin import CHECKS
from vitrine.cli.main import app
from vitrine.config import sections

FOLDER = Path(__file__).parent / "reference"


def commands_page() -> str:
    lines = ["# Commands", "", "Written by `make docs` from the commands themselves."]
    root = typer.main.get_command(app)
    for name, command in _commands(root, "vitrine"):
        lines += ["", f"## {name}", "", _plain(command.help or ""), ""]
        lines += ["| option | meaning | default |", "|---|---|---|"]
        for parameter in command.params:
            if parameter.name == "help":
                continue
            shown = ", ".join(parameter.opts) if parameter.param_type_name == "option" else str(parameter.name).upper()
            meaning = getattr(parameter, "help", "") or ""
            default = "" if parameter.default in (None, False) or parameter.required else str(parameter.default)
            lines.append(f"| `{shown}` | {_plain(meaning)} | {default} |")
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    lines = ["# Settings", "", "`vitrine.toml`, written by `make docs` from the settings themselves."]
    lines += ["A variable `VITRINE_SECTION__NAME` stands above the file."]
    for section, model in sections():
        lines += ["", f"## [{section}]", "", (model.__doc__ or "").split("\n\n")[0], ""]
        lines += ["| setting | meaning | default |", "|---|---|---|"]
        for name, field in model.model_fields.items():
            default = "" if field.default is None else field.default
            lines.append(f"| `{name}` | {field.description} | `{default}` |")
    return "\n".join(lines) + "\n"


def checks_page() -> str:
    lines = ["# Checks", "", "What `vitrine check` looks for, in this order.", ""]
    lines += ["| code | severity | what it finds |", "|---|---|---|"]
    lines += [f"| `{one.code}` | {one.severity} | {one.title} |" for one in CHECKS]
    return "\n".join(lines) + "\n"


def _commands(command: click.Command, name: str) -> list[tuple[str, click.Command]]:
    children = getattr(command, "commands", None)
    if children is None:
        return [(name, command)]
    found = []
    for child in children.values():
        found += _commands(child, f"{name} {child.name}")
    return found


def _plain(text: str) -> str:
    """Rich's marks as Markdown's."""
    return text.replace("[dim]", "`").replace("[/]", "`").replace("[bold]", "`").strip()


def main() -> None:
    pages = {
        "commands.md": commands_page(),
        "settings.md": settings_page(),
        "checks.md": checks_page(),
        "zoo.md": zoo_page(),
    }
    stale = []
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages.items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if "--check" in sys.argv and stale:
        sys.exit(f"docs/reference is stale ({', '.join(stale)}): make docs")


if __name__ == "__main__":
    main()
