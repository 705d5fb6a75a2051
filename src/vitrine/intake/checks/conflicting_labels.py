"""Find labels that contradict each other: within one product, and between products with the same picture."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from vitrine.intake.checks.evidence import Evidence
from vitrine.intake.checks.seen import Seen


def conflicting_labels(evidence: Evidence) -> Iterator[Seen]:
    """Products with several values for one attribute in one table, then twins whose labels disagree."""
    values: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for label in evidence.labels.to_pylist():
        values[label["sku"]][label["attribute"]].append(label["value"])
    yield from _within(evidence, values)
    yield from _between(evidence, values)


def _within(evidence: Evidence, values: Mapping[str, Mapping[str, list[str]]]) -> Iterator[Seen]:
    for sku, by_attribute in values.items():
        for attribute, said in by_attribute.items():
            if len(said) > 1:
                pictures = tuple(evidence.photos_of.get(sku, ()))
                message = (
                    f"product '{sku}' has {len(said)} values of {attribute}: {_quoted(said)}; none is used, "
                    "keep the right one in the table and ingest again"
                )
                yield Seen(sku, evidence.first_file(sku), message, pictures)


def _between(evidence: Evidence, values: Mapping[str, Mapping[str, list[str]]]) -> Iterator[Seen]:
    told = set()
    for (sku_a, photo_a), (sku_b, photo_b) in evidence.same_pictures():
        said_a, said_b = values.get(sku_a, {}), values.get(sku_b, {})
        for attribute in sorted(said_a.keys() & said_b.keys()):
            pair = (frozenset((sku_a, sku_b)), attribute)
            if pair in told or not set(said_a[attribute]).isdisjoint(said_b[attribute]):
                continue
            told.add(pair)
            message = (
                f"product '{sku_b}' has {attribute} {_quoted(said_b[attribute])} and product '{sku_a}' has "
                f"{_quoted(said_a[attribute])}, but they show the same picture; correct one and ingest again"
            )
            pictures = tuple(dict.fromkeys((photo_b, photo_a)))
            yield Seen(sku_b, evidence.files[sku_b, photo_b], message, pictures)


def _quoted(values: list[str]) -> str:
    return " and ".join(f"'{value}'" for value in values)
