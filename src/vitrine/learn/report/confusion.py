"""Count which value was answered where which was expected; small values are grouped, to be readable."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST = 15


@dataclass(frozen=True, slots=True)
class Cell:
    """How often one answer was given for one label, in number and as a share of the label's rows.

    `right` is None where both are groups of values, so that some may be right and some not.
    """

    count: int
    share: float
    right: bool | None


@dataclass(frozen=True, slots=True)
class Line:
    """The answers given to the `n` rows where `label` was expected; None for a group, which `title` names."""

    label: str | None
    title: str
    n: int
    cells: tuple[Cell, ...]

    @property
    def right(self) -> float:
        """The share answered with the label itself."""
        return sum(cell.share for cell in self.cells if cell.right)


@dataclass(frozen=True, slots=True)
class Confusion:
    """`columns` are the values answered, None for all `others` together; `lines` are what was expected."""

    columns: tuple[str | None, ...]
    others: int
    lines: tuple[Line, ...]


def confusion(labels: Sequence[str], answers: Sequence[str], *, known: Sequence[str], most: int = MOST) -> Confusion:
    """Count `answers` against `labels` (one entry a row) over the values `known` to the model.

    The `most` frequent labels have a line and a column each; other known values share one, and labels that
    are not known (too rare to learn) have a line of their own, because they can only be answered wrongly.

    >>> labels, answers = ["red", "red", "blue", "teal"], ["red", "blue", "blue", "blue"]
    >>> table = confusion(labels, answers, known=["blue", "red"])
    >>> [(line.title, [cell.count for cell in line.cells]) for line in table.lines]
    [('red', [1, 1]), ('blue', [0, 1]), ('1 value too rare to learn', [0, 1])]
    """
    frequency = Counter(labels)
    ordered = sorted(known, key=lambda value: (-frequency[value], value))
    shown, others = ordered[:most], ordered[most:]
    rare = sorted(set(frequency) - set(known))
    line_of = {value: at for at, value in enumerate(shown)}
    line_of |= dict.fromkeys(others, most) | dict.fromkeys(rare, most + 1)
    counts = np.zeros((most + 2, most + 1), dtype=np.int64)
    for (label, answer), n in Counter(zip(labels, answers, strict=True)).items():
        counts[line_of[label], line_of[answer]] += n
    columns = (*shown, None) if others else tuple(shown)
    lines = [_line(value, value, counts[at].tolist(), columns) for at, value in enumerate(shown)]
    lines.append(_line(None, f"{len(others)} other values", counts[most].tolist(), columns))
    title = f"{len(rare)} value{'s' * (len(rare) > 1)} too rare to learn"
    lines.append(_line(None, title, counts[most + 1].tolist(), columns, never_right=True))
    return Confusion(columns, len(others), tuple(line for line in lines if line.n))


def _line(
    label: str | None,
    title: str,
    counts: list[int],
    columns: Sequence[str | None],
    *,
    never_right: bool = False,
) -> Line:
    n = sum(counts)
    cells = []
    # there can be fewer columns than counts: those left over are 0
    for column, count in zip(columns, counts, strict=False):
        both_groups = label is None and column is None and not never_right
        right = None if both_groups else label is not None and column == label
        cells.append(Cell(count, count / max(1, n), right))
    return Line(label, title, n, tuple(cells))
