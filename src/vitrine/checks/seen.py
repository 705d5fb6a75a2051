"""What a check is, what it yields, and how it says that it cannot run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from vitrine.checks.evidence import Evidence
from vitrine.errors import VitrineError

Severity = Literal["error", "warning", "note"]


class NotApplicable(VitrineError):
    """The check has nothing to work on here; `message` is the reason, shown as "not run: …"."""

    code = "not-applicable"
    exit_status = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One thing that a check saw, in the parts that its sentence is made of.

    `photo` is the file as the table names it, where the finding is about one photo. `what` goes on from that photo,
    else from the product: "is out of focus". Of a row or cell, which has a `place` and no photo, and where there is
    no product, it stands by itself: "'cheap' is no price". `attribute` is set where the finding is about one attribute.
    `pictures` are the photo_ids to look at, the accused one first. `code` is empty but for rows in quarantine, which keep
    the code they were put aside with.

    >>> Seen(product="A1", photo="a.jpg", what="is out of focus", remedy="replace it").message
    "photo 'a.jpg' of product 'A1' is out of focus; replace it"
    >>> Seen(product="A1", place="t.csv row 2", what="'cheap' is no price", remedy="correct it").message
    "t.csv row 2: product 'A1': 'cheap' is no price; correct it"
    """

    what: str
    remedy: str
    product: str | None = None
    photo: str | None = None
    attribute: str | None = None
    place: str = ""
    pictures: tuple[str, ...] = ()
    code: str = ""

    @property
    def message(self) -> str:
        """The whole sentence: what is seen where, and what to do about it."""
        end = " " if self.statement.endswith("?") else "; "
        return f"{self.statement}{end}{self.remedy}" if self.remedy else self.statement

    @property
    def statement(self) -> str:
        """The sentence without what to do, for where that is said once for many."""
        return f"{self.place}: {self._subject}{self.what}" if self.place else f"{self._subject}{self.what}"

    @property
    def _subject(self) -> str:
        if self.photo:
            return f"photo '{self.photo}' of product '{self.product}' " if self.product else f"photo '{self.photo}' "
        if self.product:
            return f"product '{self.product}'{':' if self.place else ''} "
        return ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `find` yields what it sees or raises NotApplicable before the first."""

    code: str
    severity: Severity
    title: str
    find: Callable[[Evidence], Iterator[Seen]]


def percent(share: float) -> str:
    """A share for people: one decimal, and never a zero that is none.

    >>> percent(0.0137), percent(0.0002)
    ('1.4 %', 'less than 0.1 %')
    """
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"
