"""What a person should know about an answer of the search."""

from dataclasses import dataclass

UNLIKE = "unlike"
NONE_FITS = "none_fits"
NO_OTHER = "no_other"
COLLAPSED = "collapsed"

_ENGLISH = {
    UNLIKE: "nothing here looks like this: 99 of 100 products have a nearer look-alike",
    NONE_FITS: "no product fits the filters",
    NO_OTHER: "there is no other product with a photo",
    COLLAPSED: "any two products are {share} similar to this embedder: it tells nothing apart",
}


@dataclass(frozen=True, slots=True)
class Note:
    """A `code` that pages translate, the sentence in English, and the share (0..1) that it speaks of."""

    code: str
    message: str
    share: float | None = None


def note(code: str, share: float | None = None) -> Note:
    """The note of a code.

    >>> note(COLLAPSED, 0.98).message
    'any two products are 98 % similar to this embedder: it tells nothing apart'
    """
    return Note(code, _ENGLISH[code].format(share="" if share is None else f"{100 * share:.0f} %"), share)
