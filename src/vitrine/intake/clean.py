"""Clean a photo: upright sRGB on white, no frame, no noise, no larger than needed, nothing private.

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
from PIL import Image, ImageChops, ImageFilter
from scipy.fft import dctn, idctn

from vitrine.errors import InputError
from vitrine.intake.photo import Picture, read_photo

CODE_VERSION = 2  # raise it when the same settings start to give other pixels

_PLAIN = 12  # gray levels a plain line may differ from its color: JPEG ringing beside the edge of a frame
_STEP = 24
_STRAIGHT = 0.8
_BLUR = 3  # lines over which a resized photo smears the edge of its frame
_MAX_BANDS = 4
_MIN_KEPT = 0.1
_MIN_SIDE = 16
_BLOCK = 16
_CALMEST = 0.1
_NOISY = 4.5  # a third of the noise that costs accuracy; 1 % of clean phone photos reach 2.5
_SPECKLED = 0.012  # gravel and glitter reach 0.011, 4 % of speckles start at 0.019
_COLORED = 0.6  # textured real photos reach 0.44, grain of sigma 25 starts at 0.99
_THRESHOLD = 2.7
_CHANNEL = 1.5  # luminance averages three channels: independent noise of 1 shows as 0.67

Box = tuple[int, int, int, int]
Pixels = NDArray[np.uint8]  # height × width × 3


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What to do to a photo; `max_side` in pixels (0: as it is), `quality` of a JPEG of another size.

    A large JPEG is decoded at a half, a quarter or an eighth where that leaves three quarters of `max_side`:
    to decode more and scale it down costs four times the time and shows nothing that anyone looks for.
    """

    border: bool = True
    noise: bool = True
    max_side: int = 640
    quality: int = 90

    def __post_init__(self) -> None:
        if self.max_side < 0 or not 1 <= self.quality <= 95:
            message = f"max_side={self.max_side}, quality={self.quality} is no cleaning"
            raise InputError(message, hint="max_side is 0 or more pixels, quality 1 to 95")

    @property
    def contract_id(self) -> str:
        """Changes with every setting and with the code: vectors of differently cleaned photos do not mix."""
        text = json.dumps({"code": CODE_VERSION, **asdict(self)}, sort_keys=True)
        return f"cl-{sha256(text.encode()).hexdigest()[:12]}"

    @property
    def least_side(self) -> int:
        """The shortest side in pixels that a reduced decode must leave; 0 where photos keep their size."""
        return -(-3 * self.max_side // 4)


@dataclass(frozen=True, slots=True)
class CleanPhoto:
    """The cleaned photo as `image` and as JPEG `data` without any metadata, and what was done, in order.

    `steps` come from reading (see `Picture`) and from cleaning: `border`, `resize`, `noise`.
    `width_before` and `height_before` are upright.
    """

    image: Image.Image
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
    cleaned = denoised or image
    scaled = image is not inside or picture.image.size != (picture.width, picture.height)
    steps = (("border", box), ("resize", scaled), ("noise", denoised))
    encoded = _encoded(cleaned, picture, cleaning.quality, scaled)
    return CleanPhoto(
        image=cleaned,
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
    picture = read_photo(data, at_least=cleaning.least_side or None)
    box = find_frame(picture.image) if cleaning.border else None
    reduced = picture.image.size != (picture.width, picture.height)
    if box and reduced and max(box[2] - box[0], box[3] - box[1]) < cleaning.least_side:
        picture = read_photo(data)  # a thick frame leaves too little of a reduced decode
        box = find_frame(picture.image)
    return picture, box


def find_frame(image: Image.Image) -> Box | None:
    """The box inside a frame, letterbox or passe-partout of plain color, or None where there is none.

    A frame has plain lines of one color on two opposite sides (or all four), and along both the picture
    begins with a straight step over most of the line. A margin around an object begins with a few pixels
    of the object, and stays.
    """
    pixels = np.asarray(image)
    box = (0, 0, image.width, image.height)
    for _ in range(_MAX_BANDS):
        inner = _inside_one_band(np.ascontiguousarray(pixels[box[1] : box[3], box[0] : box[2]]))
        if inner is None:
            break
        box = (box[0] + inner[0], box[1] + inner[1], box[0] + inner[2], box[1] + inner[3])
    else:
        return None  # stripes: cutting would go on until nothing is left
    kept = (box[2] - box[0]) * (box[3] - box[1]) / (image.width * image.height)
    return box if _MIN_KEPT <= kept < 1 else None


def _inside_one_band(pixels: Pixels) -> Box | None:
    height, width = pixels.shape[:2]
    left, top, right, bottom = _plain_margins(pixels)
    if top + bottom > height - _MIN_SIDE or left + right > width - _MIN_SIDE:
        return None
    turned = pixels.swapaxes(0, 1)
    rows = _stepped(pixels[:, left : width - right], top, bottom)
    columns = _stepped(turned[:, top : height - bottom], left, right)
    letterbox = (rows and not left + right) or (columns and not top + bottom)
    if not letterbox and not (rows and columns):
        return None  # the plain color goes on inside the box: a margin around an object with a straight edge
    (top, bottom), (left, right) = rows or (0, 0), columns or (0, 0)
    return left, top, width - right, height - bottom


def _plain_margins(pixels: Pixels) -> Box:
    """How far plain lines of one color reach in from the left, top, right and bottom; 0 unless both ends are plain."""
    across, down = _plain_color(pixels[[0, -1]]), _plain_color(pixels[:, [0, -1]].swapaxes(0, 1))
    rows = _unlike_lines(pixels, across) if across else (None, None)
    # most frames have one color all around, and looking at every pixel once is the costly part
    columns = rows if down == across else _unlike_lines(pixels, down) if down else (None, None)
    (left, right), (top, bottom) = _ends(columns[1]), _ends(rows[0])
    return left, top, right, bottom


def _plain_color(ends: Pixels) -> tuple[int, int, int] | None:
    """The color of the first and last line, (2, length, 3), or None where they are not plain."""
    color = _middle(ends[0])
    if _off(ends, color, _PLAIN).any():
        return None
    return int(color[0]), int(color[1]), int(color[2])


def _unlike_lines(pixels: Pixels, color: tuple[int, int, int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows and which columns have a pixel that is not of `color`."""
    height, width = pixels.shape[:2]
    # one long line a row: with three channels innermost the comparison takes ten times as long
    off = _off(pixels.reshape(height, 3 * width), np.tile(np.array(color, np.int16), width), _PLAIN)
    columns = off.any(axis=0).reshape(width, 3)
    return np.asarray(off.any(axis=1)), np.asarray(columns.any(axis=1))


def _ends(unlike: NDArray[np.bool_] | None) -> tuple[int, int]:
    """How many lines before the first and after the last unlike one: all, both times, where there is none."""
    if unlike is None:
        return 0, 0
    found = np.flatnonzero(unlike)
    return (int(found[0]), len(unlike) - 1 - int(found[-1])) if len(found) else (len(unlike), len(unlike))


def _middle(line: NDArray[np.uint8]) -> NDArray[np.int16]:
    middle: NDArray[np.int16] = np.sort(line, axis=0)[len(line) // 2].astype(np.int16)
    return middle


def _off(lines: Pixels, color: NDArray[np.int16], limit: int) -> NDArray[np.bool_]:
    """Which channels of which pixels differ from `color` by more than `limit`."""
    low, high = np.maximum(color - limit, 0), np.minimum(color + limit, 255)
    # wrapping around below `low` makes one comparison of two
    return np.asarray((lines - low.astype(np.uint8)) > (high - low).astype(np.uint8))


def _stepped(lines: Pixels, start: int, end: int) -> tuple[int, int] | None:
    """The two depths moved to where the picture begins, or None where either side has no straight step."""
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
    """Standard deviation of the luminance noise in gray levels, from the calmest tenth of the blocks.

    Noise is everywhere and texture is not, so suede in front of a calm background counts as none.
    Noise clipped by white counts for about a third: half of it is cut off, and JPEG smooths the rest.
    """
    blocks, _ = _block_noise(np.asarray(image.convert("L")))
    return float(np.quantile(blocks, _CALMEST)) if blocks.size else 0.0


def _block_noise(gray: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Noise and mean of each 16×16 block; the noise is Immerkær's fast estimate (CVIU 64(2), 1996)."""
    rows, columns = (gray.shape[0] - 2) // _BLOCK, (gray.shape[1] - 2) // _BLOCK
    if rows < 1 or columns < 1:
        return np.empty(0), np.empty(0)
    levels = gray[: rows * _BLOCK + 2, : columns * _BLOCK + 2].astype(np.int16)
    across = levels[:, :-2] - 2 * levels[:, 1:-1] + levels[:, 2:]
    response = np.abs(across[:-2] - 2 * across[1:-1] + across[2:])
    return _block_means(response) * ((np.pi / 2) ** 0.5 / 6), _block_means(levels[1:-1, 1:-1])


def _block_means(levels: NDArray[np.int16]) -> NDArray[np.float64]:
    rows, columns = levels.shape[0] // _BLOCK, levels.shape[1] // _BLOCK
    # whole rows first: summing sixteen neighbors at a time is five times slower
    bands = levels.reshape(rows, _BLOCK, columns * _BLOCK).sum(axis=1, dtype=np.int32)
    means: NDArray[np.float64] = bands.reshape(rows, columns, _BLOCK).sum(axis=2) / _BLOCK**2
    return means


def remove_noise(image: Image.Image) -> Image.Image | None:
    """The picture without its noise, or None where there is too little of it to do any good.

    Speckle goes through a 3×3 median, grain through DCT shrinkage: a median on grain costs accuracy.
    """
    if noise_level(image) < _NOISY:
        return None
    smooth = image.filter(ImageFilter.MedianFilter(3))
    if _is_speckled(image, smooth):
        return smooth
    return _shrink_grain(image) if _is_grainy(image) else None


def _is_speckled(image: Image.Image, smooth: Image.Image) -> bool:
    """Whether pixels far from their neighbors are black or white, as no sensor's grain is."""
    gray = np.asarray(image.convert("L"))
    far = np.asarray(ImageChops.difference(image, smooth).convert("L")) > 60
    return bool(np.mean(far & ((gray < 40) | (gray > 215))) > _SPECKLED)


def _is_grainy(image: Image.Image) -> bool:
    """Whether the color is noisy too: the texture of asphalt or carpet is in the luminance alone."""
    halved = image.reduce(2).convert("YCbCr")
    blocks = (_block_noise(np.asarray(halved.getchannel(channel)))[0] for channel in ("Cb", "Cr"))
    return any(noise.size and np.quantile(noise, _CALMEST) > _COLORED for noise in blocks)


def _shrink_grain(image: Image.Image) -> Image.Image:
    """Hard threshold on the DCT of 8×8 blocks, averaged over four shifts (Coifman and Donoho, 1995)."""
    pixels = np.asarray(image, dtype=np.float32)
    height, width = pixels.shape[:2]
    threshold = _THRESHOLD * _grain(image)
    total = np.zeros_like(pixels)
    for down, right in ((0, 0), (4, 4), (2, 6), (6, 2)):
        margins = ((down, (-height - down) % 8), (right, (-width - right) % 8), (0, 0))
        padded = np.pad(pixels, margins, mode="symmetric")
        tiles = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8, 3)
        waves = dctn(tiles, axes=(1, 3), norm="ortho")
        kept = np.abs(waves) > threshold
        kept[:, 0, :, 0] = True
        calm = idctn(waves * kept, axes=(1, 3), norm="ortho").reshape(padded.shape)
        total += calm[down : down + height, right : right + width]
    return Image.fromarray(np.clip(total / 4 + 0.5, 0, 255).astype(np.uint8))


def _grain(image: Image.Image) -> float:
    """Standard deviation of the noise in one channel, from blocks too gray to be clipped."""
    noise, mean = _block_noise(np.asarray(image.convert("L")))
    unclipped = noise[(mean > 30) & (mean < 225)]
    return _CHANNEL * float(np.quantile(unclipped if unclipped.size else noise, 0.25))


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
        # no `optimize`: it saves 7 % of the bytes and doubles the time
        image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
