"""The house keeps its shape: imports run with the arrows, heavy parts stay lazy, and licences stay permissive."""

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

SOURCE = Path(__file__).parent.parent / "src" / "vitrine"

# Rooms from the foundation up: a room may import rooms of its own line and of lines above it.
ROOMS = [
    {"errors", "records"},
    {"taxonomy", "config"},
    {"stores", "tracking"},
    {"report"},
    {"training"},
    {"intake", "embed"},
    {"learn"},
    {"lookalike"},
    {"checks", "classify", "desk"},
    {"engine"},
    {"workspace"},
    {"finetune"},
    {"jobs", "backup", "tidy", "receive"},
    {"deliver", "cluster"},
    {"market"},
    {"zoo"},
    {"automation"},
    {"web"},
    {"demo"},
    {"cli"},
]
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}


def imports_of(path: Path) -> set[str]:
    """The vitrine rooms a module imports when it is imported (type-only and function-level imports don't run then)."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "vitrine" else [f"vitrine.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("vitrine.")}
    return found


def modules() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_run_with_the_arrows(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if room == "__init__":
        return
    assert room in LEVEL, f"'{room}' is a new room: give it its line in ROOMS"
    against = {other for other in imports_of(path) if LEVEL.get(other, 0) > LEVEL[room]}
    assert not against, f"{path.relative_to(SOURCE)} imports {', '.join(sorted(against))} against the arrows"


NUMBERS = {"numpy", "pandas", "pyarrow", "scipy", "sklearn", "sqlalchemy", "duckdb"}
LEARNING = {
    "torch",
    "mlflow",
    "matplotlib",
    "pandas",
    "sklearn",
    "xgboost",
    "openvino",
    "scipy.stats",
    "scipy.optimize",
}


@pytest.mark.parametrize(("module", "later"), [("cli.main", NUMBERS), ("workspace", LEARNING)])
def test_libraries_that_take_long_are_loaded_when_they_are_needed(module: str, later: set[str]) -> None:
    code = f"import sys, vitrine.{module}; print(*sorted({later!r} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_only_permissive_licences_are_installed_with_vitrine() -> None:
    refused = {name: found for name in _needed("vitrine") if (found := _strong_copyleft(name))}
    assert not refused, f"GPL/AGPL dependencies: {refused}"


def _needed(name: str, seen: set[str] | None = None) -> set[str]:
    seen = set() if seen is None else seen
    for line in importlib.metadata.requires(name) or []:
        requirement = Requirement(line)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        key = requirement.name.lower().replace("_", "-")
        if wanted and key not in seen:
            try:
                importlib.metadata.distribution(key)
            except importlib.metadata.PackageNotFoundError:
                continue
            seen.add(key)
            _needed(key, seen)
    return seen


def _strong_copyleft(name: str) -> str:
    meta = importlib.metadata.metadata(name)
    texts = [meta.get("License-Expression") or "", *(meta.get_all("Classifier") or [])]
    if not meta.get("License-Expression"):
        texts.append((meta.get("License") or "")[:80])
    for text in texts:
        words = text.upper().replace("-", " ").replace("(", " ").replace(")", " ").split()
        if any(word in ("GPL", "AGPL", "GPLV2", "GPLV3", "AGPLV3") for word in words):
            return text
    return ""
