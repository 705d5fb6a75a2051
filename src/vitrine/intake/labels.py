"""Which labels hold today: the latest word on each attribute of each product, people before tables.

>>> from vitrine.records import Label, now, to_table
>>> moment = now()
>>> rows = [Label("a", "heel", value, "table", "t1", moment) for value in ("block", "wedge")]
>>> [(row["value"], row["conflict"]) for row in current_labels(to_table(Label, rows)).to_pylist()]
[('block', True), ('wedge', True)]
"""

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from vitrine.intake.retell import Retelling
from vitrine.records import Label, check_table
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

TABLE = "table"
PERSON = "person"
_KEY = ("sku", "attribute", "value", "source", "batch")


def current_decisions() -> sa.Select[Any]:
    """A query for the decisions that hold now, at most one per (sku, attribute), with the columns of `Decision`."""
    newest, later = schema.decisions.alias("newest"), schema.decisions.alias("later")
    of_item = (later.c.sku == newest.c.sku) & (later.c.attribute == newest.c.attribute)
    superseded = sa.exists().where(of_item, later.c.version > newest.c.version)
    table = schema.decisions
    return told_decisions().join(newest, newest.c.holds == table.c.decision_id).where(~superseded)


def told_decisions() -> sa.Select[Any]:
    """A query for all entries of the journal, told in today's taxonomy, with the columns of `Decision`.

    Whose value is no more has the outcome `split` or `retired` and no value.
    """
    table = schema.decisions
    said = Retelling(table, table.c.decided_at, table.c.value)
    seen = Retelling(table, table.c.decided_at, table.c.predicted_value)
    outcome = sa.func.coalesce(said.reason, table.c.outcome).label("outcome")
    told = {"value": said.value, "outcome": outcome, "predicted_value": seen.value}
    columns = [told.get(column.name, column) for column in table.c]
    return sa.select(*columns).select_from(table.outerjoin(said.retold, said.on).outerjoin(seen.retold, seen.on))


def table_labels(catalog: Catalog, skus: Sequence[str] | None = None) -> pa.Table:
    """What tables say (schema `Label`), told in today's taxonomy; what had a value that is no more is left out.

    Of all products, or of those with these `skus`.
    """
    table = schema.labels
    said = Retelling(table, table.c.recorded_at, table.c.value)
    columns = [said.value if column is table.c.value else column for column in table.c]
    query = sa.select(*columns).select_from(table.outerjoin(said.retold, said.on))
    told = catalog.read(query if skus is None else query.where(table.c.sku.in_(skus)))
    told = told.filter(pc.is_valid(told["value"]))
    # two values of one table that are one today
    return told.group_by(list(_KEY)).aggregate([("recorded_at", "min")]).rename_columns([*_KEY, "recorded_at"])


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
        connection.register("labels", table_labels(catalog))
        connection.register("decisions", catalog.read(current_decisions()))
        return check_table(connection.sql(query).to_arrow_table(), Label, key=_KEY, where="labels")


def chosen_by_models(catalog: Catalog) -> set[tuple[str, str]]:
    """The (sku, attribute) that people were asked because of what a model said, and of which no table says anything.

    They teach a model and are no fair sample of the catalog; what was drawn by chance (`samples`) is none of them.
    """
    table, labels, samples = schema.decisions, schema.labels, schema.samples
    labelled = sa.exists().where(labels.c.sku == table.c.sku, labels.c.attribute == table.c.attribute)
    drawn = sa.exists().where(samples.c.sku == table.c.sku)
    query = sa.select(table.c.sku, table.c.attribute).where(~labelled, ~drawn).group_by(table.c.sku, table.c.attribute)
    asked = catalog.read(query.having(sa.func.count() == sa.func.count(table.c.head_id)))
    return set(zip(asked.column("sku").to_pylist(), asked.column("attribute").to_pylist(), strict=True))


def current_labels(labels: pa.Table) -> pa.Table:
    """Columns sku, attribute, value, source, conflict, batch, recorded_at.

    There are several rows of a key only where one batch contradicts itself.
    """
    query = """
        with ranked as (
            select *, source = 'person' as by_person,
                   rank() over (partition by sku, attribute order by source = 'person' desc, recorded_at desc, batch desc)
                       as place
            from labels
        )
        select sku, attribute, value, source, count(*) over (partition by sku, attribute) > 1 as conflict, batch, recorded_at
        from ranked where place = 1
        order by sku, attribute, value
    """
    with duckdb.connect() as connection:
        connection.register("labels", labels)
        return connection.sql(query).to_arrow_table()
