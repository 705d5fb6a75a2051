"""A folder of photos, one folder a value, as a small set in memory with its families: for the brand study."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitrine.errors import InputError, NotFound, UnreadablePhoto
from vitrine.intake.clean import Cleaning
from vitrine.intake.ingest import describe_photo
from vitrine.intake.twins import Fingerprint, twins
from vitrine.learn.split import families
from vitrine.zoo.data import Part

_ENDINGS = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """Pictures (n, 3, side, side) with labels; `values` names the labels, `families` ties photos of one picture."""

    part: Part
    values: tuple[str, ...]
    families: tuple[str, ...]
    data_id: str


def read_photo_folder(folder: Path, *, side: int) -> PhotoSet:
    """The photos in `folder/<value>/…`, padded to a square of `side` pixels; copies and near copies become one family.

    Raises NotFound without two values, and InputError naming a photo that cannot be read.
    """
    values = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    files = [(path, value) for value in values for path in sorted((folder / value).rglob("*")) if _is_photo(path)]
    values = [value for value in values if any(of == value for _, of in files)]
    if len(values) < 2:
        raise NotFound(
            f"{folder} has photos of {len(values)} values, two are needed", hint="one folder a value: adidas/, nike/ …"
        )
    with ThreadPoolExecutor(2) as pool:
        read = list(pool.map(lambda file: _read(file[0], side), files))
    photo_ids = [photo_id for photo_id, _, _ in read]
    labels = np.array([values.index(value) for _, value in files], dtype=np.int64)
    pictures = np.stack([picture for _, picture, _ in read])
    found = twins(photo_ids, [fingerprint for _, _, fingerprint in read])
    links = [(photo_id, photo_id) for photo_id in photo_ids] + [(twin.photo_a, twin.photo_b) for twin in found]
    family = families(links)
    digest = hashlib.sha256(" ".join(photo_ids).encode() + labels.tobytes() + str(side).encode()).hexdigest()[:16]
    return PhotoSet(Part(pictures, labels), tuple(values), tuple(family[one] for one in photo_ids), f"ps-{digest}")


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in _ENDINGS


def _read(path: Path, side: int) -> tuple[str, NDArray[np.uint8], Fingerprint]:
    try:
        photo, cleaned = describe_photo(path.read_bytes(), Cleaning())
    except UnreadablePhoto as error:
        raise InputError(f"{path}: {error.message}", hint="mend the photo or take it out of the folder") from error
    image = Image.open(BytesIO(cleaned)).convert("RGB")
    image.thumbnail((side, side), Image.Resampling.BILINEAR)
    square = Image.new("RGB", (side, side), "white")
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return photo.photo_id, np.asarray(square).transpose(2, 0, 1), Fingerprint.from_bytes(photo.fingerprint)
