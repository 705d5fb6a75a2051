"""Deliveries that did not look like what was ordered: each asks the desk whether the catalog is right about the product.

A question is about an attribute, so only a comparison of brands asks one. Every such delivery, a product that was compared
with its own photos and a line without a sku too, stands on the desk's first page and above its questions until somebody
accepts or refuses it (`vitrine.receive.log.count_open`).
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from vitrine.desk import queue
from vitrine.desk.journal import NORMAL
from vitrine.learn.promote import champion_of
from vitrine.records import Queued, Receipt
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy

MISMATCH = "mismatch"


def ask(catalog: Catalog, connection: sa.Connection, receipt: Receipt) -> None:
    """Put the ordered product in front of the queue; nothing is asked where it, or its attribute, is not known here."""
    products, table = schema.products, schema.queue
    known = connection.scalar(sa.select(products.c.sku).where(products.c.sku == receipt.sku))
    if known is None or receipt.attribute is None:
        return
    head_id = connection.scalar(_head_of(champion_of(catalog), sa.literal(known), sa.literal(receipt.attribute)))
    row = Queued(known, receipt.attribute, head_id, queue.DELIVERY, NORMAL, 0, None, 1.0, 1, False)
    catalog.add(table, [row], connection=connection)
    waiting = (table.c.sku == known) & (table.c.attribute == receipt.attribute) & table.c.turn.is_not(None)
    connection.execute(sa.update(table).where(waiting).values(place=0))


def questions(connection: sa.Connection, taxonomy: Taxonomy, champion: str | None) -> Iterator[dict[str, Any]]:
    """The questions that deliveries ask, as `vitrine.desk.fill` has them, the product with the most of them first."""
    table, products = schema.receipts, schema.products
    head_id = _head_of(champion, table.c.sku, table.c.attribute).scalar_subquery().label("head_id")
    times = sa.func.count().label("times")
    mismatched = sa.select(table.c.sku, table.c.attribute, head_id, times).join(products, products.c.sku == table.c.sku)
    mismatched = mismatched.where(table.c.answer == MISMATCH, table.c.attribute.in_(taxonomy.attributes))
    mismatched = mismatched.group_by(table.c.sku, table.c.attribute).order_by(sa.desc("times"), table.c.sku)
    for row in connection.execute(mismatched):
        yield {
            "sku": row.sku,
            "attribute": row.attribute,
            "head_id": row.head_id,
            "reason": queue.DELIVERY,
            "worth": float(row.times),
            "family_size": 1,
            "cluster": -1,
        }


def _head_of(champion: str | None, sku: sa.ColumnElement[Any], attribute: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The head whose prediction is shown with the question."""
    table = schema.predictions
    return sa.select(table.c.head_id).where(
        table.c.sku == sku, table.c.attribute == attribute, table.c.model_id == champion
    )
