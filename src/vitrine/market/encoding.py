"""Turn a base table's features into a matrix: numbers as they are, texts as one column a frequent value."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vitrine.errors import Refused

_MOST_VALUES = 30
_LEAST_ROWS = 20

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Encoding:
    """`numbers` are columns read as they are, missing kept; `texts` have one column for each value listed."""

    numbers: tuple[str, ...]
    texts: dict[str, tuple[str, ...]]

    @property
    def features(self) -> list[str]:
        """The columns it reads."""
        return [*self.numbers, *self.texts]

    @property
    def names(self) -> list[str]:
        """The matrix's columns: a number's name, or `name = value`."""
        return [*self.numbers, *(f"{name} = {value}" for name, values in self.texts.items() for value in values)]

    @property
    def feature_of(self) -> NDArray[np.int64]:
        """For each column of the matrix, the position of its feature in `features`."""
        sizes = [1] * len(self.numbers) + [len(values) for values in self.texts.values()]
        return np.repeat(np.arange(len(sizes)), sizes)

    def matrix(self, table: pa.Table) -> Matrix:
        """(n, d) of `table`; Refused when a column is absent or has become a text."""
        missing = [name for name in self.features if name not in table.column_names]
        if missing:
            raise Refused(
                f"the model was trained with {len(missing)} columns that are not there: {', '.join(missing[:5])}",
                hint="build the features again, or train a new model on those there are",
            )
        columns = [_numbers(table, name) for name in self.numbers]
        for name, values in self.texts.items():
            texts = np.array(table.column(name).cast(pa.string()).to_pylist(), dtype=object)
            columns += [(texts == value).astype(np.float32) for value in values]
        return np.column_stack(columns) if columns else np.zeros((table.num_rows, 0), np.float32)

    def codes(self, table: pa.Table) -> dict[str, NDArray[np.float64]]:
        """Each feature as (n,) numbers: texts by the place of their value in the list, after its end where it is not listed."""
        found = {name: _numbers(table, name).astype(np.float64) for name in self.numbers}
        for name, values in self.texts.items():
            place = pc.index_in(table.column(name).cast(pa.string()), pa.array(values, pa.string()))
            found[name] = pc.fill_null(place, len(values)).to_numpy().astype(np.float64)
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"numbers": list(self.numbers), "texts": {name: list(values) for name, values in self.texts.items()}}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The encoding that `to_json` wrote."""
        return cls(tuple(data["numbers"]), {name: tuple(values) for name, values in data["texts"].items()})


def fit_encoding(table: pa.Table, features: Sequence[str]) -> Encoding:
    """Which columns are numbers, and which values of texts are frequent enough (20 rows) to have a column; at most 30."""
    numbers, texts = [], {}
    for name in features:
        kind = table.schema.field(name).type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            numbers.append(name)
            continue
        counts = Counter(value for value in table.column(name).cast(pa.string()).to_pylist() if value is not None)
        ordered = sorted(counts, key=lambda value: (-counts[value], value))
        kept = tuple(value for value in ordered[:_MOST_VALUES] if counts[value] >= _LEAST_ROWS)
        if kept:
            texts[name] = kept
    return Encoding(tuple(numbers), texts)


def _numbers(table: pa.Table, name: str) -> Matrix:
    column = table.column(name)
    try:
        values = pc.cast(column, pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise Refused(f"column '{name}' is {column.type}, and the model was trained with numbers") from None
    return np.where(np.isfinite(values), values, np.nan).astype(np.float32)
