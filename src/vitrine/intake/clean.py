"""Clean a photo: upright, sRGB on white, without frame and noise, no larger than needed, nothing private left in it.

>>> Cleaning(max_side=256).contract_id == Cleaning(max_side=512).contract_id
False
>>> clean(b"", Cleaning())
Traceback (most recent call last):
vitrine.errors.UnreadablePhoto: the photo is empty (0 bytes)
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from vitrine.intake.photo import Picture, read_photo

CODE_VERSION = 1  # raise it when the same settings start to give other pixels

_PLAIN = 12  # gray levels a plain line may differ from its color: JPEG ringing beside the edge of a frame
_STEP = 24
_STRAIGHT = 0.8
_BLUR = 3  # lines over which a resized photo smears the edge of its frame
_MAX_BANDS = 4
_MIN_KEPT = 0.1
_MIN_SIDE = 16
_BLOCK = 16
_CALMEST = 0.1
_NOISY = 4.5

Box = tuple[int, int, int, int]
Pixels = NDArray[np.uint8]  # height × width × 3


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What to do to a photo; `max_side` in pixels (0 keeps the size), `quality` of a JPEG that had to change size."""

    border: bool = True
    noise: bool = True
    max_side: int = 512
    quality: int = 90

    @property
    def contract_id(self) -> str:
        """Changes with every setting and with the code: vectors of differently cleaned photos do not mix."""
        text = json.dumps({"code": CODE_VERSION, **asdict(self)}, sort_keys=True)
        return f"cl-{sha256(text.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class CleanPhoto:
    """The cleaned photo as JPEG `data` without any metadata, and what was done, in order.

    `steps` come from reading (`orientation`, `srgb`, `profile-ignored`, `white`, `depth`, `cmyk`) and cleaning
    (`border`, `resize`, `noise`); `width_before` and `height_before` are upright.
    """

    data: bytes
    width: int
    height: int
    steps: tuple[str, ...]
    bytes_before: int
    bytes_after: int
    width_before: int
    height_before: int


def clean(data: bytes, cleaning: Cleaning) -> CleanPhoto:
    """Clean one photo; the same bytes and settings give the same bytes.

    A photo that keeps its size is saved with the quantization tables it came with, so that little is lost.

    Raises UnreadablePhoto (see `read_photo`).
    """
    picture, box = _read_inside_frame(data, cleaning)
    inside = picture.image.crop(box) if box else picture.image
    image = _shrunk(inside, cleaning.max_side)
    denoised = remove_noise(image) if cleaning.noise else None
    scaled = image is not inside or picture.image.size != (picture.width, picture.height)
    steps = (("border", box), ("resize", scaled), ("noise", denoised))
    encoded = _encoded(denoised or image, picture, cleaning.quality, scaled)
    return CleanPhoto(
        data=encoded,
        width=image.width,
        height=image.height,
        steps=(*picture.steps, *(name for name, done in steps if done)),
        bytes_before=len(data),
        bytes_after=len(encoded),
        width_before=picture.width,
        height_before=picture.height,
    )


def _read_inside_frame(data: bytes, cleaning: Cleaning) -> tuple[Picture, Box | None]:
    picture = read_photo(data, at_least=cleaning.max_side or None)
    box = find_frame(picture.image) if cleaning.border else None
    reduced = picture.image.size != (picture.width, picture.height)
    if box and reduced and max(box[2] - box[0], box[3] - box[1]) < cleaning.max_side:
        picture = read_photo(data)  # a thick frame leaves too little of a reduced decode
        box = find_frame(picture.image)
    return picture, box


def find_frame(image: Image.Image) -> Box | None:
    """The box inside a frame, letterbox or passe-partout of plain color, or None where there is none.

    A frame has plain lines of one color on two opposite sides (or all four), and along both the picture begins with a
    straight step over nearly the whole line. A margin around an object begins with a few pixels of the object: it stays.
    """
    pixels = np.asarray(image)
    box = (0, 0, image.width, image.height)
    for _ in range(_MAX_BANDS):
        inner = _inside_one_band(pixels[box[1] : box[3], box[0] : box[2]])
        if inner is None:
            break
        box = (box[0] + inner[0], box[1] + inner[1], box[0] + inner[2], box[1] + inner[3])
    else:
        return None  # stripes: cutting would go on until nothing is left
    kept = (box[2] - box[0]) * (box[3] - box[1]) / (image.width * image.height)
    return box if _MIN_KEPT <= kept < 1 else None


def _inside_one_band(pixels: Pixels) -> Box | None:
    top, bottom = _plain_depths(pixels)
    left, right = _plain_depths(pixels.swapaxes(0, 1))
    height, width = pixels.shape[:2]
    if top + bottom > height - _MIN_SIDE or left + right > width - _MIN_SIDE:
        return None
    rows = _stepped(pixels[:, left : width - right], top, bottom)
    columns = _stepped(pixels[top : height - bottom].swapaxes(0, 1), left, right)
    letterbox = (rows and not left + right) or (columns and not top + bottom)
    if not letterbox and not (rows and columns):
        return None  # the plain color goes on inside the box: a margin around an object with a straight edge
    (top, bottom), (left, right) = rows or (0, 0), columns or (0, 0)
    return left, top, width - right, height - bottom


def _plain_depths(lines: Pixels) -> tuple[int, int]:
    """How many lines at the start and at the end are plain and of the same color; (0, 0) unless both sides have some."""
    color = _middle(lines[0])
    if _off(lines[[0, -1]], color, _PLAIN).any():
        return 0, 0
    inner = np.flatnonzero(_off(lines, color, _PLAIN).any(axis=(1, 2)))
    return (int(inner[0]), len(lines) - 1 - int(inner[-1])) if len(inner) else (len(lines), 0)


def _middle(line: NDArray[np.uint8]) -> NDArray[np.int16]:
    return np.sort(line, axis=0)[len(line) // 2].astype(np.int16)


def _off(lines: Pixels, color: NDArray[np.int16], limit: int) -> NDArray[np.bool_]:
    """Which channels of which pixels differ from `color` by more than `limit`."""
    low, high = np.maximum(color - limit, 0), np.minimum(color + limit, 255)
    # wrapping around below `low` makes one comparison of two
    return np.asarray((lines - low.astype(np.uint8)) > (high - low).astype(np.uint8))


def _stepped(lines: Pixels, start: int, end: int) -> tuple[int, int] | None:
    """The two depths moved to where the picture really begins, or None where either side has no straight step."""
    if not start or not end:
        return None
    color = _middle(lines[0])
    first, last = _step(lines[start : start + _BLUR], color), _step(lines[::-1][end : end + _BLUR], color)
    return None if first is None or last is None else (start + first, end + last)


def _step(lines: Pixels, color: NDArray[np.int16]) -> int | None:
    share = _off(lines, color, _STEP).any(axis=2).mean(axis=1)
    found = np.flatnonzero(share >= _STRAIGHT)
    return int(found[0]) if len(found) else None


def noise_level(image: Image.Image) -> float:
    """Standard deviation of the noise in gray levels, as seen in the calmest tenth of the picture's 16×16 blocks.

    The estimate inside a block is Immerkær's (Fast Noise Variance Estimation, CVIU 64(2), 1996). Noise is everywhere and
    texture is not, so suede in front of a calm background counts as none; noise clipped by a white background counts
    for about a third, because half of it is cut off and JPEG smooths the rest.
    """
    gray = np.asarray(image.convert("L")).astype(np.int16)
    if min(gray.shape) < _BLOCK + 2:
        return 0.0
    across = gray[:, :-2] - 2 * gray[:, 1:-1] + gray[:, 2:]
    response = np.abs(across[:-2] - 2 * across[1:-1] + across[2:])
    rows, columns = response.shape[0] // _BLOCK, response.shape[1] // _BLOCK
    blocks = response[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    return float(np.quantile(blocks.mean(axis=(1, 3)), _CALMEST)) * (np.pi / 2) ** 0.5 / 6


def remove_noise(image: Image.Image) -> Image.Image | None:
    """The picture without its noise, or None where there is too little to do any good."""
    if noise_level(image) < _NOISY:
        return None
    return image.filter(ImageFilter.MedianFilter(3))


def _shrunk(image: Image.Image, max_side: int) -> Image.Image:
    if not max_side or max(image.size) <= max_side:
        return image
    scale = max_side / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BILINEAR)


def _encoded(image: Image.Image, picture: Picture, quality: int, scaled: bool) -> bytes:
    buffer = BytesIO()
    if picture.tables and not scaled:
        subsampling = picture.subsampling if picture.subsampling >= 0 else 0
        image.save(buffer, "JPEG", qtables=list(picture.tables), subsampling=subsampling, optimize=True)
    else:
        image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()
