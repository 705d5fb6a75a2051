"""Search the shelf: nearest points, filtered and steered, with how sure it is that they are the same, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from vitrine.lookalike.columns import Columns
from vitrine.lookalike.index import Ids, Index, Points
from vitrine.lookalike.known import known_values
from vitrine.lookalike.note import NO_OTHER, NONE_FITS, UNLIKE, Note, note
from vitrine.lookalike.shelf import Shelf
from vitrine.lookalike.space import Described, Floats
from vitrine.lookalike.steer import agreement, steer_point, steered_scores
from vitrine.lookalike.wanted import Wanted
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

# Candidates fetched for every one that is shown, where they are ranked anew afterwards; and at least so many.
_PER_SHOWN = 10
_AT_LEAST = 200
_SPARE = 2  # looked up for every one that is shown: a product may have gone or changed its price meanwhile
_KNOWN = 0.999  # what people say of both is as good as sure


@dataclass(frozen=True, slots=True)
class Why:
    """The attributes in which a product is the same as the query and in which it differs, by their most likely values."""

    same: list[str]
    differs: list[str]


@dataclass(frozen=True, slots=True)
class Told:
    """What the query and the product have of an attribute, and how sure it is that both are the same."""

    query: str
    product: str
    probability: float | None


@dataclass(frozen=True, slots=True)
class Similar:
    """One product found; `similarity` in -1..1, `probability` that `attribute` is the same (None: nothing was learnt)."""

    sku: str
    similarity: float
    probability: float | None
    attribute: str | None
    why: Why
    name: str | None
    price: float | None
    description: str | None
    brand: str | None
    stock: int | None
    photo_id: str | None
    attributes: dict[str, Told]


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: `described` has one row; `known` is what people say of it; `left_out` is itself and its twins."""

    described: Described
    known: Mapping[str, str] = field(default_factory=dict)
    left_out: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The answer, best first; what a person should know about it; products that show the very photo that was asked with."""

    products: list[Similar]
    notes: list[Note]
    same_picture: list[str] = field(default_factory=list)


def search(
    catalog: Catalog,
    shelf: Shelf,
    index: Index,
    columns: Columns,
    query: Query,
    wanted: Wanted,
    *,
    attribute: str | None,
) -> Found:
    """The products most like the query, of those that fit `wanted.filters`; `attribute` is what probabilities speak of.

    The index finds candidates by what is predicted of them; they are ranked by what people say, where they say something.
    Raises InputError for attributes and values that the space does not know.
    """
    space, steering = shelf.space, wanted.steering
    steering.check(space)
    asked = _with_known(shelf, query.described, [query.known])
    allowed = wanted.filters.allowed(shelf, columns)
    allowed[shelf.places(query.left_out)] = False
    point = steer_point(space, asked, steering) if steering else space.points(asked)
    fetched = max(_AT_LEAST, _PER_SHOWN * wanted.count)
    ids, predicted = (row[0] for row in index.search(point, fetched, allowed=allowed))
    ids = ids[ids >= 0]
    others, said = _candidates(catalog, shelf, ids)
    similarity = np.asarray(space.points(others) @ space.points(asked)[0], np.float64)
    score = steered_scores(space, asked, others, steering) if steering else similarity
    order = np.lexsort((ids, -score))
    if wanted.diversity:
        order = diverse(order, score, shelf.points[ids], wanted.diversity, wanted.count)
    order = order[: _SPARE * wanted.count]
    told = _probabilities(shelf, asked, others.take(order), query.known, [said[i] for i in order], similarity[order])
    skus = shelf.skus[ids[order]].tolist()
    rows = _products(catalog, skus)
    products = [
        _similar(rows[sku], float(similarity[place]), one, attribute)
        for sku, place, one in zip(skus, order, told, strict=True)
        if sku in rows and wanted.filters.fits(rows[sku])
    ]
    notes = [] if len(ids) else [note(NONE_FITS if wanted.filters else NO_OTHER)]
    if len(ids) and not (steering or wanted.filters) and predicted[0] < space.metric.unlike:
        notes.append(note(UNLIKE))
    return Found(products[: wanted.count], notes)


def diverse(order: NDArray[np.intp], score: Floats, points: Points, diversity: float, count: int) -> NDArray[np.intp]:
    """Places in a new order of which the first `count` are alike but not each other's copies.

    Maximal marginal relevance (Carbonell and Goldstein 1998): every next one is the best by its score, scaled to 0..1, less
    its likeness to what was chosen. `score` and `points` are by place.
    """
    left = list(order[: _PER_SHOWN * count])
    spread = float(np.ptp(score[left])) or 1.0
    worth = (score - score[left].min()) / spread
    chosen: list[Any] = []
    nearest = np.full(len(score), -1.0)
    while left and len(chosen) < count:
        gain = (1 - diversity) * worth[left] - diversity * np.maximum(nearest[left], 0)
        best = left[int(gain.argmax())]
        left.remove(best)
        chosen.append(best)
        nearest = np.maximum(nearest, points @ points[best])
    taken = set(chosen)
    rest = [place for place in order if place not in taken]
    return np.array([*chosen, *rest], np.intp)


def _candidates(catalog: Catalog, shelf: Shelf, ids: Ids) -> tuple[Described, list[dict[str, str]]]:
    """What is said of the products at `ids`: people's word where there is one, else the predictions."""
    skus = shelf.skus[ids].tolist()
    known: dict[str, dict[str, str]] = {sku: {} for sku in skus}
    if shelf.space.values:
        for (sku, name), value in known_values(catalog, skus=skus).items():
            known[sku][name] = value
    said = [known[sku] for sku in skus]
    return _with_known(shelf, shelf.described(ids), said), said


def _with_known(shelf: Shelf, described: Described, known: Sequence[Mapping[str, str]]) -> Described:
    """The same with shares of 1 where people know the value."""
    shares = {}
    for name, values in shelf.space.values.items():
        own = np.array(described.shares[name])
        for row, said in enumerate(known):
            if said.get(name) in values:
                own[row] = 0
                own[row, values.index(said[name])] = 1
        shares[name] = own
    return Described(described.looks, shares)


def _probabilities(
    shelf: Shelf,
    asked: Described,
    others: Described,
    known: Mapping[str, str],
    known_of_others: Sequence[Mapping[str, str]],
    similarity: Floats,
) -> list[dict[str, Told]]:
    """Per candidate and attribute, the values of both and the probability that they are the same."""
    told: list[dict[str, Told]] = [{} for _ in similarity]
    for name, values in shelf.space.values.items():
        own = int(asked.shares[name][0].argmax())
        theirs = others.shares[name].argmax(axis=1)
        sameness = shelf.space.metric.sameness.get(name)
        chance = sameness.probability(agreement(asked, others, name), similarity) if sameness else None
        for row, place in enumerate(theirs.tolist()):
            sure = None if chance is None else float(chance[row])
            if name in known and name in known_of_others[row]:
                sure = _KNOWN if known[name] == known_of_others[row][name] else 1 - _KNOWN
            told[row][name] = Told(values[own], values[place], sure)
    return told


def _similar(row: Mapping[str, Any], similarity: float, told: dict[str, Told], attribute: str | None) -> Similar:
    same = [name for name, one in told.items() if one.query == one.product]
    probability = told[attribute].probability if attribute in told else None
    return Similar(
        **row,
        similarity=round(similarity, 4),
        probability=None if probability is None else round(probability, 4),
        attribute=attribute,
        why=Why(same, [name for name in told if name not in same]),
        attributes=told,
    )


def _products(catalog: Catalog, skus: Sequence[str]) -> dict[str, dict[str, Any]]:
    """sku → what the catalog says of it now, with the photo that stands for it; a product that is gone is left out."""
    products, links = schema.products, schema.product_photos
    names = ("sku", "name", "price", "description", "brand", "stock")
    query = sa.select(*(products.c[name] for name in names)).where(products.c.sku.in_(skus))
    rows = {row["sku"]: {**row, "photo_id": None} for row in catalog.rows(query)}
    shown = sa.select(links.c.sku, links.c.photo_id, links.c.view).where(links.c.sku.in_(skus))
    photos = catalog.rows(shown)
    photos.sort(key=lambda row: ((row["view"] or "side").casefold() != "side", row["photo_id"]), reverse=True)
    for photo in photos:
        if photo["sku"] in rows:
            rows[photo["sku"]]["photo_id"] = photo["photo_id"]
    return rows
