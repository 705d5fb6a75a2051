"""Find photos that were too small before cleaning to tell anything."""

from collections.abc import Iterator

import pyarrow.compute as pc

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Seen
from vitrine.intake.measure import LEAST_SIDE


def too_small(evidence: Evidence) -> Iterator[Seen]:
    """Photos whose short side, as received, has fewer than `LEAST_SIDE` pixels."""
    side = pc.min_element_wise(pc.field("width_before"), pc.field("height_before"))
    for row in evidence.shown.filter(side < LEAST_SIDE).to_pylist():
        size = f"{row['width_before']}×{row['height_before']}"
        yield Seen(
            product=row["sku"],
            photo=row["file"],
            what=f"has {size} pixels, at least {LEAST_SIDE} a side are needed",
            remedy="bring a larger one and ingest again",
            pictures=(row["photo_id"],),
        )
