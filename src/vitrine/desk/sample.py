"""A fair sample of the catalog for certificates: products drawn by hash, of which people are asked every attribute, blind.

The queue asks where a model is unsure, so what it brings tells nothing about the catalog as a whole, and the parts that
certify and test read nothing of it. What is drawn here they do read: no model has a say in it. So certificates can be
made, and grow, also where a label table never described a fair sample.
"""

from datetime import datetime

import sqlalchemy as sa

from vitrine.desk import audit, journal
from vitrine.desk.journal import NORMAL
from vitrine.intake.discontinue import in_range
from vitrine.learn.promote import champion_of
from vitrine.records import Queued, Sampled, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog


def draw(catalog: Catalog, products: int, *, moment: datetime | None = None) -> int:
    """Draw products until `products` wait for answers; returns how many are new.

    A family of the calibrate and test parts of which no table says anything gives at most one product. Both the family and
    its product are the first ones by a hash, so that what is answered so far is always a fair sample too.
    """
    with catalog.transaction() as connection:
        catalog.lock(schema.samples, connection)
        open_skus = {one.sku for one in waiting(connection, champion_of(catalog))}
        wanted = products - len(open_skus)
        if wanted <= 0:
            return 0
        chosen: dict[str, str] = {}
        for row in connection.execute(_eligible()):
            chosen[row.family_id] = min(chosen.get(row.family_id, row.sku), row.sku, key=_coin)
        drawn = sorted(chosen, key=_coin)[:wanted]
        at = moment or now()
        return catalog.add(schema.samples, [Sampled(chosen[name], at) for name in drawn], connection=connection)


def waiting(connection: sa.Connection, model_id: str | None) -> list[Queued]:
    """The questions about drawn products that this model has an answer to and people have not answered yet."""
    said, drawn, members = schema.predictions, schema.samples, schema.members
    query = sa.select(said.c.sku, said.c.attribute, said.c.head_id, members.c.family_id)
    query = query.join(drawn, drawn.c.sku == said.c.sku).join(members, members.c.sku == said.c.sku)
    query = query.where(said.c.model_id == model_id, audit.unanswered(said))
    rows = sorted(connection.execute(query), key=lambda row: (_coin(row.family_id), row.attribute))
    return [Queued(row.sku, row.attribute, row.head_id, journal.SAMPLE, NORMAL, 0, None, 0.0, 1, True) for row in rows]


def _eligible() -> sa.Select[tuple[str, str]]:
    """(family_id, sku) of what may be drawn: families outside train with neither a table's label nor a drawn product."""
    members, taken = schema.members, schema.members.alias("taken")
    known = sa.union_all(sa.select(schema.labels.c.sku), sa.select(schema.samples.c.sku)).subquery()
    families = sa.select(taken.c.family_id).join(known, known.c.sku == taken.c.sku)
    query = sa.select(members.c.family_id, members.c.sku).where(members.c.part != "train")
    return query.where(members.c.family_id.not_in(families), in_range(members))


def _coin(name: str) -> float:
    return journal.number("sample", name, "")
