"""Find labels that the pictures contradict."""

from collections.abc import Iterator, Sequence

from vitrine.checks.confident import Suspect, blatant
from vitrine.checks.evidence import Evidence
from vitrine.checks.guess import Vectors, contradicted, frequent, projected
from vitrine.checks.seen import NotApplicable, Seen, percent


def likely_wrong_label(evidence: Evidence) -> Iterator[Seen]:
    """Labels of all attributes that confident learning contradicts, the most suspicious first.

    Every label is judged by heads that saw no product of its family. Nothing found here chooses a model.
    """
    products = [row for row in evidence.dataset.to_pylist() if evidence.sound(row["photo_ids"])]
    least = evidence.settings.learn.min_rows
    labels = {name: [row[name] for row in products] for name in evidence.taxonomy.attributes}
    values = {name: known for name, column in labels.items() if (known := frequent(column, least))}
    if not values:
        raise NotApplicable(f"no attribute has two values with {least} labelled products with a good photo")
    families = [row["family_id"] for row in products]
    rows = projected(evidence, [evidence.sound(row["photo_ids"]) for row in products])
    said = {(label["sku"], label["attribute"]) for label in evidence.labels.to_pylist()}
    found = [
        (suspect, name)
        for name, known in values.items()
        for suspect in _worth_a_look(rows, labels[name], families, known)
        if (products[suspect.row]["sku"], name) in said  # an inferred 'not applicable' is nobody's mistake
    ]
    for suspect, name in sorted(found, key=lambda pair: pair[0].probability):
        product = products[suspect.row]
        sku, known = product["sku"], values[name]
        yield Seen(
            product=sku,
            attribute=name,
            what=f"is labelled {name} '{known[suspect.given]}' ({percent(suspect.probability)} probable) "
            f"but looks like '{known[suspect.suggested]}'",
            remedy="look at it and correct the label if it is wrong",
            pictures=tuple(evidence.photos_of[sku]),
        )


def _worth_a_look(
    rows: Vectors, labels: Sequence[str | None], families: Sequence[str], known: tuple[str, ...]
) -> list[Suspect]:
    judged = sum(label in known for label in labels)
    return blatant(contradicted(rows, labels, families, known), judged, len(known))
