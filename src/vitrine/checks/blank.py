"""Find photos that show nothing."""

from collections.abc import Iterator

import pyarrow.compute as pc

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Seen
from vitrine.intake.measure import LEAST_CONTRAST


def blank(evidence: Evidence) -> Iterator[Seen]:
    """Photos with less contrast (see `vitrine.intake.measure`) than anything photographed has."""
    for row in evidence.shown.filter(pc.field("contrast") < LEAST_CONTRAST).to_pylist():
        yield Seen(
            product=row["sku"],
            photo=row["file"],
            what=f"shows nothing: contrast {row['contrast']:.2f}, at least {LEAST_CONTRAST} is needed",
            remedy="replace it and ingest again",
            pictures=(row["photo_id"],),
        )
