"""Find files that were named as photos and cannot be read as one."""

from collections.abc import Iterator

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Seen


def unreadable(evidence: Evidence) -> Iterator[Seen]:
    """Every file that ingest put aside as unreadable, with the decoder's reason."""
    for row in evidence.put_aside("unreadable"):
        yield Seen(
            product=row.sku,
            photo=row.photo,
            place=row.place,
            what=f"cannot be read: {row.reason}",
            remedy="replace the file and ingest again",
        )
