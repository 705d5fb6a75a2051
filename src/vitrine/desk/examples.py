"""Examples of each value: products that people know to have it and that look the way products with it do.

The ones that a person wrote into taxonomy.toml come first. The others are chosen by looks, near the center of the value
and then as unlike each other as can be: what is typical, in its breadth.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from vitrine.classify import PUBLISHED
from vitrine.desk import audit
from vitrine.desk.surroundings import Surroundings
from vitrine.learn.promote import champion_of
from vitrine.lookalike.known import known_values
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Attribute

COUNT = 8
_MOST_PUBLISHED = 100
_MOST_LOOKED_AT, _MOST_DECIDED = 16_000, 8_000


def examples(catalog: Catalog, attribute: Attribute, surroundings: Surroundings | None) -> dict[str, list[str]]:
    """value → skus of at most `COUNT` examples, the written ones first, each of a family of its own.

    A value that people have said too seldom is filled up with what the champion publishes under its certificate. Without
    `surroundings` there are only the written ones.
    """
    chosen = {value: list(attribute.examples.get(value, ())) for value in attribute.values}
    if surroundings is None:
        return chosen
    family_of = _families(catalog)
    some = _some(catalog, attribute.name, surroundings)
    said: dict[str, list[str]] = {}
    for (sku, _), value in known_values(catalog, skus=some, attribute=attribute.name).items():
        said.setdefault(value, []).append(sku)
    for value, found in chosen.items():
        found += choose(said.get(value, []), surroundings, family_of, taken=found, count=COUNT - len(found))
        if len(found) < COUNT:
            published = _published(catalog, attribute.name, value)
            known = known_values(catalog, skus=published, attribute=attribute.name)
            right = [sku for sku in published if known.get((sku, attribute.name), value) == value]
            found += choose(right, surroundings, family_of, taken=found, count=COUNT - len(found))
    return chosen


def _some(catalog: Catalog, attribute: str, surroundings: Surroundings) -> list[str]:
    """An even part of the products with photos, and those that people decided: reading a large catalog whole takes seconds."""
    table = schema.decisions
    query = sa.select(table.c.sku).where(table.c.attribute == attribute).order_by(table.c.decided_at.desc())
    decided = catalog.read(query.limit(_MOST_DECIDED)).column("sku").to_pylist()
    step = -(-len(surroundings.skus) // _MOST_LOOKED_AT) or 1
    return sorted({*surroundings.skus[::step], *decided})


def choose(
    skus: Sequence[str],
    surroundings: Surroundings,
    family_of: Mapping[str, str],
    *,
    taken: Sequence[str] = (),
    count: int = COUNT,
) -> list[str]:
    """At most `count` of `skus`, one a family and none of the families of `taken`.

    The first is the nearest to the center of them all. The next ones are of the half nearest to it, each the farthest from
    those chosen before (Gonzalez 1985).
    """
    seen = {family_of.get(sku, sku) for sku in taken}
    placed = [sku for sku in skus if sku in surroundings.rows]
    if not placed:
        return []
    vectors = surroundings.vectors[[surroundings.rows[sku] for sku in placed]]
    typical = vectors @ vectors.mean(axis=0)
    alone: list[int] = []
    for row in sorted(range(len(placed)), key=lambda row: (-float(typical[row]), placed[row])):
        family = family_of.get(placed[row], placed[row])
        if family not in seen:
            seen.add(family)
            alone.append(row)
    near = alone[: max(count, -(-len(alone) // 2))] if count > 0 else []
    return [placed[near[place]] for place in _apart(vectors[near], count)]


def _apart(vectors: NDArray[np.float32], count: int) -> list[int]:
    """At most `count` rows of `vectors` (n, columns): the first, then each the farthest from those before it."""
    picked = list(range(min(1, len(vectors))))
    closest = vectors @ vectors[0] if picked else np.zeros(0)
    while len(picked) < min(count, len(vectors)):
        closest[picked] = np.inf
        picked.append(int(closest.argmin()))
        closest = np.maximum(closest, vectors @ vectors[picked[-1]])
    return picked


def _families(catalog: Catalog) -> dict[str, str]:
    members = catalog.read(sa.select(schema.members.c.sku, schema.members.c.family_id))
    return dict(zip(members.column("sku").to_pylist(), members.column("family_id").to_pylist(), strict=True))


def _published(catalog: Catalog, attribute: str, value: str) -> list[str]:
    """What the champion publishes with this value, the surest; nothing of an attribute that its audit has stopped."""
    if attribute in audit.stopped(catalog):
        return []
    table = schema.predictions
    query = sa.select(table.c.sku).where(table.c.attribute == attribute, table.c.value == value)
    query = query.where(table.c.model_id == champion_of(catalog), table.c.decision == PUBLISHED)
    rows = catalog.read(query.order_by(table.c.confidence.desc(), table.c.sku).limit(_MOST_PUBLISHED))
    found: list[str] = rows.column("sku").to_pylist()
    return found
