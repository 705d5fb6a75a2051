"""The catalog page: products by attribute, value, confidence, standing and words, page after page by key.

Pages go on after the last key seen, or back before the first, and never count rows to skip: the thousandth page costs as
much as the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from vitrine.classify import PUBLISHED
from vitrine.desk.journal import DECIDED
from vitrine.intake.discontinue import in_range
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy, fold
from vitrine.web.inputs import Share, Word, blank
from vitrine.web.queries.answers import ASIDE, LABELLED, WAITING, Standing, of_champion

DISCONTINUED = "discontinued"
_COUNTED = 1_000  # more than that is shown as "more than": counting 120,000 rows would cost more than the page


class Filters(BaseModel):
    """What to show: products of the range, or with the standing `discontinued` those that left it.

    `after` and `after_confidence` are the last key of the page before; `before` and `before_confidence` the first key of
    the page after.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Word = None
    attribute: Word = None
    value: Word = None
    standing: Annotated[
        Literal["decided", "published", "labelled", "waiting", "aside", "discontinued"] | None, BeforeValidator(blank)
    ] = None
    at_least: Share = None
    at_most: Share = None
    after: Word = None
    after_confidence: Share = None
    before: Word = None
    before_confidence: Share = None
    limit: int = Field(60, ge=1, le=200)


@dataclass(frozen=True, slots=True)
class Card:
    """One product in the grid; the answer is that of the attribute filtered by, where there is one.

    `decided` counts what people said at the desk, `labelled` what a table says.
    """

    sku: str
    name: str | None
    brand: str | None
    price: float | None
    photo_id: str | None
    published: int
    decided: int
    labelled: int
    waiting: int
    value: str | None
    confidence: float | None
    standing: str | None


@dataclass(frozen=True, slots=True)
class CatalogPage:
    """One page of products; `found` is exact without filters and up to 1,000, else `more_than` says there are more."""

    filters: Filters
    found: int
    more_than: bool
    cards: list[Card]
    next_after: str | None
    next_confidence: float | None
    previous_before: str | None
    previous_confidence: float | None
    values: list[str]


def search(catalog: Catalog, taxonomy: Taxonomy, filters: Filters) -> CatalogPage:
    """Products that fit all of `filters`; InputError for an attribute that the taxonomy does not have.

    By an attribute they come most doubtful first, else by sku.
    """
    attribute = taxonomy.attribute(filters.attribute) if filters.attribute else None
    query = _filtered(catalog, filters, attribute.name if attribute else None)
    shown, earlier, later = _rows(catalog, query, filters)
    skus = [row["sku"] for row in shown]
    photos, counts = first_photos(catalog, skus), _standings(catalog, skus)
    cards = [_card(row, photos.get(row["sku"]), counts.get(row["sku"], {})) for row in shown]
    found, most = len(shown), _COUNTED
    if (earlier or later) and _takes_all(filters):
        found = most = catalog.count(schema.products) - catalog.count(schema.discontinued)
    elif earlier or later:
        found = catalog.count(query.with_only_columns(_key_column(filters)).limit(_COUNTED + 1))
    return CatalogPage(
        filters=filters,
        found=min(found, most),
        more_than=found > most,
        cards=cards,
        next_after=skus[-1] if later else None,
        next_confidence=shown[-1]["confidence"] if later else None,
        previous_before=skus[0] if earlier else None,
        previous_confidence=shown[0]["confidence"] if earlier else None,
        values=list(attribute.values) if attribute else [],
    )


def _takes_all(filters: Filters) -> bool:
    """Whether every product fits; those are counted in no time."""
    narrowing = (filters.q, filters.attribute, filters.standing, filters.at_least, filters.at_most)
    return all(one is None for one in narrowing)


def _rows(catalog: Catalog, query: sa.Select[Any], filters: Filters) -> tuple[list[dict[str, Any]], bool, bool]:
    """The rows of the page, and whether there are earlier and later ones."""
    if filters.before:
        rows = catalog.rows(_page_before(query, filters))
        if len(rows) > filters.limit:
            return rows[: filters.limit][::-1], True, True
        filters = filters.model_copy(update={"before": None, "before_confidence": None})  # it is the first page: whole
    rows = catalog.rows(_page(query, filters))
    shown = rows[: filters.limit]
    return shown, bool(filters.after and shown), len(rows) > filters.limit


def _key_column(filters: Filters) -> sa.ColumnElement[str]:
    return schema.predictions.c.sku if filters.attribute else schema.products.c.sku


def _filtered(catalog: Catalog, filters: Filters, attribute: str | None) -> sa.Select[Any]:
    products, table = schema.products, schema.predictions
    plain = [products.c[name] for name in ("sku", "name", "brand", "price")]
    standing = Standing()
    if attribute is None:
        nothing = sa.cast(sa.null(), sa.String)
        unknown = sa.cast(sa.null(), sa.Float)
        empty = [nothing.label("value"), unknown.label("confidence"), nothing.label("standing")]
        query = sa.select(*plain, *empty).select_from(products)
        if filters.standing == DISCONTINUED:
            return query.where(~in_range(products), *_words(filters.q))
        query = _with_any(catalog, query.where(in_range(products)), filters, standing)
        return query.where(*_words(filters.q))
    columns = (standing.value.label("value"), table.c.confidence, standing.column.label("standing"))
    joined = standing.joined.join(products, products.c.sku == table.c.sku)
    query = sa.select(*plain, *columns).select_from(joined)
    query = query.where(table.c.attribute == attribute, of_champion(catalog))
    if filters.value is not None:
        query = query.where(_may_be(filters.value), standing.value == filters.value)
    if filters.q:
        query = query.where(table.c.sku.in_(sa.select(products.c.sku).where(*_words(filters.q))))
    return _by_answer(query, filters, standing)


def _may_be(value: str) -> sa.ColumnElement[bool]:
    """Predicted so, or touched by a person: what tells most of the others apart before anything is joined."""
    table, touched = schema.predictions, schema.decisions.alias("touched")
    same = (touched.c.sku == table.c.sku) & (touched.c.attribute == table.c.attribute)
    return sa.or_(table.c.value == value, sa.exists().where(same))


def _by_answer(query: sa.Select[Any], filters: Filters, standing: Standing) -> sa.Select[Any]:
    confidence = schema.predictions.c.confidence
    if filters.standing is not None:
        query = query.where(standing.column == filters.standing)
    if filters.standing in (PUBLISHED, LABELLED):  # said twice: here the index alone can tell most of the others apart
        published = schema.predictions.c.decision == PUBLISHED
        query = query.where(published if filters.standing == PUBLISHED else ~published)
    if filters.standing in (DECIDED, ASIDE):  # there are few: begin with them
        query = query.where(schema.predictions.c.sku.in_(sa.select(schema.decisions.c.sku)))
    if filters.at_least is not None:
        query = query.where(confidence >= filters.at_least)
    if filters.at_most is not None:
        query = query.where(confidence <= filters.at_most)
    return query


def _with_any(catalog: Catalog, query: sa.Select[Any], filters: Filters, standing: Standing) -> sa.Select[Any]:
    """Without an attribute: products that have at least one answer that fits."""
    if filters.standing is None and filters.at_least is None and filters.at_most is None:
        return query
    answers = sa.select(sa.literal(1)).select_from(standing.joined)
    answers = answers.where(schema.predictions.c.sku == schema.products.c.sku, of_champion(catalog))
    if filters.standing in (DECIDED, ASIDE):
        query = query.where(schema.products.c.sku.in_(sa.select(schema.decisions.c.sku)))
    return query.where(_by_answer(answers, filters, standing).correlate(schema.products).exists())


def _words(words: str | None) -> list[sa.ColumnElement[bool]]:
    """Every word occurs in sku, name, brand or style, whatever its case and accents."""
    return [schema.products.c.words.contains(word, autoescape=True) for word in fold(words or "").split()]


def _page(query: sa.Select[Any], filters: Filters) -> sa.Select[Any]:
    key, confidence = _key_column(filters), schema.predictions.c.confidence
    if filters.attribute is None:
        query = query.where(key > filters.after) if filters.after else query
        return query.order_by(key).limit(filters.limit + 1)
    if filters.after is not None and filters.after_confidence is not None:
        seen = filters.after_confidence
        query = query.where(confidence >= seen, sa.or_(confidence > seen, key > filters.after))
    return query.order_by(confidence, key).limit(filters.limit + 1)


def _page_before(query: sa.Select[Any], filters: Filters) -> sa.Select[Any]:
    """The rows before a key, the nearest first."""
    key, confidence = _key_column(filters), schema.predictions.c.confidence
    if filters.attribute is None:
        return query.where(key < filters.before).order_by(key.desc()).limit(filters.limit + 1)
    if filters.before_confidence is not None:
        seen = filters.before_confidence
        query = query.where(confidence <= seen, sa.or_(confidence < seen, key < filters.before))
    return query.order_by(confidence.desc(), key.desc()).limit(filters.limit + 1)


def first_photos(catalog: Catalog, skus: Sequence[str]) -> dict[str, str]:
    """sku → the photo that stands for it: a side view where there is one."""
    table = schema.product_photos
    query = sa.select(table.c.sku, table.c.photo_id, table.c.view).where(table.c.sku.in_(skus))
    rows = catalog.rows(query)
    rows.sort(key=lambda row: (row["sku"], (row["view"] or "side").casefold() != "side", row["photo_id"]))
    found: dict[str, str] = {}
    for row in rows:
        found.setdefault(row["sku"], row["photo_id"])
    return found


def _standings(catalog: Catalog, skus: Sequence[str]) -> dict[str, dict[str, int]]:
    """sku → how many of its answers stand how."""
    table, standing = schema.predictions, Standing()
    query = sa.select(table.c.sku, standing.column.label("standing")).select_from(standing.joined)
    counts: dict[str, dict[str, int]] = {}
    for row in catalog.rows(query.where(table.c.sku.in_(skus), of_champion(catalog))):
        of_product = counts.setdefault(row["sku"], {})
        of_product[row["standing"]] = of_product.get(row["standing"], 0) + 1
    return counts


def _card(row: dict[str, Any], photo_id: str | None, counts: dict[str, int]) -> Card:
    return Card(
        **row,
        photo_id=photo_id,
        published=counts.get(PUBLISHED, 0),
        decided=counts.get(DECIDED, 0),
        labelled=counts.get(LABELLED, 0),
        waiting=counts.get(WAITING, 0),
    )
