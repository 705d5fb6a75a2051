"""Fashion-MNIST in memory: 55,000 pictures to learn from, 5,000 to choose by, 10,000 to judge by, the same for everyone."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError, MissingPart
from vitrine.zoo.idx import read_idx

CLASSES = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip

# name of each file → SHA-256 of its unpacked content (a mirror may have packed it anew)
FILES = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_VALIDATION_OF_CLASS = 12  # one picture in so many of each class: 5,000 of 60,000

Pictures = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """Pictures of bytes, (n, 28, 28) or in color (n, 3, side, side), and their classes (n,)."""

    pictures: Pictures
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class GarmentSet:
    """A set in its three parts; `data_id` follows from every byte of it."""

    train: Part
    validation: Part
    test: Part
    data_id: str


def read_fashion_mnist(folder: Path) -> GarmentSet:
    """Fashion-MNIST from its four IDX files, plain or `.gz`, each checked by SHA-256.

    Raises MissingPart when a file is absent and InputError when one is damaged.
    """
    arrays = [read_idx(_file(folder, name), sha256=sha256) for name, sha256 in FILES.items()]
    return garment_set((arrays[0], arrays[1]), (arrays[2], arrays[3]))


def garment_set(learnt: tuple[Pictures, Pictures], judged: tuple[Pictures, Pictures]) -> GarmentSet:
    """Put pictures and labels to learn from and to judge by into the three parts.

    The validation part is every twelfth picture of each class in the order of their SHA-256, so it depends on nothing
    but the pictures. Raises InputError when pictures and labels do not match or a class is too rare to be judged.
    """
    train, test = _part(*learnt, "to learn from"), _part(*judged, "to judge by")
    chosen = _validation(train)
    data_id = hashlib.sha256(b"".join(part.tobytes() for part in (*learnt, *judged))).hexdigest()[:16]
    return GarmentSet(
        train=Part(train.pictures[~chosen], train.labels[~chosen]),
        validation=Part(train.pictures[chosen], train.labels[chosen]),
        test=test,
        data_id=f"gs-{data_id}",
    )


def fewer(garments: GarmentSet, rows: int) -> GarmentSet:
    """The same set with only `rows` pictures to learn from, as many of each class as the set has them in share."""
    if rows >= len(garments.train):
        return garments
    part = garments.train
    order = np.argsort(part.labels, kind="stable")  # classes one after the other: every k-th keeps their shares
    kept = np.sort(order[np.linspace(0, len(order) - 1, rows).astype(np.intp)])
    return replace(garments, train=Part(part.pictures[kept], part.labels[kept]), data_id=f"{garments.data_id}-{rows}")


def only(garments: GarmentSet, classes: Collection[str]) -> GarmentSet:
    """The same set with pictures of some classes alone to learn from and to choose by; test stays whole."""
    wanted = [number for number, name in enumerate(CLASSES) if name in classes]
    if len(wanted) == len(CLASSES):
        return garments
    train, validation = (_of(part, wanted) for part in (garments.train, garments.validation))
    data_id = f"{garments.data_id}-of-{''.join(map(str, wanted))}"
    return replace(garments, train=train, validation=validation, data_id=data_id)


def per_class(labels: Labels) -> Mapping[str, int]:
    """How many pictures each class has."""
    counts = np.bincount(labels, minlength=len(CLASSES))
    return dict(zip(CLASSES, counts.tolist(), strict=True))


def _of(part: Part, labels: Sequence[int]) -> Part:
    kept = np.isin(part.labels, labels)
    return Part(part.pictures[kept], part.labels[kept])


def _file(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.exists():
            return path
    raise MissingPart(
        f"{folder} has no {name}.gz",
        hint="vitrine zoo fetch downloads Fashion-MNIST (31 MB); --data FOLDER names a folder that has it; "
        "--drawn takes drawn garments, offline",
    )


def _part(pictures: Pictures, labels: Pictures, what: str) -> Part:
    if pictures.ndim != 3 or pictures.shape[1:] != (28, 28) or labels.shape != pictures.shape[:1]:
        raise InputError(
            f"pictures {what} of shape {pictures.shape} with labels {labels.shape}: (n, 28, 28) and (n,) are needed"
        )
    counts = np.bincount(labels, minlength=len(CLASSES))
    if len(counts) > len(CLASSES):
        raise InputError(f"pictures {what}: there is no class {labels.max()}, only 0 to {len(CLASSES) - 1}")
    if counts.min() < _VALIDATION_OF_CLASS:
        rare = int(counts.argmin())
        raise InputError(
            f"pictures {what}: class {rare} ({CLASSES[rare]}) has {counts[rare]}, at least {_VALIDATION_OF_CLASS} are needed"
        )
    return Part(pictures, labels.astype(np.int64))


def _validation(part: Part) -> NDArray[np.bool_]:
    digests = [hashlib.sha256(picture.tobytes()).digest() for picture in part.pictures]
    chosen = np.zeros(len(part), dtype=bool)
    for label in range(len(CLASSES)):
        rows = sorted(np.flatnonzero(part.labels == label), key=lambda row: digests[row])
        chosen[rows[::_VALIDATION_OF_CLASS]] = True
    return chosen
