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
                yield Seen(
                    product=sku,
                    attribute=attribute,
                    what=f"has {len(said)} values of {attribute}: {_quoted(said)}, so none is used",
                    remedy="keep the right one in the table and ingest again",
                    pictures=tuple(evidence.photos_of.get(sku, ())),
                )


def _between(evidence: Evidence, values: Values) -> Iterator[Seen]:
    told = set()
    for same in evidence.same_pictures():
        a, b = same.first.sku, same.other.sku
        pair = frozenset((a, b))
        differences = _differences(values.get(a, {}), values.get(b, {}))
        # one empty background is as good as another
        if not differences or pair in told or len(evidence.sound(same.pictures)) < len(same.pictures):
            continue
        told.add(pair)
        likeness = "nearly the same" if same.kind == "near" else "the same"
        yield Seen(
            product=b,
            attribute=next(iter(differences)) if len(differences) == 1 else None,
            what=f"shows {likeness} picture as product '{a}', but their labels disagree: {', '.join(differences.values())}",
            remedy="correct the labels, or the photo of one of them, and ingest again",
            pictures=same.pictures,
        )


def _differences(a: Mapping[str, Sequence[str]], b: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Attribute → what the two say of it, where they say different things."""
    shared = (name for name in b if name in a and set(a[name]).isdisjoint(b[name]))
    return {name: f"{name} {_quoted(b[name])} against {_quoted(a[name])}" for name in shared}


def _quoted(values: Sequence[str]) -> str:
    return " and ".join(f"'{value}'" for value in values)
