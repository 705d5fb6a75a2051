"""Make sure that no photo, and no twin of it, lies in two parts of the split."""

from collections.abc import Iterator

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import NotApplicable, Seen
from vitrine.errors import InputError, Refused
from vitrine.learn.split import check_no_crossing


def family_across_splits(evidence: Evidence) -> Iterator[Seen]:
    """The first crossing among the products that were placed; it can only come from photos ingested since."""
    if not evidence.members.num_rows:
        raise NotApplicable("no product was placed in train, calibrate or test yet; vitrine train does")
    try:
        check_no_crossing(evidence.members, evidence.links, evidence.twins)
    except (Refused, InputError) as crossing:
        yield Seen(what=crossing.message, remedy=crossing.hint)
