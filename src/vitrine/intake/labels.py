"""Which labels hold today: the latest word on each attribute of each product, people before tables.

>>> from vitrine.records import Label, now, to_table
>>> moment = now()
>>> rows = [Label("a", "heel", value, "table", "t1", moment) for value in ("block", "wedge")]
>>> [(row["value"], row["conflict"]) for row in current_labels(to_table(Label, rows)).to_pylist()]
[('block', True), ('wedge', True)]
"""

from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from vitrine.records import Label, check_table
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

TABLE = "table"
PERSON = "person"
_KEY = ("sku", "attribute", "value", "source", "batch")


def current_decisions() -> sa.Select[Any]:
    """A query for the decisions that hold now, at most one per (sku, attribute), with the columns of `Decision`."""
    table, newest, later = schema.decisions, schema.decisions.alias("newest"), schema.decisions.alias("later")
    of_item = (later.c.sku == newest.c.sku) & (later.c.attribute == newest.c.attribute)
    superseded = sa.exists().where(of_item, later.c.version > newest.c.version)
    return sa.select(table).join(newest, newest.c.holds == table.c.decision_id).where(~superseded)


def spoken_labels(catalog: Catalog) -> pa.Table:
    """All labels (schema `Label`) and, as labels of source `person`, the decisions that hold.

    A decision without a value gives no label: who is unsure leaves standing what a table said, who says that its value
    is wrong, that the right one is missing or that the photo is of no use takes the table's word away.
    """
    query = """
        select l.* from labels l left join decisions d using (sku, attribute)
        where d.outcome is null or d.outcome in ('decided', 'unsure') or (d.outcome = 'rejected' and d.value <> l.value)
        union all
        select sku, attribute, value, 'person', batch_id, decided_at from decisions where outcome = 'decided'
        order by all
    """
    with duckdb.connect() as connection:
        connection.register("labels", catalog.read(schema.labels))
        connection.register("decisions", catalog.read(current_decisions()))
        return check_table(connection.sql(query).to_arrow_table(), Label, key=_KEY, where="labels")


def current_labels(labels: pa.Table) -> pa.Table:
    """Columns sku, attribute, value, source, conflict; several rows of a key only where one batch contradicts itself."""
    query = """
        with ranked as (
            select *, source = 'person' as by_person,
                   rank() over (partition by sku, attribute order by source = 'person' desc, recorded_at desc, batch desc)
                       as place
            from labels
        )
        select sku, attribute, value, source, count(*) over (partition by sku, attribute) > 1 as conflict
        from ranked where place = 1
        order by sku, attribute, value
    """
    with duckdb.connect() as connection:
        connection.register("labels", labels)
        return connection.sql(query).to_arrow_table()
