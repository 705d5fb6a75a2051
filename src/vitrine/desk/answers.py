"""The answer that holds for each attribute of each product, and whose it is: a person's, a table's or the model's."""

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.intake.labels import current_decisions, current_labels, spoken_labels
from vitrine.learn.promote import champion_of
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy


def answers(catalog: Catalog, taxonomy: Taxonomy) -> pa.Table:
    """Columns sku, attribute, value, origin (`person`, `table` or `published`), sorted by sku and attribute.

    People stand above tables and tables above the model. What the model publishes is left out where a person rejected
    it, was unsure or found no right value. Values that the taxonomy no longer has are left out.
    """
    said = schema.predictions
    published = sa.select(said.c.sku, said.c.attribute, said.c.value).where(
        said.c.model_id == champion_of(catalog), said.c.decision == PUBLISHED
    )
    known = [(a.name, value) for a in taxonomy.attributes.values() for value in a.values]
    labels = current_labels(spoken_labels(catalog))
    entries = current_decisions().subquery()
    held = sa.select(entries.c.sku, entries.c.attribute)
    with duckdb.connect() as connection:
        connection.register("published", catalog.read(published))
        connection.register("labels", labels.filter(pc.invert(labels["conflict"])))
        connection.register("held", catalog.read(held))
        connection.register("known", pa.table({"attribute": [a for a, _ in known], "value": [v for _, v in known]}))
        return connection.sql(_ANSWERS).to_arrow_table()


_ANSWERS = """
select sku, attribute, value, source as origin from labels semi join known using (attribute, value)
union all
select sku, attribute, value, 'published' from published
semi join known using (attribute, value) anti join labels using (sku, attribute) anti join held using (sku, attribute)
order by sku, attribute
"""
