"""Find values that the taxonomy does not have: cells that were put aside, and labels of an older taxonomy."""

from collections import defaultdict
from collections.abc import Iterator

from vitrine.checks.evidence import Evidence, PutAside
from vitrine.checks.seen import Seen

_REMEDY = "correct it in the table, or add it to taxonomy.toml as a value or synonym, and ingest again"


def off_taxonomy(evidence: Evidence) -> Iterator[Seen]:
    """One finding a product and value, with the value that was probably meant."""
    yield from _cells(evidence)
    yield from _earlier_labels(evidence)


def _cells(evidence: Evidence) -> Iterator[Seen]:
    cells: dict[tuple[str | None, str], list[PutAside]] = defaultdict(list)
    for row in evidence.put_aside("off-taxonomy"):
        cells[row.sku, row.reason].append(row)
    for (sku, reason), (first, *others) in cells.items():
        yield Seen(
            product=sku,
            attribute=first.attribute,
            place=f"{first.place} and {len(others)} more" if others else first.place,
            what=reason,
            remedy=_REMEDY,
            pictures=tuple(evidence.photos_of.get(sku or "", ())),
        )


def _earlier_labels(evidence: Evidence) -> Iterator[Seen]:
    attributes = evidence.taxonomy.attributes
    for label in evidence.labels.to_pylist():
        attribute, value = attributes.get(label["attribute"]), label["value"]
        if attribute and value not in attribute.values:
            suggestion = attribute.suggest(value)
            meant = f"; did you mean '{suggestion}'?" if suggestion else ""
            yield Seen(
                product=label["sku"],
                attribute=attribute.name,
                what=f"is labelled {attribute.name} '{value}', which taxonomy.toml no longer has{meant}",
                remedy=_REMEDY,
                pictures=tuple(evidence.photos_of.get(label["sku"], ())),
            )
