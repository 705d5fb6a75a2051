"""Find photos that the table names and nobody can find, and products without any photo."""

from collections.abc import Iterator

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Seen


def missing_photo(evidence: Evidence) -> Iterator[Seen]:
    """Missing files first, then products that have no photo for no reason already told."""
    told = set()
    for row in evidence.quarantine:
        told.add(row.sku)
        if row.code == "missing":
            message = f"{row.place}: product '{row.sku}': photo '{row.value}' is not there"
            yield Seen(row.sku, row.value, f"{message}; correct the path, or add the file and ingest again")
    with_photo = set(evidence.links.column("sku").to_pylist())
    for sku in evidence.products.column("sku").to_pylist():
        if sku not in with_photo and sku not in told:
            yield Seen(sku, None, f"product '{sku}' has no photo; name one in the table and ingest again")
