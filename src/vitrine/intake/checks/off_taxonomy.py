"""Find values that the taxonomy does not have: cells that were put aside, and labels of an older taxonomy."""

from collections.abc import Iterator

from vitrine.intake.checks.evidence import Evidence
from vitrine.intake.checks.seen import Seen

_REMEDY = "correct it in the table, or add it to taxonomy.toml as a value or synonym, and ingest again"


def off_taxonomy(evidence: Evidence) -> Iterator[Seen]:
    """One finding a cell or label, with the value that was probably meant."""
    for row in evidence.put_aside("off-taxonomy"):
        yield Seen(row.sku, None, f"{row.place}: product '{row.sku}': {row.reason}; {_REMEDY}")
    attributes = evidence.taxonomy.attributes
    for label in evidence.labels.to_pylist():
        attribute = attributes.get(label["attribute"])
        if attribute and label["value"] not in attribute.values:
            suggestion = attribute.suggest(label["value"])
            meant = f"did you mean '{suggestion}'? " if suggestion else ""
            message = (
                f"product '{label['sku']}': {attribute.name}: '{label['value']}' was labelled before and is "
                f"no longer in taxonomy.toml; {meant}{_REMEDY}"
            )
            yield Seen(label["sku"], None, message)
