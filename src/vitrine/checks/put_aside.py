"""Show what else ingest put aside: rows, keys, prices and paths, each with its own code."""

from collections.abc import Iterator

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Seen

_TOLD_BY_OTHERS = frozenset({"unreadable", "missing", "too-small", "off-taxonomy"})
_REMEDIES = {
    "bad-row": "correct the row and ingest again",
    "bad-key": "give the product a key and ingest again",
    "bad-price": "correct the price; the product came in without it",
    "bad-path": "name a path inside the photos folder",
    "no-product": "add a row for it to the table, or leave the file out",
    "not-a-photo": "move the photo into a folder named after its value",
    "forbidden": "allow this user to read the file and ingest again",
}
_ABOUT_PHOTOS = frozenset({"bad-path", "no-product", "not-a-photo", "forbidden"})


def put_aside(evidence: Evidence) -> Iterator[Seen]:
    """Every quarantined row that no other check tells of."""
    for row in evidence.quarantine:
        if row.code not in _TOLD_BY_OTHERS:
            product = f"product '{row.sku}': " if row.sku else ""
            remedy = _REMEDIES.get(row.code, "correct it and ingest again")
            seen = "" if row.value in row.reason else f" (seen: {row.value})"
            photo = row.value if row.code in _ABOUT_PHOTOS else None
            yield Seen(row.sku, photo, f"{row.place}: {product}{row.reason}{seen}; {remedy}", code=row.code)
