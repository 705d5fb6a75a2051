"""Describe a workspace's data as it is: how labels, sizes and twins are distributed, with a few pictures."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from vitrine.checks.evidence import Evidence

_SAMPLES = 32
_MOST_SIZES = 8
_MOST_GROUPS = 12
_PER_VALUE = 6  # pictures of a value: enough to see what its photos have in common
_VALUES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Balance:
    """How many products have each value of an attribute, most frequent first; `unlabelled` have none.

    `samples` are (value, photo_ids) of the most frequent values, one photo a product, drawn by its hash.
    """

    attribute: str
    values: tuple[tuple[str, int], ...]
    unlabelled: int
    samples: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def most(self) -> int:
        """The count of the most frequent value, at least 1."""
        return max((count for _, count in self.values), default=1) or 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """Photos as received: frequent sizes, short side (least, median, most), bytes in and kept."""

    frequent: tuple[tuple[str, int], ...]
    short_side: tuple[int, int, int]
    bytes_before: int
    bytes_after: int
    steps: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Photos under several products, pairs of twins by kind, and groups of photos that are one picture."""

    shared: int
    pairs: tuple[tuple[str, int], ...]
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """The data as it is; `samples` are photo_ids drawn by their hash."""

    products: int
    photos: int
    without_photo: int
    balances: tuple[Balance, ...]
    sizes: Sizes | None
    duplicates: Duplicates
    samples: tuple[str, ...]


def overview(evidence: Evidence) -> Overview:
    """Describe everything that `evidence` holds."""
    products = evidence.products.num_rows
    return Overview(
        products=products,
        photos=len(evidence.shows),
        without_photo=products - len(evidence.photos_of),
        balances=tuple(_balance(evidence, name) for name in evidence.taxonomy.attributes),
        sizes=_sizes(evidence),
        duplicates=_duplicates(evidence),
        samples=tuple(sorted(evidence.shows)[:_SAMPLES]),
    )


def _balance(evidence: Evidence, name: str) -> Balance:
    attribute, counts = evidence.taxonomy.attributes[name], evidence.counts[name]
    values = sorted(((value, counts[value]) for value in attribute.values), key=lambda pair: -pair[1])
    shown = tuple((attribute.display_value(value), count) for value, count in values)
    frequent = [value for value, count in values[:_VALUES_SHOWN] if count]
    samples = tuple((attribute.display_value(value), _pictures(evidence, name, value)) for value in frequent)
    return Balance(attribute.display(), shown, len(evidence.photos_of) - counts.total(), samples)


def _pictures(evidence: Evidence, name: str, value: str) -> tuple[str, ...]:
    having = evidence.dataset.filter(pc.equal(evidence.dataset[name], value)).column("photo_ids").to_pylist()
    return tuple(sorted({photo_ids[0] for photo_ids in having})[:_PER_VALUE])


def _sizes(evidence: Evidence) -> Sizes | None:
    photos = {row["photo_id"]: row for row in evidence.shown.to_pylist()}.values()
    if not photos:
        return None
    frequent = Counter(f"{row['width_before']}×{row['height_before']}" for row in photos)
    sides = [min(row["width_before"], row["height_before"]) for row in photos]
    low, middle, high = np.quantile(sides, (0, 0.5, 1))
    return Sizes(
        frequent=tuple(frequent.most_common(_MOST_SIZES)),
        short_side=(int(low), int(middle), int(high)),
        bytes_before=sum(row["bytes_before"] for row in photos),
        bytes_after=sum(row["bytes_after"] for row in photos),
        steps=tuple(Counter(step for row in photos for step in row["steps"].split()).most_common()),
    )


def _duplicates(evidence: Evidence) -> Duplicates:
    shared = sum(len(shown) > 1 for shown in evidence.shows.values())
    kinds = Counter(evidence.twins.column("kind").to_pylist())
    return Duplicates(shared, tuple(sorted(kinds.items())), tuple(_groups(evidence)[:_MOST_GROUPS]))


def _groups(evidence: Evidence) -> list[tuple[str, ...]]:
    """Photos tied by twins, directly or through others, the largest groups first."""
    group_of: dict[str, set[str]] = {}
    for pair in evidence.twins.to_pylist():
        a, b = pair["photo_a"], pair["photo_b"]
        joined = group_of.get(a, {a}) | group_of.get(b, {b})
        group_of |= dict.fromkeys(joined, joined)
    groups = {tuple(sorted(group & evidence.shows.keys())) for group in group_of.values()}
    return sorted((group for group in groups if len(group) > 1), key=lambda group: (-len(group), group))
