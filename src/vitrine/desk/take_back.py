r"""Take an edit of a text back, line by line, from a text that was edited further since.

The three-way merge of version control (Khanna, Kunal and Pierce 2007) with the edited text as the base: one side are the later
edits, the other one is the way back.

>>> take_back("a\nb\nc\n", "a\nB\nc\n", "a\nB\nc\nd\n")
'a\nb\nc\nd\n'
>>> take_back("a\nb\n", "a\nB\n", "a\nBB\n") is None
True
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True)
class _Edit:
    """Lines `start` to `stop` of the base become `lines`."""

    start: int
    stop: int
    lines: tuple[str, ...]

    def meets(self, other: "_Edit") -> bool:
        """Whether both touch a line, or put something at the same place."""
        if self.start == self.stop or other.start == other.stop:
            inside = self.start < other.stop and other.start < self.stop
            return inside or (self.start, self.stop) == (other.start, other.stop)
        return self.start < other.stop and other.start < self.stop


def take_back(before: str, after: str, now: str) -> str | None:
    """`now` without the edit that made `after` of `before`; None where later edits are in its very lines."""
    base = after.splitlines(keepends=True)
    later, back = (_edits(base, text.splitlines(keepends=True)) for text in (now, before))
    done = set(later) & set(back)  # taken back by hand already
    later = [one for one in later if one not in done]
    if any(one.meets(other) for one in later for other in back):
        return None
    lines, place = [], 0
    for one in sorted([*later, *back], key=lambda one: (one.start, one.stop)):
        lines += [*base[place : one.start], *one.lines]
        place = one.stop
    return "".join([*lines, *base[place:]])


def _edits(base: Sequence[str], other: Sequence[str]) -> list[_Edit]:
    matched = SequenceMatcher(None, base, other, autojunk=False).get_opcodes()
    return [_Edit(i, j, tuple(other[k:m])) for tag, i, j, k, m in matched if tag != "equal"]
