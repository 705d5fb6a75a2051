"""A table that goes through a stage's door is what the record says, or the error names the place."""

import pyarrow as pa
import pytest

from vitrine.errors import InputError
from vitrine.records import Label, check_table, now, to_table

KEY = ("sku", "attribute", "value", "source", "batch")


def labels(*skus: str) -> pa.Table:
    return to_table(Label, [Label(sku, "heel", "block", "table", "t1", now()) for sku in skus])


def test_a_right_table_comes_through_with_its_columns_in_order() -> None:
    table = labels("a", "b")
    shuffled = table.select(reversed(table.column_names)).append_column("more", [["x", "y"]])
    assert check_table(shuffled, Label, key=KEY, where="labels").equals(table)


def test_an_empty_table_is_right() -> None:
    assert check_table(labels(), Label, key=KEY, where="labels").num_rows == 0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (labels("a").drop_columns(["value"]), "column 'value' is missing"),
        (labels("a", "a"), "2 rows have the key sku = 'a'"),
        (labels("a", "b").set_column(0, "sku", pa.array(["a", None])), "row 1: 'sku' is empty"),
        (labels("a").set_column(5, "recorded_at", pa.array(["yesterday"])), "yesterday"),
    ],
)
def test_a_wrong_table_is_named_with_its_place(table: pa.Table, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        check_table(table, Label, key=KEY, where="labels of today")
    assert caught.value.message.startswith("labels of today")
