"""The docs say what is true: reference pages are as generated, commands and files they name exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from vitrine.cli.main import app
from vitrine.zoo.results import read, summaries

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
COMMANDS = typer.main.get_command(app).commands


def test_reference_is_as_generated() -> None:
    result = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_that_a_page_names_exists(page: Path) -> None:
    for line in re.findall(r"^\s*(?:\$ )?vitrine (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        words = line.split("#")[0].split()
        name, command = words[0], COMMANDS.get(words[0])
        assert command is not None or name.startswith("-"), f"{page.name}: there is no command 'vitrine {name}'"
        known = {option for parameter in getattr(command, "params", []) for option in parameter.opts}
        children = getattr(command, "commands", {})
        if len(words) > 1 and words[1] in children:
            known |= {option for parameter in children[words[1]].params for option in parameter.opts}
        for option in (word for word in words[1:] if word.startswith("--")):
            assert option.split("=")[0] in known | {"--help", "--version"}, f"{page.name}: {name} has no {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    command = COMMANDS[name]
    assert command.help and len(command.help) > 20
    for parameter in command.params:
        assert getattr(parameter, "help", None) or parameter.name == "help", f"{name}: {parameter.name} has no help"


def test_make_targets_that_pages_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8")):
            assert target in targets, f"{page.name}: there is no 'make {target}'"


def test_every_room_of_the_readmes_tree_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = text.partition("src/vitrine/\n")[2].partition("```")[0]
    rooms = re.findall(r"^  ([a-z_]+(?:/|\.py))", tree, re.MULTILINE)
    assert rooms, "the README shows the tree"
    for room in rooms:
        assert (ROOT / "src" / "vitrine" / room).exists(), room


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_of_the_zoo_shows_the_results_that_are_there(theme: str) -> None:
    drawn = (ROOT / "docs" / "images" / f"zoo-accuracy-{theme}.svg").read_text(encoding="utf-8")
    stale = [one.entry for one in summaries(read()) if f"<!-- {100 * one.accuracy:.2f} -->" not in drawn]
    assert not stale, "python docs/zoo_page.py draws it anew"
