"""Reading photos: whatever the file, an upright sRGB picture on white or a reason why not."""

import os
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from vitrine.errors import UnreadablePhoto
from vitrine.intake.photo import read_bytes, read_photo


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def four_corners() -> Image.Image:
    """60×40: red, green, blue and white quarters, so that every turn shows."""
    image = Image.new("RGB", (60, 40), "white")
    image.paste("red", (0, 0, 30, 20))
    image.paste("lime", (30, 0, 60, 20))
    image.paste("blue", (0, 20, 30, 40))
    return image


def reason(data: bytes, **options: Any) -> str:
    with pytest.raises(UnreadablePhoto) as caught:
        read_photo(data, **options)
    return caught.value.reason


def near(pixel: object, expected: tuple[int, int, int], tolerance: int = 6) -> bool:
    return isinstance(pixel, tuple) and all(abs(a - b) <= tolerance for a, b in zip(pixel, expected, strict=True))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int) -> None:
    upright = four_corners()
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(inverse[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_photo(encoded(stored, "JPEG", quality=95, exif=exif))
    assert (picture.image.size, picture.width, picture.height) == ((60, 40), 60, 40)
    assert near(picture.image.getpixel((5, 5)), (254, 0, 0))
    assert near(picture.image.getpixel((55, 5)), (0, 255, 1))
    assert near(picture.image.getpixel((5, 35)), (0, 0, 254))
    assert ("orientation" in picture.steps) == (orientation > 1)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_every_allowed_format_gives_the_same_picture(format: str) -> None:
    picture = read_photo(encoded(four_corners(), format))
    assert picture.format == format
    assert (picture.image.mode, picture.image.size) == ("RGB", (60, 40))
    assert near(picture.image.getpixel((5, 5)), (255, 0, 0), 12)
    assert near(picture.image.getpixel((50, 35)), (255, 255, 255), 12)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_become_white(mode: str) -> None:
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((10, 10, 10, 255), (10, 0, 20, 20))
    picture = read_photo(encoded(image.convert(mode), "PNG"))
    assert "white" in picture.steps
    assert near(picture.image.getpixel((2, 2)), (255, 255, 255))
    assert near(picture.image.getpixel((15, 2)), (10, 10, 10), 12)


def test_half_transparent_is_blended() -> None:
    picture = read_photo(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 128)), "PNG"))
    assert near(picture.image.getpixel((4, 4)), (127, 127, 127))


def test_transparent_color_of_an_rgb_png() -> None:
    picture = read_photo(encoded(Image.new("RGB", (8, 8), (9, 8, 7)), "PNG", transparency=(9, 8, 7)))
    assert near(picture.image.getpixel((4, 4)), (255, 255, 255))


def test_inverted_cmyk_jpeg_keeps_its_colors() -> None:
    picture = read_photo(encoded(four_corners().convert("CMYK"), "JPEG", quality=95))
    assert "cmyk" in picture.steps
    assert near(picture.image.getpixel((5, 5)), (255, 0, 0), 12)
    assert near(picture.image.getpixel((50, 35)), (255, 255, 255), 12)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (8, 1))
    for format in ("PNG", "TIFF"):
        gray = np.asarray(read_photo(encoded(Image.fromarray(ramp), format)).image)[0, :, 0]
        assert gray[0] == 0 and gray[-1] == 255 and abs(int(gray[32]) - 130) <= 2


def test_float_tiff_from_zero_to_one_is_scaled() -> None:
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (8, 1))
    ramp[0, 3] = np.nan
    gray = np.asarray(read_photo(encoded(Image.fromarray(ramp), "TIFF")).image)[4, :, 0]
    assert gray[0] == 0 and gray[-1] == 255 and abs(int(gray[32]) - 130) <= 2


def test_one_bit_and_gray() -> None:
    for mode in ("1", "L"):
        picture = read_photo(encoded(Image.new("L", (16, 16), 255).convert(mode), "PNG"))
        assert picture.image.getpixel((8, 8)) == (255, 255, 255)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_several(format: str) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue", "lime")]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:])
    assert near(read_photo(data).image.getpixel((8, 8)), (255, 0, 0), 12)


def test_progressive_jpeg() -> None:
    picture = read_photo(encoded(four_corners(), "JPEG", progressive=True, quality=95))
    assert near(picture.image.getpixel((5, 5)), (254, 0, 0))


def swapped_profile() -> bytes:
    """An sRGB profile whose red and green primaries are exchanged: every conversion shows."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"tXYZ", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"tXYZ", b"gXYZ", 1)
    return swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


def test_color_profile_is_applied() -> None:
    picture = read_photo(encoded(Image.new("RGB", (16, 16), "red"), "PNG", icc_profile=swapped_profile()))
    assert picture.steps == ("srgb",)
    assert near(picture.image.getpixel((8, 8)), (0, 255, 0), 12)


def test_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read_photo(encoded(Image.new("RGB", (16, 16), (200, 30, 30)), "PNG", icc_profile=profile))
    assert picture.steps == () and picture.image.getpixel((8, 8)) == (200, 30, 30)


@pytest.mark.parametrize("profile", [b"not a profile", b"\0" * 400, b"x" * 5_000_000])
def test_broken_profile_is_ignored_and_said(profile: bytes) -> None:
    picture = read_photo(encoded(Image.new("RGB", (16, 16), (200, 30, 30)), "TIFF", icc_profile=profile))
    assert picture.steps == ("profile-ignored",) and picture.image.getpixel((8, 8)) == (200, 30, 30)


def test_profile_for_another_color_space_is_ignored() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    picture = read_photo(encoded(Image.new("RGB", (16, 16), (200, 30, 30)), "PNG", icc_profile=profile))
    assert picture.steps == ("profile-ignored",)


def test_reduced_decode_keeps_the_side_asked_for() -> None:
    data = encoded(Image.effect_noise((1200, 900), 20).convert("RGB"), "JPEG")
    assert read_photo(data, at_least=224).image.size == (300, 225)
    assert read_photo(data, at_least=230).image.size == (600, 450)
    assert read_photo(data, at_least=1000).image.size == (1200, 900)
    picture = read_photo(data, at_least=1)
    assert picture.image.size == (150, 113) and (picture.width, picture.height) == (1200, 900)


def test_empty() -> None:
    assert reason(b"") == "empty"


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"


@pytest.mark.parametrize("data", [b"hello", b"%PDF-1.7\n", POSTSCRIPT, b"PK\3\4", b"<svg/>", b"\0" * 99])
def test_no_image(data: bytes) -> None:
    assert reason(data) == "not-an-image"


def test_formats_outside_the_list_are_no_images() -> None:
    for format in ("PPM", "TGA", "ICO", "PCX", "JPEG2000"):
        assert reason(encoded(four_corners(), format)) == "not-an-image"


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"at_least": 100}])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_truncated_anywhere_is_refused(format: str, options: dict[str, Any]) -> None:
    noise = Image.effect_noise((300, 240), 60).convert("RGB")
    at_least = options.pop("at_least", None)
    data = encoded(noise, format, **(options if format == "JPEG" else {}))
    for share in (0.01, 0.1, 0.5, 0.9):
        found = reason(data[: int(len(data) * share)], at_least=at_least)
        end_is_known = format in ("JPEG", "PNG", "WEBP", "GIF", "BMP")
        assert found in ({"truncated"} if end_is_known else {"truncated", "damaged"})


def test_cut_jpeg_with_an_end_mark_is_refused() -> None:
    data = encoded(Image.effect_noise((300, 240), 60).convert("RGB"), "JPEG")
    assert reason(data[: len(data) // 2] + b"\xff\xd9") == "truncated"


def test_gray_background_is_not_taken_for_a_cut_file() -> None:
    assert read_photo(encoded(Image.new("RGB", (64, 64), (128, 128, 128)), "JPEG")).image.size == (64, 64)


def huge_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_001, 12_000, 40_000, 2_000_000_000])
def test_too_many_pixels_are_refused_on_the_header(side: int) -> None:
    with pytest.raises(UnreadablePhoto) as caught:
        read_photo(huge_png(side, side))
    assert caught.value.reason == "too-large"


def test_limits_are_the_callers() -> None:
    data = encoded(four_corners(), "PNG")
    assert reason(data, max_pixels=60 * 40 - 1) == "too-large"
    assert reason(data, max_bytes=len(data) - 1) == "too-large"
    assert read_photo(data, max_pixels=60 * 40, max_bytes=len(data)).width == 60


def test_jpeg_of_endless_scans_is_refused() -> None:
    data = encoded(four_corners(), "JPEG", progressive=True)
    at = data.rindex(b"\xff\xda")
    assert reason(data[:at] + data[at:-2] * 200 + data[-2:]) == "too-large"


def test_compressed_text_bomb_is_refused_quickly() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "x" * 50_000_000, zip=True)
    assert reason(encoded(four_corners(), "PNG", pnginfo=text)) == "damaged"


def test_nothing_is_said_on_stderr(tmp_path: Path) -> None:
    """In a process of its own with every warning on: a 9,700×9,700 file and broken EXIF make Pillow warn."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0" + b"\x12\x01\x03\0\xff\xff\xff\xff\x10\0\0\0" * 5
    (tmp_path / "exif.jpg").write_bytes(encoded(four_corners(), "JPEG", exif=exif))
    (tmp_path / "large.png").write_bytes(huge_png(9_700, 9_700))
    code = (
        "import sys\n"
        "from vitrine.errors import UnreadablePhoto\n"
        "from vitrine.intake.photo import read_photo\n"
        "for path in sys.argv[1:]:\n"
        "    try: read_photo(open(path, 'rb').read())\n"
        "    except UnreadablePhoto: pass"
    )
    paths = [str(path) for path in sorted(tmp_path.iterdir())]
    done = subprocess.run(
        [sys.executable, "-W", "always::UserWarning", "-W", "always::RuntimeWarning", "-c", code, *paths],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_files(tmp_path: Path) -> None:
    (tmp_path / "sapato vermelho é 👠.jpg").write_bytes(b"12345")
    assert read_bytes(tmp_path / "sapato vermelho é 👠.jpg", max_bytes=5) == b"12345"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    refused = {
        tmp_path: "not-a-file",
        tmp_path / "pipe": "not-a-file",
        tmp_path / "loop": "symlink-loop",
        tmp_path / "absent.jpg": "missing",
        tmp_path / ("x" * 300): "unreadable",
        tmp_path / "null\0byte": "unreadable",
        Path("/dev/zero"): "not-a-file",
    }
    for path, expected in refused.items():
        with pytest.raises(UnreadablePhoto) as caught:
            read_bytes(path)
        assert caught.value.reason == expected
        assert str(path) in caught.value.message


def test_large_file_is_not_read_whole(tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UnreadablePhoto) as caught:
        read_bytes(tmp_path / "big", max_bytes=1000)
    assert caught.value.reason == "too-large"
