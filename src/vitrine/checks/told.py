"""Take a finding's sentence apart: where it is, what is seen there, and what to do about it.

>>> from vitrine.records import Finding
>>> message = "photo 'a.jpg' of product 'A1' is out of focus: sharpness 0.02; replace it and ingest again"
>>> told(Finding("blurred", "warning", "A1", "a.jpg", message))
Told(where=('A1', 'a.jpg'), what='out of focus: sharpness 0.02', remedy='replace it and ingest again')
"""

from dataclasses import dataclass

from vitrine.records import Finding


@dataclass(frozen=True, slots=True)
class Told:
    """A finding in three parts; `where` is the product, the photo's file and the row, as far as they are known."""

    where: tuple[str, ...]
    what: str
    remedy: str


def told(finding: Finding) -> Told:
    """The parts of `finding`; what does not read like the checks' sentences stays whole in `what`."""
    said, remedy = _remedy(finding.message)
    place, what = _place(said, finding.product)
    for opening in (f"photo '{finding.photo}' of product '{finding.product}' ", f"product '{finding.product}' "):
        what = what.removeprefix(opening)
    if what != said:
        what = what.removeprefix(f"photo {finding.photo}: ").removeprefix("is ")
    where = tuple(part for part in (finding.product, finding.photo, place) if part)
    return Told(where, what, remedy)


def _remedy(message: str) -> tuple[str, str]:
    """What comes before the last `;` or `?`, and the advice after it: no advice has either in it."""
    end = max(message.rfind("; "), message.rfind("? "))
    if end < 0:
        return message, ""
    return message[: end + (message[end] == "?")], message[end + 2 :]


def _place(said: str, product: str | None) -> tuple[str, str]:
    """The row of the table that stands before the product, if one does, and the rest."""
    before, mark, after = said.partition(f": product '{product}': ")
    return (before, after) if mark and product else ("", said)
