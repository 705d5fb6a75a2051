"""The published results of the zoo, as a page and its JSON twin show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from vitrine.zoo.data import CLASSES
from vitrine.zoo.entries import ENTRIES
from vitrine.zoo.results import ClassScore, Evidence, Summary, class_scores, read, summaries


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """One network over its seeds; classes, `confusion` (rows are the true classes) and the curve are of its first seed."""

    summary: Summary
    says: str
    paper: str
    classes: Sequence[ClassScore]
    confusion: Sequence[Sequence[int]]
    curve: Sequence[float]
    commit: str
    data_id: str
    weights_sha256: str


@dataclass(frozen=True, slots=True)
class ZooPage:
    """All networks with published results, the most accurate first."""

    class_names: Sequence[str]
    entries: Sequence[ZooEntry]


@lru_cache(maxsize=1)
def zoo() -> ZooPage:
    """The results that come with Vitrine; they don't change while it runs."""
    evidence = read()
    first = {one.result.entry: one for one in reversed(evidence)}
    told = {one.name: (one.says, one.paper) for one in ENTRIES}
    entries = [_entry(one, first[one.entry], *told.get(one.entry, ("", ""))) for one in summaries(evidence)]
    return ZooPage(CLASSES, entries)


def _entry(summary: Summary, evidence: Evidence, says: str, paper: str) -> ZooEntry:
    return ZooEntry(
        summary=summary,
        says=says,
        paper=paper,
        classes=class_scores(evidence.confusion),
        confusion=evidence.confusion,
        curve=[epoch["score"] for epoch in evidence.history],
        commit=evidence.result.commit,
        data_id=evidence.result.data_id,
        weights_sha256=evidence.result.weights_sha256,
    )
