"""Fix one, fix the family: a correction proposes the same change for its twins, colorways and look-alike mistakes.

Nothing is changed by proposing. What a curator chooses is applied in one transaction and undone as one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vitrine.desk import decisions, journal, queue
from vitrine.desk.decisions import Answer, Entered
from vitrine.desk.grid import check_value
from vitrine.desk.journal import FAMILY
from vitrine.desk.surroundings import Surroundings
from vitrine.errors import NotFound, sentence
from vitrine.learn.dataset import color_words, is_color
from vitrine.learn.promote import champion_of
from vitrine.learn.split import style_key
from vitrine.lookalike.same_picture import photos_of, same_picture
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy

TWIN = "twin"
SAME_FAMILY = "family"
COLORWAY = "colorway"
LOOK_ALIKE = "look-alike"

MOST_PROPOSED = 60
_LOOKED_AT = 200
_ALIKE = 0.8


@dataclass(frozen=True, slots=True)
class Proposal:
    """One more product that may need the same value, and why; `similarity` (-1..1) where it was looked at.

    `predicted` is what the model says of it today; `version` goes back with the answer.
    """

    sku: str
    name: str | None
    photos: tuple[str, ...]
    reason: str
    similarity: float | None
    predicted: str | None
    confidence: float | None
    version: int


def propose(
    catalog: Catalog,
    taxonomy: Taxonomy,
    sku: str,
    attribute: str,
    value: str,
    *,
    surroundings: Surroundings | None = None,
) -> list[Proposal]:
    """The products that the correction of `sku` to `value` speaks for, the surest reason first, at most `MOST_PROPOSED`.

    Twins share a photo or a near copy; a family is tied by style id or twins; colorways have the same name but for words
    of color (and are not proposed for an attribute that is a color); look-alike mistakes look alike and have the
    prediction that was wrong here. Products that people have answered already are left out.
    """
    check_value(taxonomy, attribute, value)
    with catalog.reading() as connection:
        _check_product(connection, sku)
        wrong = _predictions(connection, attribute, [sku], champion_of(catalog)).get(sku)
        similarity = _similarity(surroundings, sku)
        reasons: dict[str, str] = {}
        for reason, found in (
            (TWIN, same_picture(connection, photos_of(connection, sku))),
            (SAME_FAMILY, _family(connection, sku)),
            (COLORWAY, _colorways(connection, taxonomy, sku, attribute)),
            (LOOK_ALIKE, (other for other, score in similarity.items() if score >= _ALIKE)),
        ):
            for other in found:
                reasons.setdefault(other, reason)
        reasons.pop(sku, None)
        said = _predictions(connection, attribute, list(reasons), champion_of(catalog))
        entries = journal.entries_of(connection, [(other, attribute) for other in reasons])
        chosen = [
            other
            for other, reason in reasons.items()
            if not journal.live(entries[other, attribute]) and _concerned(reason, said.get(other), wrong, value)
        ][:MOST_PROPOSED]
        names = _names(connection, chosen)
        photos = queue.photos_of(connection, chosen)
    return [
        Proposal(
            sku=other,
            name=names.get(other),
            photos=tuple(photos.get(other, ())),
            reason=reasons[other],
            similarity=similarity.get(other),
            predicted=said[other].value if other in said else None,
            confidence=said[other].confidence if other in said else None,
            version=len(entries[other, attribute]),
        )
        for other in chosen
    ]


def apply(
    catalog: Catalog,
    taxonomy: Taxonomy,
    attribute: str,
    value: str,
    *,
    chosen: Mapping[str, int],
    author: str,
    batch_id: str,
) -> Entered:
    """Decide `value` for the chosen products (sku → version seen) in one transaction; late ones are named, not touched."""
    answers = [Answer(sku, attribute, value=value, version=version) for sku, version in chosen.items()]
    return decisions.decide_timely(catalog, taxonomy, answers, author=author, batch_id=batch_id, mode=FAMILY)


def _concerned(reason: str, said: Any, wrong: Any, value: str) -> bool:
    """Twins and families always are; colorways where the model says otherwise; look-alikes where it makes the same mistake."""
    if reason in (TWIN, SAME_FAMILY):
        return True
    if said is None or said.value == value:
        return False
    return reason == COLORWAY or (wrong is not None and said.value == wrong.value)


def _similarity(surroundings: Surroundings | None, sku: str) -> dict[str, float]:
    if surroundings is None or sku not in surroundings.rows:
        return {}
    return dict(surroundings.nearest(sku, _LOOKED_AT))


def _check_product(connection: sa.Connection, sku: str) -> None:
    if sku not in _names(connection, [sku]):
        raise NotFound(sentence("product {sku!r} is not in the catalog", sku=sku[:80]))


def _family(connection: sa.Connection, sku: str) -> Sequence[str]:
    members = schema.members
    family = sa.select(members.c.family_id).where(members.c.sku == sku).scalar_subquery()
    return connection.scalars(
        sa.select(members.c.sku).where(members.c.family_id == family).order_by(members.c.sku)
    ).all()


def _colorways(connection: sa.Connection, taxonomy: Taxonomy, sku: str, attribute: str) -> Iterator[str]:
    if is_color(attribute):
        return
    words = color_words(taxonomy)
    name = _names(connection, [sku])[sku] or ""
    style = style_key(name, words)
    longest = max((word for word in name.split() if style_key(word, words)), key=len, default="")
    if len(longest) < 3:
        return  # a name that says so little ties nothing
    products = schema.products
    pattern = products.c.name.contains(longest, autoescape=True)
    for other in connection.execute(sa.select(products.c.sku, products.c.name).where(pattern).order_by(products.c.sku)):
        if style_key(other.name, words) == style:
            yield other.sku


def _predictions(
    connection: sa.Connection, attribute: str, skus: Iterable[str], model_id: str | None
) -> dict[str, Any]:
    rows = queue.rows_of(connection, schema.predictions, [(sku, attribute) for sku in skus])
    return {row.sku: row for row in rows if row.model_id == model_id}


def _names(connection: sa.Connection, skus: Sequence[str]) -> dict[str, str | None]:
    products = schema.products
    names: dict[str, str | None] = {}
    for some in journal.chunks(skus):
        rows = connection.execute(sa.select(products.c.sku, products.c.name).where(products.c.sku.in_(some)))
        names |= {row.sku: row.name for row in rows}
    return names
