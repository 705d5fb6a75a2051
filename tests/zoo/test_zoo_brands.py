"""The brand study on drawn shoes: families stay together, variations are trained once, damaged photos are named."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitrine.demo.catalog import Planted
from vitrine.errors import InputError, NotFound
from vitrine.zoo.photos import read_photo_folder


@pytest.fixture
def folder(drawn: tuple[Path, Planted], tmp_path: Path) -> Path:
    """Drawn photos dealt to two brands, one of them twice."""
    photos = sorted((drawn[0] / "photos").rglob("*.jpg"))[:40]
    for number, path in enumerate(photos):
        place = tmp_path / "brands" / ("one" if number % 2 else "two")
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place / f"{number}.jpg")
    image = Image.open(photos[2])
    image.resize((image.width * 4 // 5, image.height * 4 // 5)).save(
        tmp_path / "brands" / "two" / "again.jpg", quality=80
    )
    return tmp_path / "brands"


def test_a_copy_joins_the_family_of_its_photo(folder: Path) -> None:
    photos = read_photo_folder(folder, side=32)
    assert photos.values == ("one", "two") and photos.part.pictures.shape[1:] == (3, 32, 32)
    files = [path.name for value in photos.values for path in sorted((folder / value).rglob("*"))]
    assert photos.families[files.index("again.jpg")] == photos.families[files.index("2.jpg")]


def test_what_is_no_photo_is_named_and_one_brand_is_none(folder: Path, tmp_path: Path) -> None:
    (folder / "one" / "broken.jpg").write_bytes(b"not a photo")
    with pytest.raises(InputError, match=r"broken\.jpg"):
        read_photo_folder(folder, side=32)
    (tmp_path / "alone" / "one").mkdir(parents=True)
    with pytest.raises(NotFound, match="0 values"):
        read_photo_folder(tmp_path / "alone", side=32)


def test_every_variation_is_trained_once_in_every_fold(folder: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")
    from vitrine.zoo.brands import FOLDS, VARIATIONS, study_brands

    torch.set_num_threads(1)
    photos = read_photo_folder(folder, side=32)
    short = tuple(replace(one, recipe=replace(one.recipe, epochs=1)) for one in VARIATIONS)
    seen: list[str] = []
    outcomes = study_brands(photos, tmp_path, repeats=1, variations=short, on_epoch=lambda what, _: seen.append(what))
    assert [one.variation for one in outcomes] == [one.label for one in VARIATIONS]
    assert len(set(seen)) == len(seen) == FOLDS * len(VARIATIONS)
    assert all(len(one.scores) == 1 and 0 <= one.scores[0] <= 1 for one in outcomes)
    again = study_brands(photos, tmp_path, repeats=1, variations=short, on_epoch=lambda what, _: seen.append(what))
    assert len(again) == len(outcomes) and len(seen) == FOLDS * len(VARIATIONS)


def test_distortion_moves_a_little_and_none_is_none() -> None:
    torch = pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")
    from vitrine.training.augment import distort

    picture = torch.zeros(64, 3, 32, 32)
    picture[:, :, 14:18, 14:18] = 0.5
    still = distort(picture, torch.Generator().manual_seed(0), strength=0.0)
    torch.testing.assert_close(still, picture, atol=1e-4, rtol=0)
    moved = distort(picture, torch.Generator().manual_seed(0), strength=1.0)
    rows = torch.arange(32.0)
    centers = (moved.sum(dim=(1, 2)) * rows).sum(1) / moved.sum(dim=(1, 2, 3))
    assert centers.std() > 0.5 and (centers - 15.5).abs().max() < 6  # a tenth of 32, and what the turn adds
    assert np.ptp(moved.amax(dim=(1, 2, 3)).numpy()) > 0.05
