"""Cleaning photos: frames and noise go, the object stays whole, nothing private survives."""

import os
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw, ImageOps, PngImagePlugin

from vitrine.errors import InputError, UnreadablePhoto
from vitrine.intake.clean import Cleaning, CleanPhoto, clean, find_frame, noise_level


def encoded(image: Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **({"quality": 92} if format == "JPEG" else {}) | options)
    return buffer.getvalue()


def opened(cleaned: CleanPhoto) -> Image.Image:
    image = Image.open(BytesIO(cleaned.data))
    image.load()
    return image


def shoe(size: tuple[int, int] = (400, 300), background: str = "white", color: str = "#202024") -> Image.Image:
    """A dark shoe-like shape in the middle of a plain background."""
    image = Image.new("RGB", size, background)
    width, height = size
    points = [(0.15, 0.7), (0.2, 0.35), (0.35, 0.35), (0.5, 0.5), (0.8, 0.58), (0.85, 0.7)]
    ImageDraw.Draw(image).polygon([(x * width, y * height) for x, y in points], fill=color)
    return image


def scene(size: tuple[int, int] = (400, 300), seed: int = 1) -> Image.Image:
    """A full-bleed scene: wall and floor with shading and grain, as a phone sees them."""
    rng = np.random.default_rng(seed)
    width, height = size
    shade = np.linspace(200, 140, width)[None, :] + np.linspace(0, -30, height)[:, None]
    shade[height // 2 :] -= 60
    pixels = shade[..., None] + rng.normal(0, 2, (height, width, 3)) + np.array([10, 0, -12])
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("color", ["black", "white", "#c8102e", "#101080"])
@pytest.mark.parametrize("widths", [(20, 20, 20, 20), (0, 30, 0, 30), (40, 0, 25, 0), (60, 10, 60, 10)])
def test_frames_and_letterboxes_are_cut(color: str, widths: tuple[int, int, int, int]) -> None:
    framed = ImageOps.expand(scene(seed=3).resize((400, 300)), widths, fill=color)
    cleaned = clean(encoded(framed), Cleaning())
    assert cleaned.steps[0] == "border"
    assert abs(cleaned.width - 400) <= 4 and abs(cleaned.height - 300) <= 4


@pytest.mark.parametrize("color", ["black", "white"])
def test_thin_frames_are_cut(color: str) -> None:
    """Of two pixels; JPEG smears a thin frame of a strong color into the picture, and such a one may stay."""
    cleaned = clean(encoded(ImageOps.expand(scene(), 2, color)), Cleaning())
    assert cleaned.steps == ("border",) and abs(cleaned.width - 400) <= 2


def test_passe_partout_of_several_bands_is_cut() -> None:
    framed = ImageOps.expand(ImageOps.expand(ImageOps.expand(scene(), 4, "black"), 30, "white"), 6, "#3b2a1a")
    cleaned = clean(encoded(framed), Cleaning())
    assert abs(cleaned.width - 400) <= 6 and abs(cleaned.height - 300) <= 6


def test_frame_around_a_white_background_leaves_the_background() -> None:
    cleaned = clean(encoded(ImageOps.expand(shoe(), 15, "black")), Cleaning())
    assert "border" in cleaned.steps and abs(cleaned.width - 400) <= 4
    assert np.asarray(opened(cleaned).convert("L"))[5:50, 5:50].min() > 240


def test_margin_around_an_object_is_kept() -> None:
    for background in ("white", "#e8e8e8", "#203040"):
        assert clean(encoded(shoe(background=background, color="#b07050")), Cleaning()).steps == ()


def test_object_with_straight_edges_is_no_framed_picture() -> None:
    wallet = Image.new("RGB", (300, 300), "white")
    ImageDraw.Draw(wallet).rectangle((30, 110, 270, 200), fill="#702030")
    ImageDraw.Draw(wallet).rectangle((120, 90, 180, 110), fill="#702030")
    assert clean(encoded(wallet), Cleaning()).steps == ()


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_dark_object_touching_an_edge_is_not_cut(side: str) -> None:
    image = Image.new("RGB", (300, 300), "white")
    box = {
        "left": (0, 90, 220, 210),
        "right": (80, 90, 300, 210),
        "top": (90, 0, 210, 220),
        "bottom": (90, 80, 210, 300),
    }
    ImageDraw.Draw(image).rectangle(box[side], fill="#101010")
    cleaned = clean(encoded(image), Cleaning())
    assert (cleaned.width, cleaned.height, cleaned.steps) == (300, 300, ())


def test_object_spanning_the_picture_is_not_cut() -> None:
    image = Image.new("RGB", (300, 300), "white")
    ImageDraw.Draw(image).rectangle((0, 100, 300, 199), fill="#101010")
    cleaned = clean(encoded(image), Cleaning())
    dark = np.asarray(opened(cleaned).convert("L")) < 128
    assert cleaned.width == 300 and dark.all(axis=1).sum() == 100


@pytest.mark.parametrize("seed", range(5))
def test_full_bleed_photos_are_left_alone(seed: int) -> None:
    cleaned = clean(encoded(scene(seed=seed)), Cleaning())
    assert (cleaned.width, cleaned.height, cleaned.steps) == (400, 300, ())


def test_stripes_are_a_pattern_not_a_frame() -> None:
    stripes = Image.new("RGB", (300, 300), "white")
    for top in range(20, 300, 40):
        ImageDraw.Draw(stripes).rectangle((0, top, 300, top + 19), fill="#1a3a8a")
    assert find_frame(stripes) is None


@pytest.mark.parametrize("color", ["white", "black", "#7f7f7f"])
def test_plain_picture_has_no_frame(color: str) -> None:
    cleaned = clean(encoded(Image.new("RGB", (64, 48), color)), Cleaning())
    assert (cleaned.width, cleaned.height, cleaned.steps) == (64, 48, ())


def test_border_step_can_be_switched_off() -> None:
    framed = ImageOps.expand(scene(), 20, "black")
    assert clean(encoded(framed), Cleaning(border=False)).steps == ()


def noisy(image: Image.Image, sigma: float) -> Image.Image:
    rng = np.random.default_rng(5)
    pixels = np.asarray(image) + rng.normal(0, sigma, (image.height, image.width, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def speckled(image: Image.Image, share: float) -> Image.Image:
    rng = np.random.default_rng(5)
    pixels = np.array(image)
    at = rng.random(pixels.shape[:2]) < share
    pixels[at] = rng.choice(np.array([0, 255], dtype=np.uint8), size=(int(at.sum()), 1))
    return Image.fromarray(pixels)


def distance(first: Image.Image, second: Image.Image) -> float:
    """Root mean square difference in gray levels."""
    difference = np.asarray(first.convert("RGB"), np.float32) - np.asarray(second.convert("RGB"), np.float32)
    return float(np.sqrt(np.mean(difference**2)))


@pytest.mark.parametrize("background", ["white", "#c0c0c0"])
def test_noise_is_removed_where_there_is_noise(background: str) -> None:
    calm = shoe(background=background, color="#905040")
    for spoiled in (noisy(calm, 25), speckled(calm, 0.05)):
        cleaned = clean(encoded(spoiled), Cleaning())
        assert cleaned.steps == ("noise",)
        assert distance(opened(cleaned), calm) < 0.7 * distance(spoiled, calm)
        assert clean(encoded(spoiled), Cleaning(noise=False)).steps == ()


def test_suede_is_texture_not_noise() -> None:
    suede = shoe(color="#905040")
    grain = noisy(Image.new("RGB", suede.size, "#905040"), 25)
    mask = suede.convert("L").point(lambda level: 255 if level < 200 else 0)
    suede.paste(grain, mask=mask)
    assert noise_level(suede) < 1
    assert clean(encoded(suede), Cleaning()).steps == ()


def test_rough_ground_is_texture_not_noise() -> None:
    """Asphalt fills the picture with grain, but without color."""
    rng = np.random.default_rng(2)
    asphalt = np.repeat(rng.normal(120, 25, (300, 400, 1)), 3, axis=2)
    image = Image.fromarray(np.clip(asphalt, 0, 255).astype(np.uint8))
    assert noise_level(image) > 10
    assert clean(encoded(image), Cleaning()).steps == ()


def test_noise_level_follows_the_noise() -> None:
    """In luminance, where independent noise in three channels of sigma 20 has sigma 13.4."""
    levels = [noise_level(noisy(shoe(background="#808080"), sigma)) for sigma in (0, 5, 10, 20, 40)]
    assert levels == sorted(levels) and levels[0] < 1 and 10 < levels[3] < 15


def test_size_is_reduced_and_the_shape_kept() -> None:
    cleaned = clean(encoded(scene((1600, 1200))), Cleaning(max_side=512))
    assert (cleaned.width, cleaned.height) == (512, 384) == opened(cleaned).size
    assert (cleaned.width_before, cleaned.height_before) == (1600, 1200)
    assert cleaned.bytes_after == len(cleaned.data) < cleaned.bytes_before
    assert "resize" in cleaned.steps


def test_small_photos_are_not_enlarged() -> None:
    assert clean(encoded(scene((100, 80))), Cleaning()).width == 100


def test_zero_keeps_the_size() -> None:
    cleaned = clean(encoded(scene((1600, 1200))), Cleaning(max_side=0))
    assert (cleaned.width, cleaned.height, cleaned.steps) == (1600, 1200, ())


def test_very_long_pictures_keep_a_pixel() -> None:
    cleaned = clean(encoded(Image.new("RGB", (3000, 2), "red"), "PNG"), Cleaning(max_side=100))
    assert (cleaned.width, cleaned.height) == (100, 1)


def test_thick_frame_is_cut_before_the_size_is_reduced() -> None:
    framed = ImageOps.expand(scene((600, 450)), (350, 350, 350, 350), "black")
    cleaned = clean(encoded(framed), Cleaning(max_side=512))
    assert cleaned.width == 512 and abs(cleaned.height - 384) <= 3


def test_unchanged_jpeg_keeps_its_tables() -> None:
    for quality in (30, 75, 95):
        data = encoded(scene(), quality=quality)
        cleaned = clean(data, Cleaning())
        assert opened(cleaned).quantization == Image.open(BytesIO(data)).quantization  # type: ignore[attr-defined]
        assert distance(opened(cleaned), Image.open(BytesIO(data))) < 1.5
        assert cleaned.bytes_after <= 1.02 * cleaned.bytes_before


def test_rotation_and_transparency_are_reported_as_steps() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = clean(encoded(scene((300, 400)), exif=exif), Cleaning())
    assert (turned.width, turned.height, turned.width_before, turned.steps) == (
        400,
        300,
        400,
        ("orientation",),
    )
    cut_out = shoe().convert("RGBA")
    cut_out.putalpha(cut_out.convert("L").point(lambda level: 0 if level > 200 else 255))
    assert clean(encoded(cut_out, "PNG"), Cleaning()).steps == ("white",)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_nothing_private_survives(format: str) -> None:
    secret = "Rua da Conceição 7 SECRET"
    exif = Image.Exif()
    exif[0x010E] = secret
    exif.get_ifd(0x8825)[29] = "SECRET"
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", secret)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    special: dict[str, dict[str, Any]] = {
        "JPEG": {"comment": secret, "xmp": b"SECRET"},
        "PNG": {"pnginfo": info},
        "WEBP": {"xmp": b"SECRET"},
    }
    data = encoded(scene(), format, exif=exif, icc_profile=profile, **special.get(format, {}))
    assert b"SECRET" in data
    cleaned = clean(data, Cleaning())
    image = opened(cleaned)
    assert b"SECRET" not in cleaned.data and len(image.getexif()) == 0
    assert {"exif", "icc_profile", "comment", "xmp", "photoshop"}.isdisjoint(image.info)


def test_same_bytes_and_settings_give_the_same_bytes() -> None:
    data = encoded(noisy(ImageOps.expand(scene((900, 700)), 20, "black"), 20))
    assert clean(data, Cleaning()) == clean(data, Cleaning())


def test_every_setting_changes_the_contract() -> None:
    settings = [
        Cleaning(),
        Cleaning(border=False),
        Cleaning(noise=False),
        Cleaning(max_side=256),
        Cleaning(quality=80),
    ]
    ids = {cleaning.contract_id for cleaning in settings}
    assert len(ids) == 5 and all(len(name) == 15 and name.startswith("cl-") for name in ids)
    assert Cleaning().contract_id == Cleaning().contract_id


@pytest.mark.parametrize("setting", [{"max_side": -1}, {"quality": 0}, {"quality": 100}])
def test_impossible_settings_are_refused(setting: dict[str, int]) -> None:
    with pytest.raises(InputError):
        Cleaning(**setting)  # type: ignore[arg-type]


def test_threads_do_not_disturb_each_other() -> None:
    photos = [encoded(ImageOps.expand(scene((300, 200), seed), seed, "black")) for seed in range(12)]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(clean, photos, [Cleaning()] * 12))
    assert together == [clean(photo, Cleaning()) for photo in photos]


@pytest.mark.real
def test_real_phone_photos_are_left_alone() -> None:
    """Full-bleed photos by volunteers: no frame to cut, no grain worth removing in nearly all of them."""
    data = Path(os.environ.get("VITRINE_TEST_DATA", Path(__file__).parents[3] / "shared/data"))
    photos = sorted((data / "clothing").glob("train/*/*"))[::20]
    if not photos:
        pytest.skip(f"no clothing photos in {data}: set VITRINE_TEST_DATA")
    cleaned = [clean(path.read_bytes(), Cleaning()) for path in photos]
    assert sum("border" in photo.steps for photo in cleaned) == 0
    assert sum("noise" in photo.steps for photo in cleaned) <= 0.01 * len(photos)


def test_unreadable_photos_are_refused() -> None:
    with pytest.raises(UnreadablePhoto):
        clean(encoded(scene())[:2000], Cleaning())
