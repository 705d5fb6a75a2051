"""Look at everything a workspace holds and say what is wrong with it.

>>> Report({}, {"blank": 0, "twin": 0}, {"wrong-view": "no photo has a view"}).as_dict()
{'findings': [], 'counts': {'blank': 0, 'twin': 0}}
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vitrine.checks.builtin import CHECKS
from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Check, NotApplicable, Seen
from vitrine.records import Finding

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

Progress = Callable[[int, int], None]


def _silent(done: int, total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Report:
    """What all checks saw, in the order of the checks, the most suspicious first.

    `seen` has the parts that each finding's message is made of; `counts` has every code that was looked for, also
    those of which nothing was found; `not_run` says why a check could not run.
    """

    seen: Mapping[Finding, Seen]
    counts: Mapping[str, int]
    not_run: Mapping[str, str]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings alone."""
        return tuple(self.seen)

    def as_dict(self) -> dict[str, Any]:
        """The JSON report: findings and counts."""
        return {"findings": [asdict(finding) for finding in self.findings], "counts": dict(self.counts)}


def check(workspace: "Workspace", *, on_embed: Progress = _silent, on_progress: Progress = _silent) -> Report:
    """Run every check; photos without a vector are embedded first where a check needs them.

    `on_embed(done, total)` counts photos, `on_progress(done, total)` checks. Nothing in the catalog changes.
    """
    evidence = Evidence(workspace, on_embed=on_embed)
    found: dict[Finding, Seen] = {}
    counts: Counter[str] = Counter()
    not_run: dict[str, str] = {}
    for done, one in enumerate(CHECKS):
        on_progress(done, len(CHECKS))
        try:
            seen = list(one.find(evidence))
        except NotApplicable as reason:
            not_run[one.code] = reason.message
            continue
        counts.update({one.code: 0})
        found |= {_finding(one, each, evidence): each for each in seen}
    on_progress(len(CHECKS), len(CHECKS))
    counts.update(finding.code for finding in found)
    return Report(found, dict(counts), not_run)


def _finding(one: Check, seen: Seen, evidence: Evidence) -> Finding:
    """A finding about a product, not one photo of it, names the first of its pictures: the file to open."""
    photo = seen.photo
    if not photo and seen.product and seen.pictures:
        photo = evidence.files[seen.product, seen.pictures[0]]
    return Finding(seen.code or one.code, one.severity, seen.product, photo, seen.message, seen.attribute)
