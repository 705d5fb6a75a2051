"""Show what else ingest put aside: rows, keys, prices and paths, each with its own code."""

from collections.abc import Iterator

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Seen

_TOLD_BY_OTHERS = frozenset({"unreadable", "missing", "off-taxonomy"})
_REMEDIES = {
    "bad-row": "correct the row and ingest again",
    "bad-key": "give the product a key and ingest again",
    "bad-price": "correct the price and ingest again: the product came in without it",
    "bad-stock": "correct the number of pieces and ingest again: the product came in without it",
    "bad-path": "name a path inside the photos folder and ingest again",
    "no-product": "add a row for it to the table, or leave the file out",
    "not-a-photo": "move the photo into a folder named after its value",
    "forbidden": "allow this user to read the file and ingest again",
}


def put_aside(evidence: Evidence) -> Iterator[Seen]:
    """Every quarantined row that no other check tells of."""
    for row in evidence.quarantine:
        if row.code not in _TOLD_BY_OTHERS:
            said = row.photo or row.value in row.reason
            yield Seen(
                product=row.sku,
                photo=row.photo,
                place=row.place,
                what=row.reason if said else f"{row.reason} (seen: {row.value})",
                remedy=_REMEDIES.get(row.code, "correct it and ingest again"),
                code=row.code,
            )
