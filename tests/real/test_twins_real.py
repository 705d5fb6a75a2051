"""Twins on real photos: every exact copy found, and the labelled pairs judged as a person judged them.

`twin_pairs.csv` was drawn at random by score band and labelled by eye on contact sheets. Half A was used to
tune. Half B was not, but was read once with a first rule, which failed. Half C was drawn and labelled after
the rule was changed, but `NEAR` had by then been raised over the score of one of its pairs (17568, 17571), so
neither is quite unseen; photos kept aside are the clean check. "same" is the same picture or the same item in
the same shot; "doubt" counts against precision. Paths are relative to the data folder; no picture is here.
"""

import csv
import os
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from vitrine.intake.twins import Fingerprint, fingerprint, twins

HERE = Path(__file__).parent
DATA = Path(os.environ.get("VITRINE_TEST_DATA", HERE.parents[2] / "shared" / "data"))
PHOTOS = DATA / "fashion-products" / "photos"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"no real photos at {PHOTOS}; set VITRINE_TEST_DATA"),
]


def print_of(path: Path) -> Fingerprint:
    return fingerprint(np.asarray(Image.open(path).convert("RGB")))


@pytest.fixture(scope="module")
def judged() -> dict[str, list[tuple[str, bool]]]:
    """(label, called a twin) of the labelled pairs of each half."""
    rows = list(csv.DictReader((HERE / "twin_pairs.csv").open(encoding="utf-8")))
    rows = [row for row in rows if (DATA / row["photo_a"]).is_file() and (DATA / row["photo_b"]).is_file()]
    names = sorted({row[side] for row in rows for side in ("photo_a", "photo_b")})
    found = {(twin.photo_a, twin.photo_b) for twin in twins(names, [print_of(DATA / name) for name in names])}
    judged: dict[str, list[tuple[str, bool]]] = {"A": [], "B": [], "C": []}
    for row in rows:
        pair = tuple(sorted((row["photo_a"], row["photo_b"])))
        judged[row["half"]].append((row["label"], pair in found))
    return judged


@pytest.mark.parametrize("half", ["B", "C"])
def test_precision_on_pairs_not_used_to_tune(half: str, judged: dict[str, list[tuple[str, bool]]]) -> None:
    called = [label for label, twin in judged[half] if twin]
    assert called
    assert called.count("same") / len(called) >= 0.95


def test_most_labelled_twins_are_found(judged: dict[str, list[tuple[str, bool]]]) -> None:
    same = [twin for half in "BC" for label, twin in judged[half] if label == "same"]
    assert sum(same) / len(same) >= 0.8


def test_all_exact_copies_are_found() -> None:
    """The same bytes share a photo id; their fingerprints alone must tell it too."""
    by_bytes: dict[str, list[str]] = {}
    for path in sorted(PHOTOS.iterdir()):
        by_bytes.setdefault(sha256(path.read_bytes()).hexdigest(), []).append(path.name)
    copies = [names for names in by_bytes.values() if len(names) > 1]
    assert copies
    names = sorted({name for group in copies for name in group})
    found = {(t.photo_a, t.photo_b): t for t in twins(names, [print_of(PHOTOS / name) for name in names])}
    for first, *others in copies:
        assert all(found[(first, other)].kind == "exact" for other in others)


def test_small_changes_are_found_and_tie_no_two_products() -> None:
    paths = sorted(PHOTOS.iterdir())[::50]
    names, prints = [], []
    for path in paths:
        photo = Image.open(path).convert("RGB")
        versions = {
            "original": photo,
            "small": photo.resize((168, 168), Image.Resampling.LANCZOS),
            "dark": ImageEnhance.Brightness(photo).enhance(0.9),
        }
        names += [f"{path.name}/{kind}" for kind in versions]
        prints += [fingerprint(np.asarray(version)) for version in versions.values()]
    pairs = [(t.photo_a, t.photo_b) for t in twins(names, prints)]
    assert all(a.split("/")[0] == b.split("/")[0] for a, b in pairs)
    assert len(pairs) >= 0.97 * 3 * len(paths)
