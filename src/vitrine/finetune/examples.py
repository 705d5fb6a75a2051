"""What a network learns from: the photos of products with a value for every attribute that is labelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.learn.dataset import Dataset
from vitrine.learn.folds import folds
from vitrine.learn.train import learnable
from vitrine.taxonomy import Taxonomy

MISSING = -1

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Examples:
    """One row a photo of a product, sorted by sku and photo.

    `photo` (n,) is each row's place in `photo_ids`; `targets` (n, attributes) holds places in `values`, or MISSING where
    nothing usable is labelled; `family` (n,) numbers the families; `sku` (n,) are the products.
    """

    photo_ids: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    sku: tuple[str, ...]
    photo: Integers
    family: Integers
    targets: Integers

    def __len__(self) -> int:
        return len(self.sku)


def examples(
    dataset: Dataset, taxonomy: Taxonomy, *, min_rows: int, attributes: Sequence[str] | None = None
) -> tuple[Examples, dict[str, str]]:
    """The labelled photos of the train part, and why some attributes are left out.

    Values with fewer than `min_rows` products in train are not learnt; *not applicable* is a value like others. InputError
    when no attribute has two values to tell apart.
    """
    names = list(attributes or taxonomy.attributes)
    for name in names:
        taxonomy.attribute(name)
    values, left_out = learnable(dataset, names, min_rows)
    if not values:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise InputError(f"nothing to learn ({reasons})", hint="label more products, or lower [learn] min_rows")
    targets = np.stack([_places(dataset.strings(name), known) for name, known in values.items()], axis=1)
    chosen = np.flatnonzero((dataset.parts == "train") & (targets != MISSING).any(axis=1))
    photos_of: list[list[str]] = dataset.table.column("photo_ids").to_pylist()
    rows = np.array([row for row in chosen for _ in photos_of[row]], dtype=np.int64)
    shown = [photo_id for row in chosen for photo_id in photos_of[row]]
    photo_ids, photo = np.unique(np.array(shown), return_inverse=True)
    _, family = np.unique(np.array(dataset.strings("family_id"))[rows], return_inverse=True)
    skus = tuple(np.array(dataset.skus)[rows].tolist())
    made = Examples(tuple(photo_ids.tolist()), values, skus, photo.astype(np.int64), family, targets[rows])
    return made, left_out


def _places(labels: Sequence[str], values: Sequence[str]) -> Integers:
    place_of = {value: place for place, value in enumerate(values)}
    return np.array([place_of.get(label, MISSING) for label in labels], dtype=np.int64)


def hold_out(rows: Examples, *, seed: int) -> tuple[Integers, Integers]:
    """Row numbers to learn from and, of other families, to judge each epoch by: one of five folds.

    The fold is dealt by the first attribute, so that its rare values are in both.
    """
    dealt = folds(rows.targets[:, 0] + 1, rows.family.tolist(), seed=seed)
    return np.flatnonzero(dealt != 0), np.flatnonzero(dealt == 0)
