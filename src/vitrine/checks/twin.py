"""Find photos that are the same picture: one photo under several products, and confirmed twins."""

from collections.abc import Iterator

from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import Seen

_REMEDY = "their products stay together in one part; remove the copy if it is a mistake"


def twin(evidence: Evidence) -> Iterator[Seen]:
    """One finding for each further product of a photo, and one for each pair of twin photos."""
    for photo_id, (first, *others) in evidence.shows.items():
        for other in others:
            message = (
                f"photo '{other.file}' of product '{other.sku}' is byte for byte '{first.file}' of product "
                f"'{first.sku}'; {_REMEDY}"
            )
            yield Seen(other.sku, other.file, message, (photo_id,))
    for pair in evidence.twins.to_pylist():
        if pair["photo_a"] in evidence.shows and pair["photo_b"] in evidence.shows:
            a, b = evidence.shows[pair["photo_a"]][0], evidence.shows[pair["photo_b"]][0]
            likeness = "the same picture as" if pair["kind"] == "exact" else "nearly the same picture as"
            message = (
                f"photo '{b.file}' of product '{b.sku}' is {likeness} '{a.file}' of product '{a.sku}' "
                f"({pair['kind']}, score {pair['score']:.2f}); {_REMEDY}"
            )
            yield Seen(b.sku, b.file, message, (pair["photo_b"], pair["photo_a"]))
