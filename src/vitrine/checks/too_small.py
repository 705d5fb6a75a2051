"""Find photos that were too small before cleaning to tell anything."""

from collections.abc import Iterator

import pyarrow.compute as pc

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Seen
from vitrine.intake.measure import LEAST_SIDE


def too_small(evidence: Evidence) -> Iterator[Seen]:
    """Photos whose short side, as received, has fewer than `LEAST_SIDE` pixels."""
    for row in evidence.put_aside("too-small"):
        message = f"{row.place}: product '{row.sku}': photo {row.reason}; bring a larger one"
        yield Seen(row.sku, row.value, message)
    side = pc.min_element_wise(pc.field("width_before"), pc.field("height_before"))
    for row in evidence.shown.filter(side < LEAST_SIDE).to_pylist():
        size = f"{row['width_before']}×{row['height_before']}"
        message = (
            f"photo '{row['file']}' of product '{row['sku']}' has {size} pixels, at least {LEAST_SIDE} a "
            "side are needed; bring a larger one and ingest again"
        )
        yield Seen(row["sku"], row["file"], message, (row["photo_id"],))
