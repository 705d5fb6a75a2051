"""What a check is, what it yields, and how it says that it cannot run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from vitrine.checks.evidence import Evidence
from vitrine.errors import VitrineError

Severity = Literal["error", "warning", "note"]


class NotApplicable(VitrineError):
    """The check has nothing to work on here; `message` is the reason, shown as "not run: …"."""

    code = "not-applicable"
    exit_status = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a check saw.

    `photo` is the file as the table names it, `pictures` are the photo_ids to look at, the accused one first.
    `code` is empty but for rows in quarantine, which keep the code they were put aside with.
    """

    product: str | None
    photo: str | None
    message: str
    pictures: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `find` yields what it sees or raises NotApplicable before the first."""

    code: str
    severity: Severity
    title: str
    find: Callable[[Evidence], Iterator[Seen]]
