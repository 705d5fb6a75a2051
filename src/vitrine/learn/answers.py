"""Answers to certify: what was decided for each product, how sure, and whether a person says it is right.

They are tables with the schema `ANSWERS`, one row a product; `correct` is empty without a label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vitrine.errors import InputError

ANSWERS = pa.schema(
    [
        pa.field("sku", pa.string(), nullable=False),
        pa.field("family_id", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
        pa.field("correct", pa.bool_(), nullable=True),
    ]
)
WHOLE_PRODUCT = "whole product"

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Strings = Sequence[str] | NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Answers:
    """The columns of an answers table, sorted by sku so that the order of rows changes nothing."""

    sku: NDArray[np.object_]
    family: NDArray[np.object_]
    value: NDArray[np.object_]
    confidence: Floats
    correct: Bools
    known: Bools

    @classmethod
    def read(cls, table: pa.Table, where: str) -> "Answers":
        """The table's columns, checked; `where` names the table in the InputError."""
        missing = [name for name in ANSWERS.names if name not in table.column_names]
        if missing:
            raise InputError(f"{where}: column '{missing[0]}' is missing (there are: {', '.join(table.column_names)})")
        table = table.select(ANSWERS.names).cast(ANSWERS).sort_by("sku")
        sku, family, value = (np.array(table.column(i).to_pylist(), dtype=object) for i in range(3))
        twice = np.flatnonzero(sku[1:] == sku[:-1])
        if len(twice):
            raise InputError(f"{where}: product '{sku[twice[0]]}' is answered twice")
        confidence = table.column("confidence").to_numpy()
        bad = np.flatnonzero(~((confidence >= 0) & (confidence <= 1 + 1e-9)))
        if len(bad):
            raise InputError(f"{where}: product '{sku[bad[0]]}' has the confidence {confidence[bad[0]]}")
        outcome = table.column("correct").combine_chunks()
        known = outcome.is_valid().to_numpy(zero_copy_only=False)
        correct = pc.fill_null(outcome, False).to_numpy(zero_copy_only=False)
        return cls(sku, family, value, confidence, correct, known)

    def take(self, rows: NDArray[Any]) -> "Answers":
        """Some of the rows, by number or by mask."""
        columns = (self.sku, self.family, self.value, self.confidence, self.correct, self.known)
        return Answers(*(column[rows] for column in columns))

    def labelled(self) -> "Answers":
        """The rows that a person has labelled."""
        return self.take(self.known)


def whole_products(answers: Mapping[str, pa.Table]) -> pa.Table:
    """Answers about whole products, to be certified as if they were one more attribute's.

    The confidence is the smallest of the attributes'; one wrong attribute makes the product wrong, and one
    without a label leaves it unlabelled.

    `answers[attribute]` (schema `ANSWERS`) must hold the same skus for every attribute, in any order.
    """
    read = {name: Answers.read(table, f"answers of '{name}'") for name, table in answers.items()}
    first_name, first = next(iter(read.items()))
    for name, other in read.items():
        if not np.array_equal(other.sku, first.sku):
            odd = sorted(set(other.sku.tolist()) ^ set(first.sku.tolist()))
            raise InputError(f"product '{odd[0]}' is answered for only one of '{first_name}' and '{name}'")
    known = np.logical_and.reduce([a.known for a in read.values()])
    correct = np.logical_and.reduce([a.correct for a in read.values()])
    return pa.table(
        {
            "sku": first.sku.tolist(),
            "family_id": first.family.tolist(),
            "value": [WHOLE_PRODUCT] * len(first.sku),
            "confidence": np.minimum.reduce([a.confidence for a in read.values()]),
            "correct": pa.array(correct.tolist(), mask=~known),
        },
        schema=ANSWERS,
    )


def one_per_family(sku: Strings, family_id: Strings, salt: str) -> NDArray[np.intp]:
    """Row numbers (ascending) of one product a family: the one whose salted SHA-256 is smallest.

    The order of rows does not matter, and no label is looked at.
    """
    chosen: dict[str, tuple[bytes, int]] = {}
    for row, (name, family) in enumerate(zip(sku, family_id, strict=True)):
        key = (sha256(f"{salt}|{name}".encode()).digest(), row)
        chosen[family] = min(chosen.get(family, key), key)
    return np.array(sorted(row for _, row in chosen.values()), dtype=np.intp)
