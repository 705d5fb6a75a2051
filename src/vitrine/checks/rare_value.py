"""Find values that have too few labelled products to be learnt."""

from collections.abc import Iterator

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Seen


def rare_value(evidence: Evidence) -> Iterator[Seen]:
    """Values with fewer products than `[learn] min_rows`; an attribute without labels is one finding."""
    least = evidence.settings.learn.min_rows
    for name, attribute in evidence.taxonomy.attributes.items():
        counts = evidence.counts[name]
        if not counts:
            yield Seen(
                attribute=name, what=f"{name} has no label at all", remedy="fill its column in the table, or remove it"
            )
            continue
        for value in attribute.values:
            if counts[value] < least:
                products = "labelled product" if counts[value] == 1 else "labelled products"
                yield Seen(
                    attribute=name,
                    what=f"{name}: '{value}' has {counts[value]} {products} and needs {least} in the train part "
                    "([learn] min_rows)",
                    remedy="label more, or merge it with another value",
                )
