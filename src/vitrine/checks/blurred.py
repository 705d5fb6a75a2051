"""Find photos that are out of focus."""

from collections.abc import Iterator

import pyarrow.compute as pc

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Seen
from vitrine.intake.measure import LEAST_CONTRAST, LEAST_SHARPNESS


def blurred(evidence: Evidence) -> Iterator[Seen]:
    """Photos without one sharp edge (see `vitrine.intake.measure`) that are not blank."""
    suspect = (pc.field("contrast") >= LEAST_CONTRAST) & (pc.field("sharpness") < LEAST_SHARPNESS)
    for row in evidence.shown.filter(suspect).to_pylist():
        yield Seen(
            product=row["sku"],
            photo=row["file"],
            what=f"is out of focus: sharpness {row['sharpness']:.2f}, at least {LEAST_SHARPNESS} is needed",
            remedy="replace it and ingest again",
            pictures=(row["photo_id"],),
        )
