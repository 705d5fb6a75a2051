"""What a delivery did, the same for every target."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that stays here: which answers (`count` of them, `sku` is the first), why, and what mends it."""

    attribute: str
    value: str
    sku: str
    count: int
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Change:
    """One value that the target gets (`new`), has otherwise (`old`), or gives back (`new` is None)."""

    sku: str
    attribute: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a target got: answers `sent` (new or changed), `unchanged`, `recalled` (taken back) and `failed`.

    `where` is the place. With `dry_run` the counts are what a delivery would do. `changes` are the first of them,
    `problems` what could not leave and why.
    """

    target: str
    sent: int
    unchanged: int
    recalled: int
    failed: int
    where: str
    dry_run: bool = False
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
