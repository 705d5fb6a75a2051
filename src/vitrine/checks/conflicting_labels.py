"""Find labels that contradict each other: within one product, and between products with the same picture."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Seen

Values = Mapping[str, Mapping[str, Sequence[str]]]  # sku → attribute → what is said


def conflicting_labels(evidence: Evidence) -> Iterator[Seen]:
    """Products with several values for one attribute in one table, then twins whose labels disagree."""
    values: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for label in evidence.labels.to_pylist():
        values[label["sku"]][label["attribute"]].append(label["value"])
    yield from _within(evidence, values)
    yield from _between(evidence, values)


def _within(evidence: Evidence, values: Values) -> Iterator[Seen]:
    for sku, by_attribute in values.items():
        for attribute, said in by_attribute.items():
            if len(said) > 1:
                message = (
                    f"product '{sku}' has {len(said)} values of {attribute}: {_quoted(said)}; none is used, "
                    "keep the right one in the table and ingest again"
                )
                yield Seen(sku, evidence.first_file(sku), message, tuple(evidence.photos_of.get(sku, ())))


def _between(evidence: Evidence, values: Values) -> Iterator[Seen]:
    told = set()
    for same in evidence.same_pictures():
        a, b = same.first, same.other
        differences = _differences(values.get(a.sku, {}), values.get(b.sku, {}))
        pair = frozenset((a.sku, b.sku))
        if not differences or pair in told:
            continue
        told.add(pair)
        message = (
            f"products '{b.sku}' and '{a.sku}' show {same.likeness} picture, but their labels disagree: "
            f"{', '.join(differences)}; correct the labels, or the photo of one of them, and ingest again"
        )
        yield Seen(b.sku, b.file, message, tuple(dict.fromkeys((same.other_photo, same.first_photo))))


def _differences(a: Mapping[str, Sequence[str]], b: Mapping[str, Sequence[str]]) -> list[str]:
    shared = (name for name in b if name in a and set(a[name]).isdisjoint(b[name]))
    return [f"{name} {_quoted(b[name])} against {_quoted(a[name])}" for name in shared]


def _quoted(values: Sequence[str]) -> str:
    return " and ".join(f"'{value}'" for value in values)
