"""Fill the queue: which predictions people are asked about, in the order of what an answer is worth.

The worth of a question is how uncertain the answer is, times the business weights of the family that it speaks for, or
times the products in it where none were given. Look-alikes teach little twice: the n-th question of a cluster and predicted
value counts 1/n, the greedy order of a gain that grows with the logarithm of what is known there, and two of a cluster do
not follow each other where that can be helped.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from numpy.typing import NDArray

from vitrine.classify import PUBLISHED
from vitrine.desk import audit, deliveries, journal, queue, sample
from vitrine.desk.journal import Pair
from vitrine.desk.surroundings import NEIGHBORS, Surroundings
from vitrine.intake.discontinue import discontinued_skus
from vitrine.intake.labels import current_labels, table_labels
from vitrine.learn.promote import champion_of
from vitrine.records import Decision, Queued
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy

BLIND_SHARE = 0.05
RARE_BELOW = 20  # products predicted to have a value, in a large catalog; 1 % in a small one
DRAWN_EVERY = 4
SURE = 0.9
CONTRADICTED = 0.2  # of the neighbors agree
_PLACES_LOOKED_AT = 2_000
LABEL_DOUBTED = 0.3  # how much a sure contradiction of a label weighs against no label at all

Question = dict[str, Any]


def fill(catalog: Catalog, taxonomy: Taxonomy, surroundings: Surroundings | None = None) -> int:
    """Replace the queue by the questions that the champion's predictions leave; returns how many are open.

    What is published is asked only where it stands out: a rare value, or a confident answer that `surroundings`
    contradict; what a table says already, only where the prediction says otherwise. What people have decided stays
    decided, what they asked for again is asked. Without a champion, or before products were classified, only the latter
    is left. What chance chose, audits (see `vitrine.desk.draw`) and a fair sample (`vitrine.desk.sample`), stands between.
    """
    predictions, members, labels = _known(catalog, taxonomy)
    questions = rank(predictions, members, labels, catalog.read(schema.weights), surroundings, frequency(predictions))
    with catalog.transaction() as connection:
        catalog.lock(schema.queue, connection)
        champion = champion_of(catalog)
        drawn = _drawn(connection, champion)
        delivered = deliveries.questions(connection, taxonomy, champion)
        asked = _delivered_first(delivered, _between(questions, drawn), drawn)
        rows = _of_range(connection, _in_line(asked, journal.every_entry(connection)))
        connection.execute(sa.delete(schema.queue))
        catalog.add(schema.queue, rows, connection=connection)
    catalog.note_sizes()
    return sum(row["turn"] is not None for row in rows)


def ask_about(catalog: Catalog, taxonomy: Taxonomy, skus: Sequence[str]) -> int:
    """Put the questions about some products into the queue, among those that are worth as much; returns how many are open.

    What was asked about them before is replaced, but for what chance chose and what deliveries ask. The cost is that of
    these products: nothing is held against their surroundings, and what speaks for a whole family is seen when `fill`
    orders all questions anew.
    """
    weights = catalog.read(schema.weights)
    opened = 0
    for some in journal.chunks(sorted(skus)):
        predictions, members, labels = _known(catalog, taxonomy, some)
        frequency = _frequency_among_all(catalog, predictions)
        questions = list(rank(predictions, members, labels, weights, None, frequency))
        with catalog.transaction() as connection:
            catalog.lock(schema.queue, connection)
            entered = journal.entries_of(connection, [(sku, name) for sku in some for name in taxonomy.attributes])
            opened += _replace(catalog, connection, some, _of_range(connection, _in_line(questions, entered)))
    return opened


def _replace(catalog: Catalog, connection: sa.Connection, skus: Sequence[str], rows: Sequence[dict[str, Any]]) -> int:
    """What is asked about some products becomes `rows`, but for what chance chose and what deliveries ask."""
    table = schema.queue
    kept = table.c.sku.in_(skus) & table.c.reason.in_((journal.AUDIT, journal.SAMPLE, queue.DELIVERY))
    asked = {(row.sku, row.attribute) for row in connection.execute(sa.select(table).where(kept))}
    rows = [row for row in rows if (row["sku"], row["attribute"]) not in asked]
    for attribute in {row["attribute"] for row in rows}:
        of_attribute = [row for row in rows if row["attribute"] == attribute and row["place"]]
        _put_among(connection, attribute, of_attribute)
    connection.execute(sa.delete(table).where(table.c.sku.in_(skus), ~kept))
    catalog.add(table, rows, connection=connection)
    return sum(row["turn"] is not None for row in rows)


def _put_among(connection: sa.Connection, attribute: str, rows: Sequence[dict[str, Any]]) -> None:
    """Give questions their place: before the first one of the attribute that is worth less, as some of its places tell."""
    table = schema.queue
    of_attribute = (table.c.attribute == attribute) & (table.c.turn == journal.NORMAL)
    last = connection.scalar(sa.select(sa.func.max(table.c.place)).where(of_attribute)) or 0
    looked_at = of_attribute & (table.c.place > 0) & (table.c.place % max(1, last // _PLACES_LOOKED_AT) == 0)
    known = connection.execute(sa.select(table.c.place, table.c.worth).where(looked_at).order_by(table.c.place)).all()
    places = iter([*known, None])
    one = next(places)
    for row in sorted(rows, key=lambda row: -row["worth"]):
        while one is not None and one.worth >= row["worth"]:
            one = next(places)
        row["place"] = one.place if one else last + 1


def rank(
    predictions: pa.Table,
    members: pa.Table,
    labels: pa.Table,
    weights: pa.Table,
    surroundings: Surroundings | None,
    frequency: pa.Table,
) -> Iterator[Question]:
    """The questions that predictions leave, the one most worth asking first.

    `predictions` has the columns sku, attribute, head_id, value, confidence, decision; `members` sku, family_id;
    `labels` sku, attribute, value: what is known already; `weights` sku, weight, of which only the relation to their
    mean counts: a product without one counts as an average one; `frequency` attribute, value, with_value, in_all: how
    many products of the catalog have this prediction, and any of the attribute. A question has sku, attribute, head_id,
    reason, worth, family_size and cluster.
    """
    alike = surroundings.clusters if surroundings else {}
    with duckdb.connect() as connection:
        connection.register("predictions", predictions)
        connection.register("members", members)
        connection.register("labelled", labels)
        connection.register("weighed", weights)
        connection.register("frequency", frequency)
        connection.register("alike", pa.table({"sku": list(alike), "cluster": pa.array(alike.values(), pa.int64())}))
        connection.register("agreeing", agreement(predictions, members, surroundings))
        ranked = connection.sql(_RANKED).to_arrow_table()
    return spread(question for batch in ranked.to_batches(max_chunksize=50_000) for question in batch.to_pylist())


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


def _drawn(connection: sa.Connection, champion: str | None) -> list[Queued]:
    """What chance chose: audits and the fair sample in turn, each question once."""
    both = zip_longest(audit.waiting(connection, champion), sample.waiting(connection, champion))
    return list({(one.sku, one.attribute): one for pair in both for one in pair if one}.values())


def _between(questions: Iterable[Question], drawn: Sequence[Queued]) -> Iterator[Question]:
    """Every few questions one that was drawn; a question that was drawn too is asked only as that."""
    left = deque(asdict(one) for one in drawn)
    pairs = {(one.sku, one.attribute) for one in drawn}
    others = (one for one in questions if (one["sku"], one["attribute"]) not in pairs)
    for number, question in enumerate(others, 1):
        yield question
        if left and number % DRAWN_EVERY == 0:
            yield left.popleft()
    yield from left


def _delivered_first(
    delivered: Iterable[Question], others: Iterable[Question], drawn: Sequence[Queued]
) -> Iterator[Question]:
    """What deliveries ask, then the rest; what was drawn stays that, because its answer is counted."""
    counted = {(one.sku, one.attribute) for one in drawn}
    first = {pair: one for one in delivered if (pair := (one["sku"], one["attribute"])) not in counted}
    yield from first.values()
    yield from (one for one in others if (one["sku"], one["attribute"]) not in first)


def _known(
    catalog: Catalog, taxonomy: Taxonomy, skus: Sequence[str] | None = None
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The champion's predictions, the families, and what tables say without contradicting themselves; all, or of `skus`."""
    table = schema.predictions
    columns: list[sa.ColumnElement[Any]] = [
        table.c[name] for name in ("sku", "attribute", "head_id", "value", "confidence")
    ]
    stopped = table.c.attribute.in_(audit.stopped(catalog)) & (table.c.decision == PUBLISHED)
    columns.append(sa.case((stopped, audit.STOPPED), else_=table.c.decision).label("decision"))
    wanted = sa.select(*columns).where(table.c.model_id == champion_of(catalog))
    wanted = wanted.where(table.c.attribute.in_(taxonomy.attributes))
    members = sa.select(schema.members)
    if skus is not None:
        wanted, members = wanted.where(table.c.sku.in_(skus)), members.where(schema.members.c.sku.in_(skus))
    labels = current_labels(table_labels(catalog, skus))
    return catalog.read(wanted), catalog.read(members), labels.filter(pc.invert(labels["conflict"]))


def frequency(predictions: pa.Table) -> pa.Table:
    """Columns attribute, value, with_value, in_all: how often each value is predicted, and any of its attribute."""
    counted = predictions.group_by(["attribute", "value"]).aggregate([([], "count_all")])
    in_all = counted.group_by("attribute").aggregate([("count_all", "sum")])
    joined = counted.join(in_all, "attribute").rename_columns({"count_all": "with_value", "count_all_sum": "in_all"})
    return joined.select(["attribute", "value", "with_value", "in_all"])


def _frequency_among_all(catalog: Catalog, predictions: pa.Table) -> pa.Table:
    """The same of the whole catalog for the values among `predictions`, counted no further than it takes to be rare no more."""
    table, champion = schema.predictions, champion_of(catalog)
    in_all = catalog.count(schema.answered)
    rows = []
    for attribute, value in sorted(
        set(zip(*(predictions[c].to_pylist() for c in ("attribute", "value")), strict=True))
    ):
        same = (table.c.attribute == attribute) & (table.c.value == value) & (table.c.model_id == champion)
        with_value = catalog.count(sa.select(table.c.sku).where(same).limit(RARE_BELOW))
        rows.append({"attribute": attribute, "value": value, "with_value": with_value, "in_all": in_all})
    columns = [("attribute", pa.string()), ("value", pa.string()), ("with_value", pa.int64()), ("in_all", pa.int64())]
    return pa.Table.from_pylist(rows, schema=pa.schema(columns))


def agreement(predictions: pa.Table, members: pa.Table, surroundings: Surroundings | None) -> pa.Table:
    """Columns sku, attribute, agreement: the share of the product's neighbors that have the same prediction, 0..1."""
    tables = [pa.table({"sku": pa.array([], pa.string()), "attribute": pa.array([], pa.string()), "agreement": []})]
    if surroundings is not None and len(surroundings.skus) > NEIGHBORS:
        families = dict(zip(*(members.column(name).to_pylist() for name in ("sku", "family_id")), strict=True))
        groups = np.unique([families.get(sku, sku) for sku in surroundings.skus], return_inverse=True)[1]
        near = surroundings.neighbors(groups)
        for name in predictions.column("attribute").unique().to_pylist():
            tables.append(
                _agreement(name, predictions.filter(pc.equal(predictions["attribute"], name)), surroundings, near)
            )
    return pa.concat_tables(tables, promote_options="permissive")


def _agreement(name: str, predictions: pa.Table, surroundings: Surroundings, near: NDArray[np.int64]) -> pa.Table:
    skus = predictions.column("sku").to_pylist()
    known = [i for i, sku in enumerate(skus) if sku in surroundings.rows]
    rows = np.array([surroundings.rows[skus[i]] for i in known], np.int64)
    said = np.full(len(surroundings.skus) + 1, -1)  # the last place is that of "no neighbor"
    values = np.unique(predictions.column("value").to_numpy(zero_copy_only=False).astype(str), return_inverse=True)[1]
    said[rows] = values[known]
    around = said[near[rows]]
    same = ((around == said[rows][:, None]) & (around >= 0)).sum(axis=1) / np.maximum((around >= 0).sum(axis=1), 1)
    alone = (around >= 0).sum(axis=1) == 0
    columns = {
        "sku": [skus[i] for i in known],
        "attribute": [name] * len(known),
        "agreement": np.where(alone, 1.0, same),
    }
    return pa.table(columns)


_RANKED = f"""
with known as (
    select p.*, l.value as label, coalesce(m.family_id, p.sku) as family, coalesce(g.agreement, 1) as agreement,
           coalesce(a.cluster, -1 - row_number() over (order by p.sku)) as cluster, f.with_value, f.in_all,
           coalesce(w.weight / (select nullif(avg(weight), 0) from weighed), 1) as weight
    from predictions p join frequency f using (attribute, value) left join members m using (sku)
    left join alike a using (sku) left join agreeing g using (sku, attribute)
    left join labelled l using (sku, attribute) left join weighed w using (sku)
), reasoned as (
    select *, case when label is not null then '{queue.AGAINST_LABEL}'
                   when with_value < least({RARE_BELOW}, greatest(3, 0.01 * in_all)) then '{queue.RARE}'
                   when confidence >= {SURE} and agreement < {CONTRADICTED} then '{queue.OUTLIER}'
                   when decision = '{audit.STOPPED}' then '{audit.STOPPED}'
                   else '{queue.UNCERTAIN}' end as reason
    from known
), asked as (
    select *, count(*) over (partition by attribute, family) as family_size,
           sum(weight) over (partition by attribute, family) as family_weight,
           case when label is not null then {LABEL_DOUBTED} * confidence
                when reason = '{queue.OUTLIER}' then greatest(1 - confidence, (1 - agreement) / 2)
                else 1 - confidence end as doubt
    from reasoned
    where case when label is null then decision <> '{PUBLISHED}' or reason <> '{queue.UNCERTAIN}' else label <> value end
), worth as (
    select *, doubt * case when row_number() over (partition by attribute, family order by doubt desc, sku) = 1
                           then family_weight else weight end as worth
    from asked
), discounted as (
    select *, worth / row_number() over (partition by attribute, cluster, value order by worth desc, sku) as gain
    from worth
)
select sku, attribute, head_id, reason, worth, family_size, cluster from discounted order by gain desc, sku, attribute
"""


def _of_range(connection: sa.Connection, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Nobody is asked about a product that left the range, whatever was asked before."""
    gone = discontinued_skus(connection)
    return [row for row in rows if row["sku"] not in gone]


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
            "reason": question["reason"],
            "turn": turn,
            "place": place,
            "not_for": not_for,
            "worth": question["worth"],
            "family_size": question["family_size"],
            "blind": question["reason"] in (journal.AUDIT, journal.SAMPLE) or journal.coin("blind", *pair, BLIND_SHARE),
        }
    for alive in people.values():
        asked = queue.asked_by_people(alive)
        if asked:
            yield asdict(asked)
