"""Examples of each value: products that people know to have it and that look the way products with it do.

The ones that a person wrote into taxonomy.toml come first. The others are chosen by looks, near the center of the value
and then as unlike each other as can be: what is typical, in its breadth.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import sqlalchemy as sa

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


def examples(catalog: Catalog, attribute: Attribute, surroundings: Surroundings | None) -> dict[str, list[str]]:
    """value → skus of at most `COUNT` examples, the written ones first, each of a family of its own.

    A value that people have said too seldom is filled up with what the champion publishes under its certificate. Without
    `surroundings` there are only the written ones.
    """
    chosen = {value: list(attribute.examples.get(value, ())) for value in attribute.values}
    if surroundings is None:
        return chosen
    known = known_values(catalog, attribute=attribute.name)
    family_of = _families(catalog)
    said: dict[str, list[str]] = {}
    for (sku, _), value in known.items():
        said.setdefault(value, []).append(sku)
    for value, found in chosen.items():
        for skus in (said.get(value, []), _published(catalog, attribute.name, value)):
            if len(found) < COUNT:
                wrong = {sku for sku in skus if known.get((sku, attribute.name), value) != value}
                typical = choose([sku for sku in skus if sku not in wrong], surroundings, family_of, taken=found)
                found += typical[: COUNT - len(found)]
    return chosen


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
    rows: list[int] = []
    center = _center(skus, surroundings)
    placed = [surroundings.rows[sku] for sku in skus if sku in surroundings.rows]
    for row in sorted(placed, key=lambda row: (-float(surroundings.vectors[row] @ center), surroundings.skus[row])):
        family = family_of.get(surroundings.skus[row], surroundings.skus[row])
        if family not in seen:
            seen.add(family)
            rows.append(row)
    near = rows[: max(count, -(-len(rows) // 2))]
    if not near:
        return []
    vectors = surroundings.vectors[near]
    picked = [0]
    closest = vectors @ vectors[0]
    while len(picked) < min(count, len(near)):
        closest[picked] = np.inf
        picked.append(int(closest.argmin()))
        closest = np.maximum(closest, vectors @ vectors[picked[-1]])
    return [surroundings.skus[near[place]] for place in picked]


def _center(skus: Sequence[str], surroundings: Surroundings) -> np.ndarray:
    rows = [surroundings.rows[sku] for sku in skus if sku in surroundings.rows]
    return np.asarray(surroundings.vectors[rows].mean(axis=0)) if rows else np.zeros(surroundings.vectors.shape[1])


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
