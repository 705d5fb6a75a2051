"""Laws that features must keep whatever the data: what sellers have together is what the marketplace has.

They catch arithmetic that no look ahead would: a division that drops its fraction, a payment of two sellers counted twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Unsound:
    """A law that the features at a reference date break: what the features say, and what the tables say."""

    feature: str
    reference_date: date
    law: str
    found: float
    expected: float


@dataclass(frozen=True, slots=True)
class _Law:
    """Over all sellers, the sum of `feature` (times `weight`, if any) is what `truth` counts before $day."""

    feature: str
    weight: str
    law: str
    truth: str


_LAWS = (
    _Law(
        "sales_revenue_lifetime", "", "revenues add up to the prices of all items sold",
        "SELECT sum(price) FROM item WHERE purchased_at < $day",
    ),
    _Law(
        "payments_value_lifetime", "", "payments add up to what was paid, each counted once",
        "SELECT sum(payment_value) FROM order_payments WHERE order_id IN "
        "(SELECT order_id FROM sale WHERE purchased_at < $day AND approved_at < $day)",
    ),
    _Law(
        "delivery_delivered_share_lifetime", "sales_orders_lifetime", "shares times orders add up to the delivered orders",
        "SELECT count(*) FROM sale WHERE purchased_at < $day AND delivered_at < $day",
    ),
    _Law(
        "delivery_overdue_share_lifetime", "sales_orders_lifetime", "shares times orders add up to the overdue orders",
        "SELECT count(*) FROM sale WHERE purchased_at < $day AND late_from <= $day "
        "AND (delivered_at IS NULL OR delivered_at >= $day)",
    ),
    _Law(
        "reviews_reviewed_share_lifetime", "sales_orders_lifetime", "shares times orders add up to the reviewed orders",
        "SELECT count(DISTINCT (s.order_id, s.seller_id)) FROM sale AS s JOIN order_reviews AS r USING (order_id) "
        "WHERE s.purchased_at < $day AND r.review_answer_timestamp < $day AND r.review_creation_date < $day",
    ),
    _Law(
        "sales_items_per_order_lifetime", "sales_orders_lifetime", "items per order times orders add up to all items",
        "SELECT count(*) FROM item WHERE purchased_at < $day",
    ),
)  # fmt: skip
# Columns that share something out: for a seller with any of it they add up to 1.
_WHOLES = (
    ("customers_state_", "_share_lifetime"),
    ("payments_", "_count_share_lifetime"),
    ("payments_", "_value_share_lifetime"),
)


def unsound(connection: duckdb.DuckDBPyConnection, features: pa.Table, day: date) -> list[Unsound]:
    """The laws that `features`, one reference date's, break; laws about absent columns are left out.

    `connection` is one that `duck.DuckDB` has prepared.
    """
    return [*_sums(connection, features, day), *_wholes(features, day), *_outside(features, day)]


def _sums(connection: duckdb.DuckDBPyConnection, features: pa.Table, day: date) -> Iterator[Unsound]:
    for law in _LAWS:
        if not {law.feature, law.weight or law.feature} <= set(features.column_names):
            continue
        values = _values(features, law.feature)
        found = float(np.nansum(values * _values(features, law.weight) if law.weight else values))
        expected = float(connection.execute(law.truth, {"day": day}).fetchall()[0][0] or 0)
        if abs(found - expected) > _TOLERANCE * max(1.0, abs(expected)):
            yield Unsound(law.feature, day, law.law, found, expected)


def _wholes(features: pa.Table, day: date) -> Iterator[Unsound]:
    for start, end in _WHOLES:
        names = [name for name in features.column_names if name.startswith(start) and name.endswith(end)]
        if len(names) < 2:
            continue
        total = np.sum([_values(features, name) for name in names], axis=0)
        # rare means of payment have no column of their own, so a seller may fall short, but the sellers together not
        known = total[~np.isnan(total)]
        if len(known) and (known.max() > 1 + _TOLERANCE or np.median(known) < 1 - _TOLERANCE):
            worst = float(known.max() if known.max() > 1 + _TOLERANCE else np.median(known))
            yield Unsound(f"{start}*{end}", day, "a seller's shares add up to 1", worst, 1.0)


def _outside(features: pa.Table, day: date) -> Iterator[Unsound]:
    for name in features.column_names:
        if "_share_" not in name:
            continue
        values = _values(features, name)
        wrong = values[(values < -_TOLERANCE) | (values > 1 + _TOLERANCE)]
        if len(wrong):
            yield Unsound(name, day, "a share lies between 0 and 1", float(wrong[0]), float(np.clip(wrong[0], 0, 1)))


def _values(features: pa.Table, name: str) -> NDArray[np.float64]:
    return np.asarray(features.column(name).to_numpy(), dtype=np.float64)
