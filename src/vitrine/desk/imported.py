"""Enter what came in a file: in actions of a size that one transaction takes, each named by what is in it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vitrine.desk import decisions
from vitrine.desk.decisions import Answer
from vitrine.desk.journal import IMPORT
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file brought: how many decisions, what others had decided before, what was not used (place → why).

    `batch_ids` are the actions, each undone as one.
    """

    entered: int
    conflicts: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)
    batch_ids: Sequence[str] = ()


def enter(
    catalog: Catalog, taxonomy: Taxonomy, answers: Mapping[str, Sequence[Answer]], problems: Mapping[str, str]
) -> Imported:
    """Enter the answers of each author; the same ones again change nothing."""
    entered, conflicts, batch_ids = 0, dict[str, str](), list[str]()
    for author, given in sorted(answers.items()):
        for start in range(0, len(given), decisions.MOST_AT_ONCE):
            some = given[start : start + decisions.MOST_AT_ONCE]
            batch_id = "import-" + hashlib.sha256(repr((author, some)).encode()).hexdigest()[:40]
            done = decisions.decide_timely(catalog, taxonomy, some, author=author, batch_id=batch_id, mode=IMPORT)
            entered += len(done.decisions)
            conflicts |= {f"{sku}, {attribute}": why for (sku, attribute), why in done.conflicts.items()}
            batch_ids.append(batch_id)
    return Imported(entered, conflicts, problems, batch_ids)
