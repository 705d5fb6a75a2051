"""Find photos that are the same picture: one photo under several products, and confirmed twins."""

from collections.abc import Iterator

from vitrine.checks.evidence import Evidence, SamePicture
from vitrine.checks.seen import Seen


def twin(evidence: Evidence) -> Iterator[Seen]:
    """One finding for each further product of a photo, and one for each pair of twin photos."""
    for same in evidence.same_pictures():
        yield Seen(
            product=same.other.sku,
            photo=same.other.file,
            what=_likeness(same),
            remedy="remove the copy if it is a mistake, else leave it: their products stay together in one part",
            pictures=same.pictures,
        )


def _likeness(same: SamePicture) -> str:
    it = f"'{same.first.file}' of product '{same.first.sku}'"
    if same.kind == "near":
        return f"is nearly the same picture as {it} (score {same.score:.2f})"
    return f"is byte for byte {it}" if same.kind == "copy" else f"is the same picture as {it}"
