"""What product photos show, as features: the share of a seller's products, or of an order's items, that show a value.

An attribute's values are taken as they were known: at the reference date for a seller, at the purchase for an order. Each
product counts by the confidence of its value, so that the shares of an attribute add up to one.

>>> features = pa.table({"order_id": ["a", "b"]})
>>> said = pa.table({"order_id": ["a", "a"], "attribute": ["heel", "heel"], "value": ["flat", "high"], "weight": [1.0, 3.0]})
>>> with_shares(features, said, [("heel", "flat"), ("heel", "high")], ["order_id"]).to_pylist()[0]
{'order_id': 'a', 'image_heel=flat_share': 0.25, 'image_heel=high_share': 0.75}
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Every attribute and value that was ever said: the columns are the same at every date.
VOCABULARY = "SELECT DISTINCT attribute, value FROM product_attributes ORDER BY attribute, value"
_PREFIX = "image_"
_BETWEEN = "\x1f"


def column_name(attribute: str, value: str) -> str:
    """The feature's name.

    >>> column_name("heel_height", "low")
    'image_heel_height=low_share'
    """
    return f"{_PREFIX}{attribute}={value}_share"


def attribute_of(column: str) -> str:
    """The attribute that a feature tells, "" where it tells none.

    >>> attribute_of("image_heel_height=low_share"), attribute_of("sales_orders_28d")
    ('heel_height', '')
    """
    return column.removeprefix(_PREFIX).partition("=")[0] if column.startswith(_PREFIX) and "=" in column else ""


def with_shares(
    features: pa.Table, said: pa.Table, vocabulary: Sequence[tuple[str, str]], key: Sequence[str]
) -> pa.Table:
    """`features` with a column a value of `vocabulary` (attribute, value), from `said` (key, attribute, value, weight).

    Null where nothing was known of the attribute, 0 where other values were.
    """
    row = pc.index_in(_joined(said, key), value_set=_joined(features, key))
    at = row.to_numpy()
    attributes = np.array(said["attribute"].to_pylist(), dtype=object)
    values = np.array(said["value"].to_pylist(), dtype=object)
    weights = said["weight"].to_numpy()
    for attribute in dict.fromkeys(attribute for attribute, _ in vocabulary):
        mine = attributes == attribute
        total = np.bincount(at[mine], weights[mine], minlength=features.num_rows)
        for value in (value for one, value in vocabulary if one == attribute):
            shown = mine & (values == value)
            weight = np.bincount(at[shown], weights[shown], minlength=features.num_rows)
            share = np.divide(weight, total, out=np.full(len(total), np.nan), where=total > 0)
            features = features.append_column(column_name(attribute, value), pa.array(share, from_pandas=True))
    return features


def _joined(table: pa.Table, key: Sequence[str]) -> pa.Array:
    texts = [table.column(name).cast(pa.string()) for name in key]
    joined = pc.binary_join_element_wise(*texts, _BETWEEN)
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined
