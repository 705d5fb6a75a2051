"""The rows of the lake, table by table out of the catalog; no more than one attribute's rows are held at a time."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from vitrine.deliver.lake import star
from vitrine.deliver.leaving import leaving
from vitrine.desk import audit
from vitrine.errors import NotFound
from vitrine.intake.labels import told_decisions
from vitrine.learn.certify import Certificate
from vitrine.learn.model import load_certificates
from vitrine.learn.promote import champion_of
from vitrine.stores import schema
from vitrine.taxonomy import Taxonomy

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

Chunk = tuple[str, str | None, pa.Table]  # the table's name, the folder's value, rows


def rows(workspace: "Workspace") -> Iterator[Chunk]:
    """Everything but the dates, in chunks that have the columns of `star.star`, in any order."""
    yield star.PRODUCTS, None, _products(workspace)
    yield star.ATTRIBUTES, None, _attributes(workspace.taxonomy)
    yield star.VALUES, None, _values(workspace.taxonomy)
    yield from _answers(workspace)
    yield from _predictions(workspace)
    yield from _decisions(workspace)
    yield star.CERTIFICATES, None, _certificates(workspace)
    yield from _scores(workspace)


def dates(first: Any, last: Any) -> pa.Table:
    """One row a day from `first` to `last` (dates), the columns of `dim_date`; no row without them."""
    span = range(first.toordinal(), last.toordinal() + 1) if first and last else range(0)
    days = [type(first).fromordinal(number) for number in span]
    weeks = [day.isocalendar() for day in days]
    return pa.table(
        {
            "day": pa.array(days, star.DAY),
            "year": [day.year for day in days],
            "quarter": [(day.month + 2) // 3 for day in days],
            "month": [day.month for day in days],
            "iso_year": [week.year for week in weeks],
            "iso_week": [week.week for week in weeks],
            "weekday": [week.weekday for week in weeks],
        }
    )


def _products(workspace: "Workspace") -> pa.Table:
    products, members, gone = schema.products, schema.members, schema.discontinued
    joined = products.outerjoin(members, members.c.sku == products.c.sku).outerjoin(gone, gone.c.sku == products.c.sku)
    query = (
        sa.select(products, members.c.family_id, gone.c.discontinued_at).select_from(joined).order_by(products.c.sku)
    )
    return _with_day(workspace.catalog.read(query), "added_at", "added_on")


def _attributes(taxonomy: Taxonomy) -> pa.Table:
    found = [
        {
            "attribute": one.name,
            "place": place,
            "applies_when": one.applies_when.attribute if one.applies_when else None,
            **{f"name_{language}": one.display(language) for language in star.languages(taxonomy)},
        }
        for place, one in enumerate(taxonomy.attributes.values(), 1)
    ]
    return pa.Table.from_pylist(found, schema=star.star(taxonomy)[star.ATTRIBUTES].schema)


def _values(taxonomy: Taxonomy) -> pa.Table:
    found = [
        {
            "value_key": f"{one.name}={value}",
            "attribute": one.name,
            "value": value,
            "place": place,
            **{f"name_{language}": one.display_value(value, language) for language in star.languages(taxonomy)},
        }
        for one in taxonomy.attributes.values()
        for place, value in enumerate(one.values, 1)
    ]
    return pa.Table.from_pylist(found, schema=star.star(taxonomy)[star.VALUES].schema)


def _answers(workspace: "Workspace") -> Iterator[Chunk]:
    """The long table attribute by attribute, then the wide one."""
    products = schema.products
    skus = workspace.catalog.read(sa.select(products.c.sku).order_by(products.c.sku))["sku"]
    wide = {"sku": skus}
    for name, table in zip(workspace.taxonomy.attributes, leaving(workspace), strict=True):
        places = pc.index_in(skus, value_set=table["sku"].combine_chunks())
        wide[name] = pc.take(table["value"].combine_chunks(), places)
        yield star.ANSWERS, name, _with_day(_with_key(table, name), "said_at", "said_on")
    yield star.WIDE, None, pa.table(wide)


def _predictions(workspace: "Workspace") -> Iterator[Chunk]:
    table = schema.predictions
    decision = audit.decision_now(audit.stopped(workspace.catalog))
    columns = [decision if column is table.c.decision else column for column in table.c]
    of_champion = sa.select(*columns).where(table.c.model_id == champion_of(workspace.catalog))
    for name in workspace.taxonomy.attributes:
        said = workspace.catalog.read(of_champion.where(table.c.attribute == name))
        yield star.PREDICTIONS, name, _with_day(_with_key(said, name), "predicted_at", "predicted_on")


def _decisions(workspace: "Workspace") -> Iterator[Chunk]:
    table = schema.decisions
    for name in workspace.taxonomy.attributes:
        told = workspace.catalog.read(told_decisions().where(table.c.attribute == name))
        yield star.DECISIONS, name, _with_day(_with_key(told, name), "decided_at", "decided_on")


def _certificates(workspace: "Workspace") -> pa.Table:
    table = star.star(workspace.taxonomy)[star.CERTIFICATES]
    champion = champion_of(workspace.catalog)
    try:
        heads, product = load_certificates(champion or "", workspace.data / "models")
    except NotFound:
        return table.schema.empty_table()
    found = []
    for head_id, one in heads.items():
        found.append(_certificate(one.own, champion, head_id, "attribute"))
        found.append(_certificate(one.together, champion, head_id, "together"))
        found += [_certificate(of_value, champion, head_id, "value") for of_value in one.values.values()]
    if product is not None:
        found.append(_certificate(product, champion, None, "product"))
    return pa.Table.from_pylist(found, schema=table.schema)


def _certificate(one: Certificate, model_id: str | None, head_id: str | None, scope: str) -> dict[str, Any]:
    return {
        "model_id": model_id,
        "head_id": head_id,
        "scope": scope,
        "attribute": one.attribute if head_id else None,
        "value": one.value,
        "precision": one.precision,
        "confidence": one.confidence,
        "tests": one.tests,
        "coverage": one.coverage,
        "families": one.n_families,
        "published": one.n_published,
        "errors": one.errors,
        "upper_bound": one.upper_bound,
        "labels_needed": one.labels_needed,
        "sentence": one.sentence(),
    }


def _scores(workspace: "Workspace") -> Iterator[Chunk]:
    table = schema.scores
    tasks = workspace.catalog.read(sa.select(table.c.task).distinct().order_by(table.c.task))
    for task in tasks["task"].to_pylist():
        yield star.SCORES, task, workspace.catalog.read(sa.select(table).where(table.c.task == task))


def _with_key(table: pa.Table, attribute: str) -> pa.Table:
    key = pc.binary_join_element_wise(pa.scalar(attribute), table["value"], "=")
    return table.append_column("value_key", key)


def _with_day(table: pa.Table, moment: str, day: str) -> pa.Table:
    return table.append_column(day, pc.cast(table[moment], star.DAY))
