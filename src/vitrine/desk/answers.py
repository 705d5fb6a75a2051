"""The answer that holds for each attribute of each product, and whose it is: a person's, a table's or the model's."""

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.desk.audit import stopped
from vitrine.intake.labels import current_decisions, current_labels, spoken_labels
from vitrine.learn.promote import champion_of
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy

_MOMENT = pa.timestamp("us", tz="UTC")
ANSWERS = pa.schema(
    [
        pa.field("sku", pa.string(), nullable=False),
        pa.field("attribute", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("confidence", pa.float64()),
        pa.field("head_id", pa.string()),
        pa.field("model_id", pa.string()),
        pa.field("said_by", pa.string()),
        pa.field("said_at", _MOMENT, nullable=False),
        pa.field("doubt", pa.string()),
    ]
)


def answers(catalog: Catalog, taxonomy: Taxonomy) -> pa.Table:
    """The answers that hold (schema `ANSWERS`), sorted by sku and attribute.

    `origin` is `person`, `table` or `published`. People stand above tables and tables above the model. What the model
    publishes is left out where a person rejected it, was unsure or found no right value, and where an audit has stopped
    its attribute. Values that the taxonomy no longer has are left out. `said_by` is the person, or the batch of a table;
    `doubt` is what a person entered who gave no value, such as `unsure`, where a table's word still stands.
    """
    found = pa.concat_tables([ANSWERS.empty_table(), *answers_by_attribute(catalog, taxonomy)])
    return found.sort_by([("sku", "ascending"), ("attribute", "ascending")])


def answers_by_attribute(catalog: Catalog, taxonomy: Taxonomy) -> Iterator[pa.Table]:
    """The same, one table for each attribute of the taxonomy in its order, each sorted by sku."""
    labels = current_labels(spoken_labels(catalog))
    held = catalog.read(_held())
    champion, without = champion_of(catalog), stopped(catalog)
    with duckdb.connect() as connection:
        connection.register("labels", labels.filter(pc.invert(labels["conflict"])))
        connection.register("held", held)
        for attribute in taxonomy.attributes.values():
            said = catalog.read(_published(attribute.name, None if attribute.name in without else champion))
            connection.register("published", said)
            connection.register("known", pa.table({"value": list(attribute.values)}))
            found = connection.sql(_ANSWERS, params={"attribute": attribute.name}).to_arrow_table()
            yield found.cast(ANSWERS)


def _held() -> sa.Select[tuple[str, ...]]:
    entries = current_decisions().subquery()
    return sa.select(*(entries.c[name] for name in ("sku", "attribute", "outcome", "author", "decided_at")))


def _published(attribute: str, champion: str | None) -> sa.Select[tuple[str, ...]]:
    said = schema.predictions
    columns = [said.c[name] for name in ("sku", "value", "confidence", "head_id", "model_id", "predicted_at")]
    return sa.select(*columns).where(
        said.c.attribute == attribute, said.c.model_id == champion, said.c.decision == PUBLISHED
    )


_ANSWERS = """
with told as (select * from labels where attribute = $attribute),
     decided as (select * from held where attribute = $attribute)
select sku, $attribute as attribute, told.value, told.source as origin,
       null::double as confidence, null::varchar as head_id, null::varchar as model_id,
       case when told.source = 'person' then decided.author else told.batch end as said_by,
       told.recorded_at as said_at,
       case when decided.outcome <> 'decided' then decided.outcome end as doubt
from told semi join known using (value) left join decided using (sku)
union all
select sku, $attribute, value, 'published', confidence, head_id, model_id, null, predicted_at, null
from published semi join known using (value) anti join told using (sku) anti join decided using (sku)
order by sku
"""
