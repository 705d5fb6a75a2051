"""Planted faults: photos damaged or copied, and table cells that are wrong, misspelled or in Portuguese."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from vitrine.demo.assortment import ATTRIBUTES
from vitrine.taxonomy import NOT_APPLICABLE, Taxonomy, parse

# Some draws find no other value that breaks no rule: about 1.5 % of the cells end up wrong.
WRONG_LABELS = 0.006
OFF_TAXONOMY = 0.005
PORTUGUESE = 0.03
UNKNOWN = ("chartreuse", "other", "n/d", "see photo", "assorted", "various", "to check")


@lru_cache(maxsize=1)
def taxonomy() -> Taxonomy:
    """The demo's taxonomy as read from `taxonomy.toml`."""
    return parse(taxonomy_text(), where="vitrine/demo/taxonomy.toml")


def taxonomy_text() -> str:
    """The text of the demo's `taxonomy.toml`."""
    return files("vitrine.demo").joinpath("taxonomy.toml").read_text(encoding="utf-8")


def contradictions(values: Mapping[str, str]) -> list[str]:
    """Every rule of the taxonomy that a full set of values breaks, in words; empty where it is consistent."""
    found = []
    for name, attribute in taxonomy().attributes.items():
        rule = attribute.applies_when
        applies = rule is None or values[rule.attribute] in rule.values
        if applies != (values[name] != NOT_APPLICABLE):
            found.append(f"{name} is {values[name]!r} but {'applies' if applies else 'does not apply'}")
        elif values[name] not in attribute.values:
            found.append(f"{name} has no value {values[name]!r}")
    for pair in taxonomy().exclusions:
        if values[pair.first] in pair.first_values and values[pair.second] in pair.second_values:
            found.append(f"{pair.first} {values[pair.first]!r} with {pair.second} {values[pair.second]!r}")
    return found


@dataclass(frozen=True, slots=True)
class Cells:
    """The written attribute cells of a product and what is wrong with them."""

    written: dict[str, str]
    wrong: tuple[tuple[str, str, str], ...]
    unknown: tuple[tuple[str, str], ...]


def _typo(word: str, rng: np.random.Generator) -> str:
    """Two neighboring letters swapped, or one lost."""
    at = int(rng.integers(1, max(2, len(word) - 1)))
    swapped = word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :]
    return swapped if swapped != word else word[:at] + word[at + 1 :]


def _other_value(values: Mapping[str, str], name: str, rng: np.random.Generator) -> str | None:
    """Another value that breaks no rule: a mistake that only a look at the photo reveals."""
    known = taxonomy().attributes[name].values
    for value in (known[int(i)] for i in rng.permutation(len(known))):
        if value != values[name] and not contradictions({**values, name: value}):
            return value
    return None


def _portuguese(name: str, value: str, rng: np.random.Generator) -> str:
    attribute = taxonomy().attributes[name]
    words = (attribute.value_names[value]["pt"], *attribute.synonyms.get(value, ()))
    return words[int(rng.integers(len(words)))]


def write_cells(values: Mapping[str, str], rng: np.random.Generator) -> Cells:
    """The attribute cells of a product as a hurried supplier would fill them."""
    written = dict(values)
    wrong: list[tuple[str, str, str]] = []
    unknown: list[tuple[str, str]] = []
    marks = rng.random(len(ATTRIBUTES))
    for name, mark in zip(ATTRIBUTES, marks, strict=True):
        value = values[name]
        if value == NOT_APPLICABLE:
            continue
        if mark < WRONG_LABELS:
            other = _other_value({**values, **{key: new for key, _, new in wrong}}, name, rng)
            if other is not None:
                written[name] = other
                wrong.append((name, value, other))
        elif mark < WRONG_LABELS + OFF_TAXONOMY:
            off = _typo(value, rng) if rng.random() < 0.6 else UNKNOWN[int(rng.integers(len(UNKNOWN)))]
            # A typo may be a word of another language: "bot" is an Indonesian boot.
            off = off if taxonomy().attributes[name].read(off) is None else UNKNOWN[0]
            written[name] = off
            unknown.append((name, off))
        elif mark < WRONG_LABELS + OFF_TAXONOMY + PORTUGUESE:
            written[name] = _portuguese(name, value, rng)
    return Cells(written, tuple(wrong), tuple(unknown))


def encode(picture: NDArray[np.uint8], quality: int) -> bytes:
    """A picture as JPEG bytes."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def near_copy(picture: NDArray[np.uint8], rng: np.random.Generator) -> bytes:
    """The same photo slightly cropped, resized back, brightened and encoded again."""
    side = picture.shape[0]
    left, top, right, bottom = (int(cut) for cut in rng.integers(1, max(2, side // 28), 4))
    image = Image.fromarray(picture).crop((left, top, side - right, side - bottom))
    image = image.resize((side, side), Image.Resampling.BILINEAR)
    bright = np.asarray(image, dtype=np.float32) * rng.uniform(0.95, 1.06)
    return encode(np.clip(bright, 0, 255).astype(np.uint8), int(rng.integers(70, 86)))


def spoil(picture: NDArray[np.uint8], reason: str, rng: np.random.Generator) -> bytes:
    """A photo that cannot be used, by reason: "unreadable", "too-small", "blank" or "blurred"."""
    side = picture.shape[0]
    if reason == "unreadable":
        whole = encode(picture, 88)
        return whole[: len(whole) // 4] if rng.random() < 0.5 else rng.bytes(2048)
    if reason == "too-small":
        tiny = int(rng.integers(16, 33))
        return encode(np.asarray(Image.fromarray(picture).resize((tiny, tiny))), 88)
    if reason == "blank":
        return encode(np.full((side, side, 3), int(rng.integers(246, 256)), dtype=np.uint8), 88)
    soft = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(side * 0.045))
    return encode(np.asarray(soft), 88)
