"""Deliveries that people accepted: photos like the ones to come, whose brand is known.

They prove the levels of the brand check once there are enough of them; what is promised holds for photos from the hall
then, and not for those of the catalog. They never become labels of products, and no head learns from them: who accepted a
delivery had seen the answer. Deliveries that were refused say only what they are not, and prove nothing.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from vitrine.desk.deliveries import MISMATCH
from vitrine.learn.certify import upper_bound
from vitrine.receive.log import LAST_HANDLINGS
from vitrine.receive.receipts import ACCEPTED
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

MOST = 2_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """The photo of an accepted delivery, the brand that was ordered, and what makes two of them the same for a count."""

    photo_id: str
    brand: str
    family: str


@dataclass(frozen=True, slots=True)
class Kept:
    """How the promise was kept: of `accepted` deliveries so many were called a mismatch, and `upper` is the 95 % bound."""

    accepted: int
    false_alarms: int
    upper: float


def accepted(catalog: Catalog, attribute: str, brands: Collection[str]) -> list[Accepted]:
    """The newest 2,000 accepted deliveries of these brands, without dark photos: those are looked at in another light.

    Photos of one ordered product count as one, wherever it arrived.
    """
    table = schema.receipts
    query = sa.select(table.c.photo_id, table.c.expected, table.c.sku, table.c.line_id, table.c.evidence)
    query = _settled(query).where(table.c.attribute == attribute, table.c.expected.in_(sorted(brands)))
    rows = catalog.rows(query.order_by(table.c.received_at.desc(), table.c.receipt_id).limit(MOST))
    lit = [row for row in rows if "dark" not in json.loads(row["evidence"])["notes"]]
    return [Accepted(row["photo_id"], row["expected"], row["sku"] or row["line_id"]) for row in lit]


def count_accepted(catalog: Catalog, attribute: str) -> int:
    """How many photos of accepted deliveries there are whose brand was ordered by this attribute."""
    table = schema.receipts
    return catalog.count(_settled(sa.select(table.c.receipt_id)).where(table.c.attribute == attribute))


def kept(catalog: Catalog) -> Kept:
    """How often deliveries that people accepted had been called a mismatch, each order line once."""
    table = schema.receipts
    alarm = sa.func.max(sa.case((table.c.answer == MISMATCH, 1), else_=0)).label("alarm")
    lines = _settled(sa.select(table.c.line_id, alarm)).group_by(table.c.line_id).subquery()
    query = sa.select(sa.func.count().label("n"), sa.func.coalesce(sa.func.sum(lines.c.alarm), 0).label("wrong"))
    with catalog.reading() as connection:
        row = connection.execute(query.select_from(lines)).one()
    return Kept(row.n, row.wrong, upper_bound(row.wrong, row.n, 0.05))


def _settled(query: sa.Select) -> sa.Select:  # type: ignore[type-arg]
    last = LAST_HANDLINGS
    joined = schema.receipts.join(last, last.c.receipt_id == schema.receipts.c.receipt_id)
    return query.select_from(joined).where(last.c.action == ACCEPTED)
