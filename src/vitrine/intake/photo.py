"""Decode untrusted bytes into one upright RGB picture, or say why they are none.

>>> read_photo(b"%PDF-1.7 not a photo")
Traceback (most recent call last):
vitrine.errors.UnreadablePhoto: these 20 bytes are no image: they start with b'%PDF-1.7'
"""

import errno
import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, JpegImagePlugin, UnidentifiedImageError

from vitrine.errors import UnreadablePhoto

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
MAX_PIXELS = 100_000_000
MAX_BYTES = 64 * 1024 * 1024

_MAX_SCANS = 100  # a progressive JPEG has about ten; thousands in a small file keep a core busy for minutes
_MAX_PROFILE = 4 * 1024 * 1024
_ORIENTATION = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {_TRANSPOSE[5], _TRANSPOSE[6], _TRANSPOSE[7], _TRANSPOSE[8]}
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8", b"II*\0", b"MM\0*", b"BM")
_WIDE_MODES = ("I", "F")


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded photo: `image` is upright RGB, `width` and `height` are its size before a reduced decode.

    `steps` says what decoding changed: `orientation`, `srgb`, `profile-ignored`, `white` (alpha), `cmyk`,
    `depth` (more than 8 bits). `tables` are the quantization tables of a JPEG in Pillow's order,
    `subsampling` its chroma mode (-1: unknown).
    """

    image: Image.Image
    format: str
    width: int
    height: int
    steps: tuple[str, ...]
    tables: tuple[tuple[int, ...], ...] | None
    subsampling: int


def read_photo(
    data: bytes, *, at_least: int | None = None, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
) -> Picture:
    """Decode JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF bytes; of an animation or a document, the first frame.

    `at_least` is the shortest side wanted in pixels: a JPEG is then decoded at 1/2, 1/4 or 1/8 where that
    still has it. `max_pixels` is checked on the header, before any pixel is read.
    Above 178,956,970 Pillow itself refuses.

    Raises UnreadablePhoto with the reason `empty`, `not-an-image`, `truncated`, `damaged` or `too-large`.
    """
    if not data:
        raise UnreadablePhoto("the photo is empty (0 bytes)", reason="empty")
    if len(data) > max_bytes:
        raise UnreadablePhoto(f"{len(data):,} bytes is more than {max_bytes:,}", reason="too-large")
    with _failures_named(data), warnings.catch_warnings():
        # Pillow warns about bombs and broken EXIF on stderr; both are dealt with here
        warnings.filterwarnings("ignore", module=r"PIL\b")
        return _decode(data, at_least, max_pixels)


def read_bytes(path: Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a regular file of at most `max_bytes`.

    Raises UnreadablePhoto with the reason `missing`, `not-a-file` (folder, pipe, device), `symlink-loop`,
    `too-large` or `unreadable`.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadablePhoto(f"{path} is a pipe or a device, not a file", reason="not-a-file")
            data = file.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        raise UnreadablePhoto(f"{path}: {_why_not_opened(error)}", reason=_open_reason(error)) from error
    if len(data) > max_bytes:
        raise UnreadablePhoto(f"{path}: more than {max_bytes:,} bytes", reason="too-large")
    return data


def _open_without_waiting(path: str, flags: int) -> int:
    # opening a pipe would otherwise wait for its writer for ever
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _why_not_opened(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _open_reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "missing"
    if isinstance(error, IsADirectoryError):
        return "not-a-file"
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "symlink-loop"
    return "unreadable"


@contextmanager
def _failures_named(data: bytes) -> Iterator[None]:
    try:
        yield
    except UnreadablePhoto:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        pixels = re.search(r"\d+", str(error))
        seen = f"{int(pixels[0]):,} pixels" if pixels else "a picture that does not fit in memory"
        raise UnreadablePhoto(f"the header announces {seen}", reason="too-large") from error
    except UnidentifiedImageError as error:
        raise _unidentified(data) from error
    except Exception as error:  # decoders raise whatever they trip over, from KeyError to zlib.error
        raise _undecodable(data, error) from error


def _unidentified(data: bytes) -> UnreadablePhoto:
    if data.startswith(_MAGIC) or data[4:12] == b"ftypavif":
        return _undecodable(data, ValueError("its header is broken"))
    message = f"these {len(data):,} bytes are no image: they start with {data[:8]!r}"
    return UnreadablePhoto(message, reason="not-an-image")


def _undecodable(data: bytes, error: Exception) -> UnreadablePhoto:
    truncated = _ends_early(data) or "truncated" in str(error).lower()
    reason = "truncated" if truncated else "damaged"
    return UnreadablePhoto(f"{reason} image of {len(data):,} bytes: {error}", reason=reason)


def _ends_early(data: bytes) -> bool:
    """Whether the end mark of the format is missing; asked only after decoding failed."""
    if data.startswith(b"\xff\xd8"):
        return not data.rstrip(b"\0").endswith(b"\xff\xd9")
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-64:]
    if data.startswith(b"GIF8"):
        return not data.endswith(b";")
    if data.startswith(b"RIFF"):
        return len(data) < int.from_bytes(data[4:8], "little") + 8
    if data.startswith(b"BM"):
        return len(data) < int.from_bytes(data[2:6], "little")
    return False


def _decode(data: bytes, at_least: int | None, max_pixels: int) -> Picture:
    image = Image.open(BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > max_pixels:
        message = f"the header announces {width}×{height} pixels, more than {max_pixels:,}"
        raise UnreadablePhoto(message, reason="too-large")
    tables, subsampling = None, -1
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        _refuse_endless_scans(image, data)
        tables = tuple(tuple(image.quantization[key]) for key in sorted(image.quantization))
        subsampling = JpegImagePlugin.get_sampling(image)
        if at_least:
            image.draft(None, (at_least, at_least))
    image.load()
    _refuse_filled_in_rows(image)
    turn = _orientation(image)
    rgb, steps = _to_srgb(image)
    if turn is not None:
        rgb, steps = rgb.transpose(turn), ("orientation", *steps)
        if turn in _SIDEWAYS:
            width, height = height, width
    rgb.info.clear()
    return Picture(rgb, image.format or "", width, height, steps, tables, subsampling)


def _refuse_endless_scans(image: Image.Image, data: bytes) -> None:
    scans = data.count(b"\xff\xda") if image.info.get("progressive") else 1
    if scans > _MAX_SCANS:
        raise UnreadablePhoto(f"a JPEG of {scans:,} scans (at most {_MAX_SCANS})", reason="too-large")


def _refuse_filled_in_rows(image: Image.Image) -> None:
    """Refuse a cut JPEG that was given an end mark: libjpeg fills the rest with gray and says nothing."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or image.mode not in ("RGB", "L"):
        return
    width, height = image.size
    last = image.crop((0, max(0, height - 4), width, height)).getextrema()
    corner = image.getpixel((0, 0))
    filled = (128, 128) if image.mode == "L" else ((128, 128),) * 3
    if last == filled and corner not in (128, (128, 128, 128)):
        raise UnreadablePhoto(f"the last rows of {width}×{height} pixels are missing", reason="truncated")


def _orientation(image: Image.Image) -> Image.Transpose | None:
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:  # a broken EXIF block says nothing about the pixels
        return None
    return _TRANSPOSE.get(value) if isinstance(value, int) else None


def _to_srgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """RGB on white in sRGB, and the steps it took."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith(_WIDE_MODES):
        return _to_eight_bits(image).convert("RGB"), ("depth",)
    if image.has_transparency_data:
        flat = _on_white(image)
        rgb, steps = _apply_profile(flat, profile)
        return rgb, ("white", *steps)
    if image.mode in ("P", "1"):
        image = image.convert("RGB")
    rgb, steps = _apply_profile(image, profile)
    return rgb, (("cmyk", *steps) if image.mode == "CMYK" else steps)


def _on_white(image: Image.Image) -> Image.Image:
    rgba = image.convert("RGBA")
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Gray of 16 or 32 bits or floats as 8 bits, by the range of the type or else by the brightest pixel."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    brightest = float(values.max())
    if image.mode == "F":
        full = next((limit for limit in (1.0, 255.0, 65535.0) if brightest <= limit), brightest)
    else:
        full = 65535.0 if brightest <= 65535.0 else brightest
    return Image.fromarray((np.clip(values, 0, full) * (255.0 / full) + 0.5).astype(np.uint8))


def _apply_profile(image: Image.Image, profile: object) -> tuple[Image.Image, tuple[str, ...]]:
    if not isinstance(profile, bytes) or not profile:
        return image.convert("RGB"), ()
    try:
        transform = _transform(profile[: _MAX_PROFILE + 1], image.mode)
        return (image.convert("RGB"), ()) if transform is None else (_transformed(image, transform), ("srgb",))
    except (ImageCms.PyCMSError, ValueError, OSError):
        return image.convert("RGB"), ("profile-ignored",)


def _transformed(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise ValueError("the profile gave no picture")
    return converted


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """How a profile becomes sRGB, None where it is; kept, because the photos of a shop share a few."""
    if len(profile) > _MAX_PROFILE:
        raise ValueError(f"a color profile of more than {_MAX_PROFILE:,} bytes")
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    if mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).lower():
        return None
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
