"""Which products show the same picture: the same photo, or a twin of it."""

from collections.abc import Sequence

import sqlalchemy as sa

from vitrine.stores import schema


def same_picture(connection: sa.Connection, photo_ids: Sequence[str]) -> list[str]:
    """The products that show one of these photos or a twin of one, by sku."""
    links, twins = schema.product_photos, schema.twins
    twin = sa.union(
        sa.select(twins.c.photo_b).where(twins.c.photo_a.in_(photo_ids)),
        sa.select(twins.c.photo_a).where(twins.c.photo_b.in_(photo_ids)),
    )
    shown = sa.or_(links.c.photo_id.in_(photo_ids), links.c.photo_id.in_(twin))
    return list(connection.scalars(sa.select(links.c.sku).distinct().where(shown).order_by(links.c.sku)))


def photos_of(connection: sa.Connection, sku: str) -> list[str]:
    """The photos of a product."""
    links = schema.product_photos
    return list(connection.scalars(sa.select(links.c.photo_id).where(links.c.sku == sku).order_by(links.c.photo_id)))
