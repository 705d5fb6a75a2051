"""Tie products into families, and place whole families in train, calibrate and test.

A family is never cut: what ties two products (one style id, the same photo bytes, a confirmed twin) keeps
them in one part, today and after every later ingest. Names never tie.

>>> import pyarrow as pa
>>> products = pa.table({"sku": ["a1", "a2", "b1"], "style_id": ["7", "7", None]})
>>> photos = pa.table({"sku": ["a1", "a2", "b1"], "photo_id": ["p1", "p2", "p3"]})
>>> made = split(products, photos)
>>> made.members.column("family_id").to_pylist()
['f-f55ff16f66f43360', 'f-f55ff16f66f43360', 'f-7dc96f776c8423e5']
>>> twins = pa.table({"photo_a": ["p1"], "photo_b": ["p3"]})
>>> later = split(products, photos, twins=twins, previous=made.members)
>>> len(set(later.members.column("part").to_pylist()))
1
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

import pyarrow as pa

from vitrine.errors import InputError, Refused
from vitrine.records import Member, Move, now, schema, to_table

Part = Literal["train", "calibrate", "test"]

# Also the order of precedence when a new tie joins families of different parts.
PARTS: tuple[Part, ...] = ("train", "calibrate", "test")

MEMBERS = schema(Member)


@dataclass(frozen=True, slots=True)
class Split:
    """`members` has one row a product (schema `MEMBERS`, sorted by sku); `moves` tells who changed part."""

    members: pa.Table
    moves: tuple[Move, ...]


def split(
    products: pa.Table,
    photos: pa.Table,
    *,
    twins: pa.Table | None = None,
    previous: pa.Table | None = None,
    salt: str = "",
    moved_at: datetime | None = None,
) -> Split:
    """Place every product, with its whole family, in train (4/6), calibrate (1/6) or test (1/6).

    `products` has `sku` and may have `style_id`; `photos` has `sku` and `photo_id`; `twins` has `photo_a` and
    `photo_b` (confirmed ones only); `previous` is the `members` of the split before. Other columns are
    ignored, and so is the order of the rows. Products of `previous` stay where they were, also those that are
    no longer in `products`, so that one that comes back finds its place. Only a new tie between families of
    different parts moves any: train wins over calibrate wins over test. Moves are stamped `moved_at` (now).

    Raises `InputError` for a missing column, an empty sku, or a `previous` that is not a valid membership.
    """
    before = _placed(previous)
    linked = ties(products, photos, twins)
    linked += [(sku, f"family {family}") for sku, (family, _) in before.items()]
    family_of = _keep_ids(families(linked), before)
    part_of = {family: place(family, salt) for family in set(family_of.values())}
    # What was recorded wins over the hash, so that another salt never moves an old family.
    part_of |= {family: part for family, part in before.values() if family in part_of}
    members = [Member(sku, family, part_of[family]) for sku, family in sorted(family_of.items())]
    return Split(to_table(Member, members), _moves(members, before, moved_at or now()))


def place(family_id: str, salt: str = "") -> Part:
    """Part of a family never placed before: train 4/6, calibrate 1/6, test 1/6, by SHA-256 of salt + id."""
    sixth = int.from_bytes(sha256((salt + family_id).encode()).digest()[:8], "big") % 6
    return PARTS[max(0, sixth - 3)]


def families(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Family id of every sku in `links`, pairs of (sku, key): who shares a key is one family, transitively.

    The id is made from the family's smallest sku, so neither the order nor the wording of the links matters.

    >>> found = families([("a", "style 1"), ("b", "style 1"), ("b", "photo 9"), ("c", "photo 9"), ("d", "-")])
    >>> found["a"] == found["c"], found["a"] == found["d"]
    (True, False)
    """
    parent: dict[str, str] = {}
    first_with: dict[str, str] = {}
    for sku, key in links:
        parent.setdefault(sku, sku)
        a, b = _root(parent, sku), _root(parent, first_with.setdefault(key, sku))
        parent[max(a, b)] = min(a, b)
    return {sku: _family_id(_root(parent, sku)) for sku in parent}


def ties(products: pa.Table, photos: pa.Table, twins: pa.Table | None = None) -> list[tuple[str, str]]:
    """All (sku, key) links of a catalog: sku, style id, the bytes of its photos, and their twins.

    A twin whose photo is not in `photos` ties nothing. Raises `InputError` as `split` does.
    """
    skus = _keys(products, "sku", "products")
    links = [(sku, f"sku {sku}") for sku in skus]
    if "style_id" in products.column_names:
        styles = products.column("style_id").cast(pa.string()).to_pylist()
        links += [(sku, f"style {style}") for sku, style in zip(skus, styles, strict=True) if style]
    shows = _shows(photos)
    links += [(sku, f"photo {photo}") for photo, shown in shows.items() for sku in shown]
    for a, b in _pairs(twins):
        links += [(sku, f"twin {a} {b}") for photo in (a, b) for sku in shows.get(photo, ())]
    return links


def check_no_crossing(members: pa.Table, photos: pa.Table, twins: pa.Table | None = None) -> None:
    """Refuse a split in which one photo, or a twin of it, lies in two parts.

    Raises `Refused` that names the pair and both parts: a figure measured on such a split is too good.
    """
    part_of = {sku: part for sku, (_, part) in _placed(members).items()}
    shows = _shows(photos)
    pairs = [(photo, photo) for photo in shows] + _pairs(twins)
    for a, b in pairs:
        placed = {part_of[sku]: sku for photo in (a, b) for sku in shows.get(photo, ()) if sku in part_of}
        if len(placed) > 1:
            where = " and ".join(f"sku {placed[part]!r} in {part}" for part in PARTS if part in placed)
            raise Refused(
                f"twin photos {a} and {b} cross the split: {where}"
                if a != b
                else f"photo {a} crosses the split: {where}",
                hint="split again: 'vitrine train' ties the families and logs what moves",
            )


def style_key(name: str, color_words: Iterable[str]) -> str:
    """`name` without case, accents, punctuation and the words of `color_words`; for reports, it never ties.

    >>> style_key("Lumo Men's Navy-Blue Tee", ["Navy Blue", "Red"]), style_key("LUMO mens red tee", ["Red"])
    ('lumo mens tee', 'lumo mens tee')
    """
    colors = {word for phrase in color_words for word in _words(phrase)}
    return " ".join(word for word in _words(name) if word not in colors)


def _words(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return re.findall(r"\w+", plain.replace("'", "").replace("\u2019", ""))


def _root(parent: dict[str, str], sku: str) -> str:
    while parent[sku] != sku:
        parent[sku] = parent[parent[sku]]
        sku = parent[sku]
    return sku


def _family_id(sku: str) -> str:
    return f"f-{sha256(sku.encode()).hexdigest()[:16]}"


def _keep_ids(fresh: dict[str, str], before: Mapping[str, tuple[str, Part]]) -> dict[str, str]:
    """A family with placed products keeps its id; of several, that of the winning part, then the smallest."""
    candidates: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for sku, (family, part) in before.items():
        candidates[fresh[sku]].add((PARTS.index(part), family))
    kept = {family: min(old)[1] for family, old in candidates.items()}
    return {sku: kept.get(family, family) for sku, family in fresh.items()}


def _moves(members: list[Member], before: Mapping[str, tuple[str, Part]], at: datetime) -> tuple[Move, ...]:
    moves = []
    for new in members:
        family, part = before.get(new.sku, (new.family_id, new.part))
        if part != new.part:
            reason = f"family {family} was tied to family {new.family_id} of {new.part}"
            moves.append(Move(new.sku, part, new.part, reason, at))
    return tuple(moves)


def _placed(members: pa.Table | None) -> dict[str, tuple[str, Part]]:
    if members is None:
        return {}
    placed: dict[str, tuple[str, Part]] = {}
    part_of: dict[str, Part] = {}
    for sku, family, part in zip(*(_keys(members, name, "members") for name in MEMBERS.names), strict=True):
        if part not in PARTS:
            raise InputError(f"members: sku {sku!r} has part {part!r}, which is none of {', '.join(PARTS)}")
        known: Part = PARTS[PARTS.index(part)]
        if sku in placed:
            raise InputError(f"members: sku {sku!r} stands in more than one row")
        if part_of.setdefault(family, known) != known:
            raise InputError(f"members: family {family!r} is in {part_of[family]} and, by sku {sku!r}, in {part}")
        placed[sku] = (family, known)
    return placed


def _shows(photos: pa.Table) -> dict[str, list[str]]:
    shows: dict[str, list[str]] = defaultdict(list)
    pairs = zip(_keys(photos, "photo_id", "photos"), _keys(photos, "sku", "photos"), strict=True)
    for photo, sku in pairs:
        shows[photo].append(sku)
    return dict(shows)


def _pairs(twins: pa.Table | None) -> list[tuple[str, str]]:
    if twins is None:
        return []
    return list(zip(_keys(twins, "photo_a", "twins"), _keys(twins, "photo_b", "twins"), strict=True))


def _keys(table: pa.Table, column: str, what: str) -> list[str]:
    if column not in table.column_names:
        raise InputError(f"{what}: there is no column {column!r}, only {table.column_names}")
    values: list[str | None] = table.column(column).cast(pa.string()).to_pylist()
    keys = [value for value in values if value]
    if len(keys) < len(values):
        row = next(i for i, value in enumerate(values) if not value)
        raise InputError(f"{what}: row {row + 1} has no {column}: {values[row]!r}")
    return keys
