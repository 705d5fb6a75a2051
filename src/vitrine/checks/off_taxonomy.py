"""Find values that the taxonomy does not have: cells that were put aside, and labels of an older taxonomy."""

from collections import defaultdict
from collections.abc import Iterator

from vitrine.checks.evidence import Evidence, PutAside
from vitrine.checks.seen import Seen

_REMEDY = "correct it in the table, or add it to taxonomy.toml as a value or synonym, and ingest again"


def off_taxonomy(evidence: Evidence) -> Iterator[Seen]:
    """One finding a product and value, with the value that was probably meant."""
    cells: dict[tuple[str | None, str], list[PutAside]] = defaultdict(list)
    for row in evidence.put_aside("off-taxonomy"):
        cells[row.sku, row.reason].append(row)
    for (sku, reason), (first, *others) in cells.items():
        place = f"{first.place} and {len(others)} more" if others else first.place
        pictures = tuple(evidence.photos_of.get(sku or "", ()))
        yield Seen(sku, None, f"{place}: product '{sku}': {_then_remedy(reason)}", pictures)
    attributes = evidence.taxonomy.attributes
    for label in evidence.labels.to_pylist():
        attribute = attributes.get(label["attribute"])
        if attribute and label["value"] not in attribute.values:
            suggestion = attribute.suggest(label["value"])
            meant = f"; did you mean '{suggestion}'?" if suggestion else ""
            old = f"{attribute.name}: '{label['value']}' was labelled before and is not in taxonomy.toml now"
            sku = label["sku"]
            message = f"product '{sku}': {_then_remedy(old + meant)}"
            yield Seen(sku, None, message, tuple(evidence.photos_of.get(sku, ())))


def _then_remedy(reason: str) -> str:
    return f"{reason}{' ' if reason.endswith('?') else '; '}{_REMEDY}"
