"""Twins on drawn photos: what must be found, what must not, and what an ingest that is run again compares."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from vitrine.errors import InputError
from vitrine.intake.twins import SIZE, Fingerprint, Index, fingerprint, near, twins
from vitrine.records import Twin


def drawn_shoe(seed: int, color: tuple[int, int, int] = (150, 40, 40)) -> Image.Image:
    """A sneaker-like shape on white with stitches, a stripe and grain of its own."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (300, 240), "white")
    draw = ImageDraw.Draw(picture)
    draw.polygon([(40, 150), (60, 80), (120, 70), (190, 120), (260, 135), (265, 170), (40, 170)], fill=color)
    draw.rectangle((36, 168, 268, 186), fill=(60, 60, 60))
    for _ in range(14):
        x, y = int(rng.integers(60, 230)), int(rng.integers(100, 160))
        draw.ellipse((x, y, x + int(rng.integers(6, 26)), y + 8), fill=tuple(rng.integers(0, 255, 3).tolist()))
    return picture


def pixels(picture: Image.Image, *, quality: int = 92) -> NDArray[np.uint8]:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(data).convert("RGB"))


def kinds(*pictures: NDArray[np.uint8]) -> list[str]:
    found = twins([f"photo {i}" for i in range(len(pictures))], [fingerprint(picture) for picture in pictures])
    return [twin.kind for twin in found]


@pytest.mark.parametrize("quality", [60, 75, 95])
def test_another_encoding_is_an_exact_twin(quality: int) -> None:
    assert kinds(pixels(drawn_shoe(1)), pixels(drawn_shoe(1), quality=quality)) == ["exact"]


@pytest.mark.parametrize("scale", [0.7, 1.3, 4.0])
def test_another_size_is_a_twin(scale: float) -> None:
    shoe = drawn_shoe(2)
    resized = shoe.resize((round(300 * scale), round(240 * scale)), Image.Resampling.LANCZOS)
    assert len(kinds(pixels(shoe), pixels(resized))) == 1


@pytest.mark.parametrize("brightness", [0.9, 1.1])
def test_another_brightness_is_a_twin(brightness: float) -> None:
    shoe = drawn_shoe(3)
    assert len(kinds(pixels(shoe), pixels(ImageEnhance.Brightness(shoe).enhance(brightness)))) == 1


def test_a_crop_and_a_wider_margin_are_twins() -> None:
    shoe = drawn_shoe(4)
    cropped, padded = shoe.crop((10, 9, 292, 232)), ImageOps.expand(shoe, 60, "white")
    assert len(kinds(pixels(shoe), pixels(cropped), pixels(padded))) == 3


@pytest.mark.parametrize("color", [(40, 40, 150), (60, 140, 60), (150, 90, 40), (40, 40, 40)])
def test_a_colorway_is_no_twin(color: tuple[int, int, int]) -> None:
    assert kinds(pixels(drawn_shoe(5)), pixels(drawn_shoe(5, color))) == []


def test_a_mirror_image_is_no_twin() -> None:
    assert kinds(pixels(drawn_shoe(6)), pixels(ImageOps.mirror(drawn_shoe(6)))) == []


def test_another_product_of_the_same_shape_is_no_twin() -> None:
    assert kinds(*(pixels(drawn_shoe(seed)) for seed in range(10, 40))) == []


def test_two_plain_dark_products_are_no_twins() -> None:
    """Without detail to compare, the outline must decide."""
    wallets = []
    for right in (220, 236):
        wallet = Image.new("RGB", (300, 240), "white")
        ImageDraw.Draw(wallet).rectangle((80, 90, right, 170), fill=(25, 25, 25))
        ImageDraw.Draw(wallet).polygon([(80, 90), (right - 20, 80 if right == 220 else 70), (right, 95)], fill="black")
        wallets.append(pixels(wallet))
    assert kinds(*wallets) == []


def test_photos_without_foreground_do_not_fail() -> None:
    blank = np.full((64, 48, 3), 255, np.uint8)
    assert len(fingerprint(blank).to_bytes()) == SIZE


def test_a_second_ingest_reports_only_pairs_with_a_new_photo() -> None:
    old, new = pixels(drawn_shoe(7)), pixels(drawn_shoe(7), quality=70)
    index = Index()
    assert len(near(["a", "b"], [fingerprint(old), fingerprint(new)], index)) == 1
    again = near(["c"], [fingerprint(pixels(drawn_shoe(7), quality=80))], index)
    assert [(twin.photo_a, twin.photo_b) for twin in again] == [("a", "c"), ("b", "c")]
    assert index.photo_ids == ["a", "b", "c"]
    assert near([], [], index) == []


def test_photo_by_photo_finds_what_all_at_once_finds() -> None:
    prints = [fingerprint(pixels(drawn_shoe(seed // 3), quality=70 + seed)) for seed in range(12)]
    names = [f"p{i:02}" for i in range(12)]
    index, one_by_one = Index(), list[Twin]()
    for name, print_ in zip(names, prints, strict=True):
        one_by_one += near([name], [print_], index)
    at_once = twins(names, prints)
    assert len(at_once) == 12
    assert sorted((t.photo_a, t.photo_b, t.kind) for t in one_by_one) == [
        (t.photo_a, t.photo_b, t.kind) for t in at_once
    ]


def test_the_order_of_the_photos_changes_nothing() -> None:
    prints = {f"p{i}": fingerprint(pixels(drawn_shoe(i // 2), quality=70 + i)) for i in range(8)}
    backwards = dict(reversed(prints.items()))
    assert twins(list(prints), list(prints.values())) == twins(list(backwards), list(backwards.values()))


def test_a_fingerprint_survives_storage_and_other_bytes_are_refused() -> None:
    kept = fingerprint(pixels(drawn_shoe(8)))
    assert Fingerprint.from_bytes(kept.to_bytes()) == kept
    with pytest.raises(InputError, match="not 3"):
        Fingerprint.from_bytes(b"abc")


def test_wrong_pictures_and_repeated_photos_are_refused() -> None:
    with pytest.raises(InputError, match="height, width, 3"):
        fingerprint(np.zeros((20, 20), np.uint8))
    kept = fingerprint(pixels(drawn_shoe(9)))
    with pytest.raises(InputError, match="twice"):
        twins(["a", "a"], [kept, kept])
    with pytest.raises(InputError, match="2 photos but 1"):
        twins(["a", "b"], [kept])
