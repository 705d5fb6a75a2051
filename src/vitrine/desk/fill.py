"""Fill the queue: which predictions people are asked about, in the order of what an answer is worth.

The worth of a question is how uncertain the answer is, times the family it speaks for, times the product's business
weight. Look-alikes teach little twice: the n-th question of a cluster and predicted value counts 1/n, the greedy order
of a gain that grows with the logarithm of what is known there, and two of a cluster do not follow each other where that
can be helped.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.desk import journal, queue
from vitrine.desk.journal import Pair
from vitrine.learn.promote import champion_of
from vitrine.records import Decision
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy

BLIND_SHARE = 0.05

Question = dict[str, Any]


def fill(catalog: Catalog, taxonomy: Taxonomy, *, clusters: Mapping[str, int] | None = None) -> int:
    """Replace the queue by the questions that the champion's predictions leave; returns how many are open.

    `clusters` says which products look alike (sku → cluster). What people have decided stays decided, what they asked
    for again is asked. Without a champion, or before products were classified, only the latter is left.
    """
    questions = spread(_ranked(catalog, taxonomy, clusters or {}))
    with catalog.transaction() as connection:
        catalog.lock(schema.queue, connection)
        rows = list(_in_line(questions, journal.every_entry(connection)))
        connection.execute(sa.delete(schema.queue))
        catalog.add(schema.queue, rows, connection=connection)
    return sum(row["turn"] is not None for row in rows)


def spread(questions: Iterable[Question]) -> Iterator[Question]:
    """The same questions, but of one attribute no two of a cluster in a row as long as another one is there."""
    waiting: dict[str, deque[Question]] = {}
    last: dict[str, int] = {}
    for question in questions:
        name = question["attribute"]
        if question["cluster"] == last.get(name):
            waiting.setdefault(name, deque()).append(question)
            continue
        yield question
        last[name] = question["cluster"]
        held = waiting.get(name)
        if held and held[0]["cluster"] != last[name]:
            last[name] = held[0]["cluster"]
            yield held.popleft()
    for held in waiting.values():
        yield from held


def _ranked(catalog: Catalog, taxonomy: Taxonomy, clusters: Mapping[str, int]) -> Iterator[Question]:
    """The questions of the champion's predictions, the one most worth asking first."""
    table = schema.predictions
    columns = [table.c.sku, table.c.attribute, table.c.head_id, table.c.value, table.c.confidence]
    wanted = sa.select(*columns).where(table.c.model_id == champion_of(catalog), table.c.decision != PUBLISHED)
    predictions = catalog.read(wanted.where(table.c.attribute.in_(taxonomy.attributes)))
    members = catalog.read(sa.select(schema.members.c.sku, schema.members.c.family_id))
    alike = pa.table({"sku": list(clusters), "cluster": pa.array(clusters.values(), pa.int64())})
    with duckdb.connect() as connection:
        connection.register("predictions", predictions)
        connection.register("members", members)
        connection.register("alike", alike)
        ranked = connection.sql(_RANKED).to_arrow_table()
    for batch in ranked.to_batches(max_chunksize=50_000):
        yield from batch.to_pylist()


_RANKED = """
with known as (
    select p.*, coalesce(m.family_id, p.sku) as family,
           coalesce(a.cluster, -1 - row_number() over (order by p.sku)) as cluster
    from predictions p left join members m using (sku) left join alike a using (sku)
), first as (
    select *, count(*) over (partition by attribute, family) as family_size,
           row_number() over (partition by attribute, family order by confidence, sku) as nth_of_family
    from known
), worth as (
    select *, (1 - confidence) * case when nth_of_family = 1 then family_size else 1 end as worth
    from first
), discounted as (
    select *, worth / row_number() over (partition by attribute, cluster, value order by worth desc, sku) as gain
    from worth
)
select sku, attribute, head_id, worth, family_size, cluster from discounted order by gain desc, sku, attribute
"""


def _in_line(questions: Iterable[Question], entered: Mapping[Pair, list[Decision]]) -> Iterator[dict[str, Any]]:
    """Rows of the queue: the machine's questions as decisions leave them, and those that people ask for again."""
    people = {pair: alive for pair, entries in entered.items() if (alive := journal.live(entries))}
    for place, question in enumerate(questions, 1):
        pair = question["sku"], question["attribute"]
        turn, not_for = journal.turn_after(people.pop(pair, ()))
        yield {
            "sku": pair[0],
            "attribute": pair[1],
            "head_id": question["head_id"],
            "reason": queue.UNCERTAIN,
            "turn": turn,
            "place": place,
            "not_for": not_for,
            "worth": question["worth"],
            "family_size": question["family_size"],
            "blind": journal.coin("blind", *pair, BLIND_SHARE),
        }
    for alive in people.values():
        asked = queue.asked_by_people(alive)
        if asked:
            yield asdict(asked)
