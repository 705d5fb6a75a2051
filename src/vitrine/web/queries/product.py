"""The product page: photos, every attribute with who or what decided it and when, twins and family."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vitrine.desk.journal import DECIDED
from vitrine.errors import NotFound, sentence
from vitrine.records import Product
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy
from vitrine.web.queries.answers import LABELLED, WAITING, Standing, held_entries, of_champion, said_labels
from vitrine.web.queries.search import first_photos

_KIN = 24


@dataclass(frozen=True, slots=True)
class PhotoShown:
    """One photo with its size in pixels."""

    photo_id: str
    view: str | None
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Likely:
    """One value with the model's confidence in it."""

    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known about one attribute; `value` is what holds, None where nobody and nothing answered.

    `by` is a person's name, the source of a label or a model id, `said` what suppliers' tables say, `outcome` what a
    person entered.
    """

    attribute: str
    value: str | None
    standing: str
    by: str | None
    at: datetime | None
    outcome: str | None
    comment: str | None
    predicted: str | None
    confidence: float | None
    alternatives: list[Likely]
    said: list[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal."""

    decision_id: str
    attribute: str
    outcome: str
    value: str | None
    author: str
    mode: str
    comment: str | None
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Kin:
    """Another product and what ties it to this one: `twin`, `style` or `family`."""

    sku: str
    name: str | None
    photo_id: str | None
    tie: str


@dataclass(frozen=True, slots=True)
class ProductPage:
    """Everything about one product; `discontinued_at` says when it left the range."""

    sku: str
    name: str | None
    description: str | None
    brand: str | None
    style_id: str | None
    price: float | None
    added_at: datetime
    stock: int | None
    weight: float | None
    discontinued_at: datetime | None
    part: str | None
    photos: list[PhotoShown]
    answers: list[Answer]
    journal: list[Entry]
    kin: list[Kin]
    family_size: int


def product(catalog: Catalog, taxonomy: Taxonomy, sku: str) -> ProductPage:
    """One product; NotFound when the catalog has none of this sku."""
    products, weights, gone = schema.products, schema.weights, schema.discontinued
    told = [products.c[name] for name in Product.__dataclass_fields__]
    query = sa.select(*told, weights.c.weight, gone.c.discontinued_at)
    query = query.outerjoin(weights, weights.c.sku == products.c.sku).outerjoin(gone, gone.c.sku == products.c.sku)
    found = catalog.rows(query.where(products.c.sku == sku))
    if not found:
        raise NotFound(sentence("there is no product {sku!r}", sku=sku), hint=sentence("search for it in the catalog"))
    membership = catalog.rows(sa.select(schema.members).where(schema.members.c.sku == sku))
    member = membership[0] if membership else None
    kin, size = _kin(catalog, found[0], member)
    return ProductPage(
        **found[0],
        part=member["part"] if member else None,
        photos=_photos(catalog, sku),
        answers=_answers(catalog, taxonomy, sku),
        journal=_journal(catalog, sku),
        kin=kin,
        family_size=size,
    )


def version_of(catalog: Catalog, sku: str, attribute: str) -> int:
    """How many entries the journal has of one attribute of a product: the version that an answer must have seen."""
    table = schema.decisions
    return catalog.count(sa.select(table.c.version).where(table.c.sku == sku, table.c.attribute == attribute))


def _photos(catalog: Catalog, sku: str) -> list[PhotoShown]:
    links, photos = schema.product_photos, schema.photos
    query = sa.select(links.c.photo_id, links.c.view, photos.c.width, photos.c.height)
    query = query.join(photos, photos.c.photo_id == links.c.photo_id).where(links.c.sku == sku)
    rows = catalog.rows(query)
    rows.sort(key=lambda row: ((row["view"] or "side").casefold() != "side", row["view"] or "", row["photo_id"]))
    return [PhotoShown(**row) for row in rows]


def _answers(catalog: Catalog, taxonomy: Taxonomy, sku: str) -> list[Answer]:
    table = schema.predictions
    standing = Standing()
    query = sa.select(table, standing.column.label("standing")).select_from(standing.joined)
    predicted = catalog.rows(query.where(table.c.sku == sku, of_champion(catalog)))
    told = catalog.rows(said_labels().where(schema.labels.c.sku == sku))
    predictions = {row["attribute"]: row for row in predicted}
    entered = {attribute: entry for (_, attribute), entry in held_entries(catalog, [sku]).items()}
    said: dict[str, list[dict[str, Any]]] = {}
    for row in told:
        said.setdefault(row["attribute"], []).append(row)
    names = dict.fromkeys([*taxonomy.attributes, *predictions, *entered, *said])
    return [_answer(name, predictions.get(name), entered.get(name), said.get(name, [])) for name in names]


def _answer(
    name: str, guess: dict[str, Any] | None, entry: dict[str, Any] | None, told: list[dict[str, Any]]
) -> Answer:
    decided = entry is not None and entry["outcome"] == DECIDED
    value = entry["value"] if entry and decided else guess["value"] if guess else None
    likely = json.loads(guess["alternatives"]) if guess else {}
    standing = guess["standing"] if guess else DECIDED if decided else LABELLED if told else WAITING
    by, at = _who(guess, entry, told if standing == LABELLED else [])
    return Answer(
        attribute=name,
        value=value or (told[-1]["value"] if told else None),
        standing=standing,
        by=by,
        at=at,
        outcome=entry["outcome"] if entry else None,
        comment=entry["comment"] if entry else None,
        predicted=guess["value"] if guess else None,
        confidence=guess["confidence"] if guess else None,
        alternatives=[Likely(value, share) for value, share in likely.items() if share >= 0.005],
        said=list(dict.fromkeys(row["value"] for row in told)),
    )


def _who(
    guess: dict[str, Any] | None, entry: dict[str, Any] | None, told: list[dict[str, Any]]
) -> tuple[str | None, datetime | None]:
    """Who or what gave the answer, and when: a person, the table that says it, or the model."""
    if entry:
        return entry["author"], entry["decided_at"]
    if told:
        return told[-1]["source"], told[-1]["recorded_at"]
    return (guess["model_id"], guess["predicted_at"]) if guess else (None, None)


def _journal(catalog: Catalog, sku: str) -> list[Entry]:
    table = schema.decisions
    columns = [table.c[name] for name in Entry.__dataclass_fields__]
    query = sa.select(*columns).where(table.c.sku == sku).order_by(table.c.decided_at.desc(), table.c.version.desc())
    return [Entry(**row) for row in catalog.rows(query.limit(50))]


def _kin(catalog: Catalog, row: dict[str, Any], member: dict[str, Any] | None) -> tuple[list[Kin], int]:
    """Twins first, then the same style, then the rest of the family; and how many the family has."""
    ties: dict[str, str] = dict.fromkeys(_twins(catalog, row["sku"]), "twin")
    products, members = schema.products, schema.members
    if row["style_id"]:
        same = sa.select(products.c.sku).where(products.c.style_id == row["style_id"]).limit(_KIN * 2)
        for other in catalog.rows(same):
            ties.setdefault(other["sku"], "style")
    size = 1
    if member:
        family = sa.select(members.c.sku).where(members.c.family_id == member["family_id"])
        size = catalog.count(family)
        for other in catalog.rows(family.limit(_KIN * 2)):
            ties.setdefault(other["sku"], "family")
    ties.pop(row["sku"], None)
    shown = list(ties)[:_KIN]
    photos = first_photos(catalog, shown)
    named = sa.select(products.c.sku, products.c.name).where(products.c.sku.in_(shown))
    names = {one["sku"]: one["name"] for one in catalog.rows(named)}
    return [Kin(sku, names.get(sku), photos.get(sku), ties[sku]) for sku in shown], max(size, len(ties) + 1)


def _twins(catalog: Catalog, sku: str) -> list[str]:
    """Products that share a photo with this one, or have one that is the same picture."""
    links, twins = schema.product_photos, schema.twins
    own = sa.select(links.c.photo_id).where(links.c.sku == sku)
    pairs = sa.select(twins).where(sa.or_(twins.c.photo_a.in_(own), twins.c.photo_b.in_(own)))
    near = {photo for pair in catalog.rows(pairs) for photo in (pair["photo_a"], pair["photo_b"])}
    both = sa.or_(links.c.photo_id.in_(own), links.c.photo_id.in_(near))
    shared = sa.select(links.c.sku).where(both, links.c.sku != sku).distinct().order_by(links.c.sku).limit(_KIN)
    return [row["sku"] for row in catalog.rows(shared)]
