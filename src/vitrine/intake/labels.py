"""Which labels hold today: the latest word on each attribute of each product, people before tables.

>>> from vitrine.records import Label, now, to_table
>>> moment = now()
>>> rows = [Label("a", "heel", value, "table", "t1", moment) for value in ("block", "wedge")]
>>> [(row["value"], row["conflict"]) for row in current_labels(to_table(Label, rows)).to_pylist()]
[('block', True), ('wedge', True)]
"""

import duckdb
import pyarrow as pa

TABLE = "table"
PERSON = "person"


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
