"""Whatever the bytes, cleaning gives a clean photo or says why not, quickly and in bounded memory."""

import random
import resource
import struct
import time
import zlib
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from vitrine.errors import UnreadablePhoto
from vitrine.intake.clean import Cleaning, CleanPhoto, clean

REASONS = {"empty", "not-an-image", "truncated", "damaged", "too-large"}
SECONDS = 5.0


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@lru_cache
def originals() -> tuple[bytes, ...]:
    """Good photos of every format and oddity, small enough to be mutated by the thousand."""
    rng = np.random.default_rng(7)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    image = coarse.resize((120, 90), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SECRET"
    exif.get_ifd(0x8825)[29] = "SECRET"
    ramp = np.tile(np.linspace(0, 65535, 120).astype(np.uint16), (90, 1))
    return (
        encoded(image, "JPEG", exif=exif),
        encoded(image, "JPEG", progressive=True, quality=95, comment=b"SECRET"),
        encoded(image.convert("L"), "JPEG"),
        encoded(image.convert("CMYK"), "JPEG"),
        encoded(image, "MPO", save_all=True, append_images=[image.rotate(180)]),
        encoded(image, "PNG", exif=exif),
        encoded(image.convert("RGBA"), "PNG"),
        encoded(image.convert("P"), "PNG", transparency=3),
        encoded(image.convert("1"), "PNG"),
        encoded(Image.fromarray(ramp), "PNG"),
        encoded(image, "PNG", save_all=True, append_images=[image.rotate(180)]),
        encoded(image, "WEBP", exif=exif, save_all=True, append_images=[image.rotate(180)]),
        encoded(image, "WEBP", lossless=True),
        encoded(image, "GIF", save_all=True, append_images=[image.rotate(180)]),
        encoded(image, "TIFF", compression="tiff_lzw", exif=exif),
        encoded(image, "TIFF", compression="tiff_adobe_deflate"),
        encoded(image, "TIFF", compression="jpeg"),
        encoded(Image.fromarray((ramp / 65535).astype(np.float32)), "TIFF"),
        encoded(image, "BMP"),
        encoded(image, "AVIF", exif=exif),
    )


def flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def header_overwritten(data: bytes, rng: random.Random) -> bytes:
    """Sizes, counts and offsets live in the first bytes: put extreme numbers there."""
    at = rng.randrange(min(len(data), 400))
    extreme = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x9c\x40\x9c\x40", b"\0\0\x9c\x40"))
    return data[:at] + extreme + data[at + 4 :]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def cut_and_closed(data: bytes, rng: random.Random) -> bytes:
    return cut(data, rng) + data[-12:]


def hole(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 200) :]


def doubled(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start : start + 300] * rng.randrange(2, 20) + data[start:]


def zeroed(data: bytes, rng: random.Random) -> bytes:
    start, length = rng.randrange(len(data)), rng.randrange(1, 500)
    return (data[:start] + b"\0" * length + data[start + length :])[: len(data)]


def polyglot(data: bytes, rng: random.Random) -> bytes:
    other = rng.choice((b"PK\x03\x04SECRET", b"%PDF-1.7 SECRET", b"<script>SECRET</script>", b"GIF89a", b"\x7fELF"))
    return other + data if rng.random() < 0.3 else data + other * 20


def spliced(data: bytes, rng: random.Random) -> bytes:
    other = rng.choice(originals())
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


MUTATIONS = (flipped, header_overwritten, cut, cut_and_closed, hole, doubled, zeroed, polyglot, spliced)


def outcome(data: bytes) -> CleanPhoto | UnreadablePhoto:
    """What cleaning says, after checking what must hold whatever it is."""
    started = time.process_time()
    try:
        cleaned = clean(data, Cleaning(max_side=96))
    except UnreadablePhoto as refused:
        assert refused.reason in REASONS and refused.message
        return refused
    finally:
        assert time.process_time() - started < SECONDS
    image = Image.open(BytesIO(cleaned.data))
    image.load()
    assert image.format == "JPEG" and image.size == (cleaned.width, cleaned.height)
    assert max(image.size) <= 96 and not image.getexif() and b"SECRET" not in cleaned.data
    return cleaned


def run_mutations(count: int, seed: int) -> int:
    """Mutate `count` times; how many were still photos."""
    rng = random.Random(seed)
    photos = 0
    for _ in range(count):
        mutation, original = rng.choice(MUTATIONS), rng.choice(originals())
        photos += isinstance(outcome(mutation(original, rng)), CleanPhoto)
    return photos


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_originals_are_photos() -> None:
    for data in originals():
        assert isinstance(outcome(data), CleanPhoto)


def test_mutated_files_are_cleaned_or_refused() -> None:
    before = peak_megabytes()
    photos = run_mutations(600, seed=20)
    assert 60 < photos < 540
    assert peak_megabytes() - before < 600


@pytest.mark.long
def test_ten_thousand_mutated_files() -> None:
    before = peak_megabytes()
    assert 1_000 < run_mutations(10_000, seed=1) < 9_000
    assert peak_megabytes() - before < 600


MAGIC = (b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF89a", b"II*\0", b"BM")


@given(st.binary(max_size=300), st.sampled_from(MAGIC))
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_refused(data: bytes, magic: bytes) -> None:
    assert isinstance(outcome(magic + data), UnreadablePhoto)


def png(width: int, height: int, body: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    parts = (header, *extra, (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in parts)


@lru_cache
def bombs() -> dict[str, bytes]:
    """Small files that ask for a lot."""
    megabytes = zlib.compress(b"\0" * 100_000_000, 9)
    jpeg = bytearray(encoded(Image.new("RGB", (16, 16)), "JPEG"))
    size_at = jpeg.index(b"\xff\xc0") + 5
    jpeg[size_at : size_at + 4] = struct.pack(">HH", 40_000, 40_000)
    gif = bytearray(encoded(Image.new("P", (16, 16)), "GIF"))
    gif[6:10] = struct.pack("<HH", 40_000, 40_000)
    bmp = bytearray(encoded(Image.new("RGB", (16, 16)), "BMP"))
    bmp[18:26] = struct.pack("<ii", 40_000, 40_000)
    return {
        "png 40,000": png(40_000, 40_000, zlib.compress(b"\0")),
        "jpeg 40,000": bytes(jpeg),
        "gif 40,000": bytes(gif),
        "bmp 40,000": bytes(bmp),
        "pixels for another size": png(16, 16, megabytes),
        "text bomb": png(16, 16, zlib.compress(b"\0" * 272), (b"iTXt", b"a\0\1\0\0\0" + megabytes)),
        "profile bomb": png(16, 16, zlib.compress(b"\0" * 272), (b"iCCP", b"a\0\0" + megabytes)),
        "zip": b"PK\x03\x04" + megabytes,
    }


@pytest.mark.parametrize("name", list(bombs()))
def test_bombs_cost_little(name: str) -> None:
    before, started = peak_megabytes(), time.process_time()
    found = outcome(bombs()[name])
    assert time.process_time() - started < 2.0 and peak_megabytes() - before < 300
    if "40,000" in name:
        assert isinstance(found, UnreadablePhoto) and found.reason == "too-large"


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    frame=st.integers(0, 40),
    max_side=st.sampled_from([0, 64, 200]),
)
@settings(max_examples=60, deadline=None)
def test_cleaning_twice_changes_no_geometry(seed: int, size: tuple[int, int], frame: int, max_side: int) -> None:
    rng = np.random.default_rng(seed)
    grid = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    first = clean(encoded(ImageOps.expand(grid, frame, "black"), "PNG"), Cleaning(max_side=max_side))
    second = clean(first.data, Cleaning(max_side=max_side))
    assert (second.width, second.height) == (first.width, first.height)
    assert not {"border", "resize", "orientation"} & set(second.steps)
