"""A plan: the steps of a night in their order, read from a TOML file.

[[step]]
do = "ingest"
photos = "s3://studio/new"

[[step]]
do = "classify"
retries = 2

[on_failure]
webhook_env = "VITRINE_WEBHOOK"
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from vitrine.automation.notify import Notices
from vitrine.automation.steps import Options, kind_of
from vitrine.errors import InputError, NotFound

_OWN = ("do", "name", "retries")
_MOST_RETRIES = 10

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Planned:
    """One step of a plan: its `name` in the record, the kind it is of, and how often it is tried again."""

    name: str
    kind: str
    options: Options
    retries: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in their order, and whom to tell where one fails; `name` is the file's."""

    name: str
    steps: tuple[Planned, ...]
    notices: Notices


def read_plan(path: Path) -> Plan:
    """Read a plan; NotFound without the file, InputError for whatever in it cannot be meant, with its place."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"there is no plan {path}", hint="docs/guides/every-night.md has one to begin with") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: {error}") from None
    unknown = set(given) - {"step", "on_failure"}
    steps = given.get("step")
    if unknown or not isinstance(steps, list) or not all(isinstance(one, dict) for one in steps):
        wrong = f"it has '{min(unknown)}'" if unknown else "it has no [[step]]"
        raise InputError(f"{path}: {wrong}", hint="a plan has [[step]] sections and at most one [on_failure]")
    planned = tuple(_step(one, number, path) for number, one in enumerate(steps, 1))
    notices = _valid(Notices, given.get("on_failure", {}), f"{path}: [on_failure]", path.parent)
    return Plan(path.stem, planned, notices)


def _step(given: dict[str, Any], number: int, path: Path) -> Planned:
    where = f"{path}: step {number}"
    kind, retries = given.get("do"), given.get("retries", 0)
    if not isinstance(kind, str):
        raise InputError(f"{where} does not say what to do", hint='for example do = "classify"')
    name = given.get("name", kind)
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= 100:
        raise InputError(f"{where}: name = {name!r} is no name")
    if isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= _MOST_RETRIES:
        raise InputError(f"{where}: retries = {retries!r}", hint=f"a number from 0 to {_MOST_RETRIES}")
    told = {key: value for key, value in given.items() if key not in _OWN}
    options = _valid(kind_of(kind).options, told, f"{where} ({kind})", path.parent)
    return Planned(name, kind, options, retries)


def _valid(model: type[M], given: Any, where: str, folder: Path) -> M:
    """What was told as the model says, its files relative to the plan's folder."""
    try:
        found = model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        known = ", ".join(model.model_fields)
        hint = f"there are: {known}" if known else "it needs to be told nothing"
        raise InputError(f"{where}: {place} = {first.get('input')!r}: {first['msg']}", hint=hint) from None
    paths = {name: folder.resolve() / value for name, value in found if isinstance(value, Path)}
    return found.model_copy(update=paths)
