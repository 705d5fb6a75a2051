"""Find photos that the table names and nobody can find, and products without any photo."""

from collections.abc import Iterator

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Seen


def missing_photo(evidence: Evidence) -> Iterator[Seen]:
    """Missing files first, then products that have no photo for no reason already told."""
    for row in evidence.put_aside("missing"):
        yield Seen(
            product=row.sku,
            photo=row.photo,
            place=row.place,
            what="is not there",
            remedy="correct the path, or add the file and ingest again",
        )
    told = {row.sku for row in evidence.quarantine}
    with_photo = set(evidence.links.column("sku").to_pylist())
    for sku in evidence.products.column("sku").to_pylist():
        if sku not in with_photo and sku not in told:
            yield Seen(product=sku, what="has no photo", remedy="name one in the table and ingest again")
