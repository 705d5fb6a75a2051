"""Find photos that are the same picture: a hash of the foreground proposes, a look at it confirms.

White backgrounds fool hashes of whole pictures, so both the hash and the look see only the foreground, in a
window laid around it by its center and spread (which a crop, a resize or another encoder hardly moves). A
colorway of one shape is no twin, nor is a mirror image: a shoe's other side is another view.

>>> import numpy as np
>>> shoe = np.full((120, 160, 3), 255, np.uint8)
>>> shoe[60:90, 20:140], shoe[30:60, 90:140] = (160, 20, 30), (90, 10, 20)
>>> blue = shoe[:, :, ::-1].copy()
>>> cropped = shoe[4:, :156]
>>> prints = [fingerprint(picture) for picture in (shoe, cropped, blue)]
>>> [(twin.photo_a, twin.photo_b) for twin in twins(["shoe", "cropped", "blue"], prints)]
[('cropped', 'shoe')]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops
from scipy.fft import dctn
from scipy.ndimage import convolve1d, uniform_filter

from vitrine.errors import InputError
from vitrine.records import Twin

FloatArray = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SIDE = 32  # luminance pixels a side
CHROMA = 16  # chroma pixels a side: half, as in JPEG, which also keeps no more
BITS = 144  # signs of the 12 × 12 lowest frequencies
_PARTS = (BITS // 8, SIDE * SIDE // 8, SIDE * SIDE, CHROMA * CHROMA, CHROMA * CHROMA)
_ENDS = np.cumsum(_PARTS)
SIZE = int(_ENDS[-1])  # 1,682 bytes a photo: 202 MB for 120,000

MAX_DISTANCE = 11  # of 144 bits
MAX_TINT = 6  # levels of chroma between whole foregrounds: spares the costly look at most colorways
NEAR = 0.955
EXACT = 0.985
_GAIN = 1.18  # two brightenings by a tenth of one picture, against each other
_TILE = 4096


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a photo to know its twins: `SIZE` bytes of hash, mask, luminance and chroma."""

    data: bytes

    def to_bytes(self) -> bytes:
        """The bytes to store."""
        return self.data

    @classmethod
    def from_bytes(cls, data: bytes) -> "Fingerprint":
        """Back from storage; raises `InputError` for bytes of another length."""
        if len(data) != SIZE:
            raise InputError(f"a fingerprint has {SIZE} bytes, not {len(data)}", hint="ingest the photo again")
        return cls(data)


def fingerprint(image: Bytes) -> Fingerprint:
    """Fingerprint of an upright RGB photo, (height, width, 3) uint8, of any size from 8 × 8 pixels.

    Raises `InputError` for another shape or type.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or min(image.shape[:2]) < 8:
        raise InputError(
            f"a photo is (height, width, 3) uint8 of 8 pixels a side or more, not {image.shape} {image.dtype}"
        )
    image = _smaller(image)
    background = _background(image)
    mask = _foreground(image, background)
    window = _window(mask)
    small = _look(image, background, window).convert("YCbCr")
    mask_bits = np.asarray(_look((mask * 255).astype(np.uint8), np.zeros(1), window)) > 51
    luminance = np.asarray(small)[:, :, 0]
    chroma = np.asarray(small.resize((CHROMA, CHROMA), Image.Resampling.BOX))[:, :, 1:]
    signs = dctn(luminance.astype(np.float32), norm="ortho")[:12, :12] > 0
    parts = (np.packbits(signs), np.packbits(mask_bits), luminance, chroma[:, :, 0], chroma[:, :, 1])
    return Fingerprint(b"".join(np.ascontiguousarray(part).tobytes() for part in parts))


@dataclass(slots=True)
class Index:
    """Fingerprints of photos already seen; row i of `rows`, (photos, SIZE), belongs to `photo_ids[i]`."""

    photo_ids: list[str] = field(default_factory=list)
    rows: Bytes = field(default_factory=lambda: np.empty((0, SIZE), np.uint8))

    def add(self, photo_ids: Sequence[str], fingerprints: Sequence[Fingerprint]) -> None:
        """Append; raises `InputError` when there is not one fingerprint a photo, or one is there already."""
        if len(photo_ids) != len(fingerprints):
            raise InputError(f"{len(photo_ids)} photos but {len(fingerprints)} fingerprints")
        twice = set(photo_ids) & set(self.photo_ids)
        if twice or len(set(photo_ids)) < len(photo_ids):
            raise InputError(f"photo {min(twice) if twice else 'ids'} would stand in the index twice")
        new = np.frombuffer(b"".join(print_.data for print_ in fingerprints), np.uint8).reshape(-1, SIZE)
        self.rows = np.concatenate([self.rows, new])
        self.photo_ids.extend(photo_ids)


def twins(photo_ids: Sequence[str], fingerprints: Sequence[Fingerprint]) -> list[Twin]:
    """All twins among these photos, each pair once with photo_a < photo_b, sorted.

    Every hash meets every other: memory grows with the photos, time with their square. Raises as `Index.add`.
    """
    return near(photo_ids, fingerprints, Index())


def near(photo_ids: Sequence[str], fingerprints: Sequence[Fingerprint], index: Index) -> list[Twin]:
    """Twins of new photos among themselves and with those of `index`, to which the new ones are then added.

    So an ingest that adds 100 photos to 120,000 compares those 100 with all, and a pair is reported once.
    """
    known = len(index.photo_ids)
    index.add(photo_ids, fingerprints)
    found: list[Twin] = []
    for a, b in _candidates(index.rows, known):
        scores = _scores(index.rows[a], index.rows[b])
        for row_a, row_b, score in zip(a.tolist(), b.tolist(), scores.tolist(), strict=True):
            if score >= NEAR:
                first, second = sorted((index.photo_ids[row_a], index.photo_ids[row_b]))
                found.append(Twin(first, second, "exact" if score >= EXACT else "near", round(score, 4)))
    return sorted(found, key=lambda twin: (twin.photo_a, twin.photo_b))


def _smaller(image: Bytes) -> Bytes:
    # Four pixels for each one kept are plenty, and a photo of 1,200 pixels would cost 100 ms.
    factor = max(image.shape[:2]) // 200
    return np.asarray(Image.fromarray(image).reduce(factor)) if factor > 1 else image


def _background(image: Bytes) -> NDArray[np.float64]:
    edge = max(1, round(0.02 * min(image.shape[:2])))
    sides = (image[:edge], image[-edge:], image[:, :edge], image[:, -edge:])
    median: NDArray[np.float64] = np.median(np.concatenate([side.reshape(-1, 3) for side in sides]), axis=0)
    return median


def _foreground(image: Bytes, background: NDArray[np.float64]) -> FloatArray:
    picture = Image.fromarray(image)
    plain = Image.new("RGB", picture.size, tuple(round(level) for level in background.tolist()))
    red, green, blue = ImageChops.difference(picture, plain).split()
    distance = np.asarray(ImageChops.lighter(ImageChops.lighter(red, green), blue))
    mask: FloatArray = _SOFT[distance]
    return mask if mask.mean() > 0.004 else np.ones_like(mask)


# Soft, so that a little noise or another JPEG quality does not switch pixels on and off.
_SOFT = np.clip((np.arange(256, dtype=np.float32) - 8) / 32, 0, 1)


def _window(mask: FloatArray) -> tuple[float, float, float, float]:
    """Left, top, right, bottom: the mask's center ± two standard deviations, in pixels, perhaps outside."""
    spans = []
    for axis in (0, 1):
        weight = mask.sum(axis=axis, dtype=np.float64)
        weight /= weight.sum()
        at = np.arange(len(weight)) + 0.5
        center = float(weight @ at)
        reach = max(2 * float(np.sqrt(weight @ (at - center) ** 2)), 2.0)
        spans.append((center - reach, center + reach))
    (left, right), (top, bottom) = spans
    return left, top, right, bottom


def _look(pixels: Bytes, background: NDArray[np.float64], window: tuple[float, float, float, float]) -> Image.Image:
    height, width = pixels.shape[:2]
    left, top, right, bottom = window
    pad_x = int(np.ceil(max(0.0, -left, right - width)))
    pad_y = int(np.ceil(max(0.0, -top, bottom - height)))
    padded = np.empty((height + 2 * pad_y, width + 2 * pad_x, *pixels.shape[2:]), np.uint8)
    padded[:] = background if pixels.ndim == 3 else 0
    padded[pad_y : pad_y + height, pad_x : pad_x + width] = pixels
    box = (left + pad_x, top + pad_y, right + pad_x, bottom + pad_y)
    return Image.fromarray(padded).resize((SIDE, SIDE), Image.Resampling.HAMMING, box=box)


def _candidates(rows: Bytes, known: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Row numbers of pairs, at least one of them new, of like hash and tint; at most 1,000 at a time."""
    signs = np.unpackbits(rows[:, : _ENDS[0]], axis=1).astype(np.float32) * 2 - 1
    tints = _tints(rows)
    for i in range(known, len(rows), _TILE):
        for j in range(0, min(i + _TILE, len(rows)), _TILE):
            agree = signs[i : i + _TILE] @ signs[j : j + _TILE].T
            a, b = np.nonzero(agree >= BITS - 2 * MAX_DISTANCE)
            a, b = a + i, b + j
            kept = (b < a) & (np.abs(tints[a] - tints[b]).max(axis=1) < MAX_TINT)
            a, b = a[kept], b[kept]
            for at in range(0, len(a), 1000):
                yield a[at : at + 1000], b[at : at + 1000]


def _tints(rows: Bytes) -> FloatArray:
    """(photos, 2): mean chroma of each foreground, 0..255."""
    tints = np.empty((len(rows), 2), np.float32)
    for at in range(0, len(rows), _TILE):
        some = rows[at : at + _TILE]
        masks = _masks(some).reshape(-1, CHROMA, 2, CHROMA, 2).mean(axis=(2, 4)).reshape(len(some), 1, -1)
        planes = some[:, _ENDS[2] :].reshape(len(some), 2, -1)
        tints[at : at + _TILE] = (planes * masks).sum(axis=2) / np.maximum(masks.sum(axis=2), 1)
    return tints


def _scores(rows_a: Bytes, rows_b: Bytes) -> FloatArray:
    """How alike the foregrounds of row pairs are, 0..1, whichever of the two comes first.

    The smaller of two shares of variance that one picture explains of the other: of the whole, because two
    plain black wallets have no detail to differ in; of the fine detail, because hundreds of photos of one
    model in one pose share the whole.
    """
    both_ways = (_agreement(rows_a, rows_b) + _agreement(rows_b, rows_a)) / 2
    scores: FloatArray = np.clip(both_ways.min(axis=1), 0, 1).astype(np.float32)
    return scores


def _agreement(rows_a: Bytes, rows_b: Bytes) -> FloatArray:
    """(pairs, 2): share of variance explained in the whole and in the fine detail, with `b` laid onto `a`."""
    masks_a, masks_b = _masks(rows_a), _masks(rows_b)
    either, shared = np.maximum(masks_a, masks_b), masks_a * masks_b
    shared = np.where(_total(shared) < 50, either, shared)
    a, b = _same_brightness(_pixels(rows_a), _pixels(rows_b), shared)
    b = _registered(a, b, shared[:, 0])
    middle = (a + b) / 2
    mean: FloatArray = (middle * either).sum(axis=(2, 3), keepdims=True) / np.maximum(_total(either), 1)
    whole = _explained(a, b, (middle - mean).astype(np.float32), either, noise=16)
    inside: FloatArray = (uniform_filter(shared, size=(1, 1, 3, 3), mode="constant") > 0.99).astype(np.float32)
    inside = np.where(_total(inside) < 30, shared, inside)
    # A colorway may be the same photo painted over, so a tint counts against the detail as well.
    tint = np.abs(((a - b)[:, 1:] * inside).sum(axis=(2, 3)) / np.maximum(_total(inside)[:, :, 0, 0], 1))
    detail_a, detail_b = _detail(a), _detail(b)
    detail = _explained(detail_a, detail_b, ((detail_a + detail_b) / 2).astype(np.float32), inside, noise=2)
    return np.stack([whole, np.maximum(detail, 0) * np.exp(-((tint.max(axis=1) / 8) ** 2))], axis=1)


def _explained(a: FloatArray, b: FloatArray, signal: FloatArray, weight: FloatArray, *, noise: float) -> FloatArray:
    pixels = np.maximum(_total(weight)[:, 0, 0, 0], 1)
    residual = ((a - b) ** 2 * weight).sum(axis=(1, 2, 3)) / pixels
    variance = (signal**2 * weight).sum(axis=(1, 2, 3)) / pixels
    explained: FloatArray = 1 - residual / (variance + noise)
    return explained


def _total(weight: FloatArray) -> FloatArray:
    total: FloatArray = weight.sum(axis=(1, 2, 3), keepdims=True)
    return total


def _detail(pixels: FloatArray) -> FloatArray:
    # Smoothed first: what is finer than two pixels does not survive a resize or a shift by half a pixel.
    smooth = convolve1d(pixels, (0.25, 0.5, 0.25), axis=2, mode="nearest")
    smooth = convolve1d(smooth, (0.25, 0.5, 0.25), axis=3, mode="nearest")
    detail: FloatArray = smooth - uniform_filter(pixels, size=(1, 1, 7, 7), mode="nearest")
    return detail


def _masks(rows: Bytes) -> FloatArray:
    """(pairs, 1, SIDE, SIDE), 1 where there is foreground."""
    bits = np.unpackbits(rows[:, _ENDS[0] : _ENDS[1]], axis=1)
    return bits.reshape(-1, 1, SIDE, SIDE).astype(np.float32)


def _pixels(rows: Bytes) -> FloatArray:
    """(pairs, 3, SIDE, SIDE) from fingerprints: luminance 0..255 and the two chroma planes around 0."""
    luminance, blue, red = (rows[:, _ENDS[k] : _ENDS[k + 1]].astype(np.float32) for k in (1, 2, 3))
    # Chroma weighs twice: a colorway differs in nothing else.
    chroma = np.stack([blue, red], axis=1).reshape(-1, 2, CHROMA, CHROMA) * np.float32(2**0.5) - np.float32(
        128 * 2**0.5
    )
    full = chroma.repeat(2, axis=2).repeat(2, axis=3)
    return np.concatenate([luminance.reshape(-1, 1, SIDE, SIDE), full], axis=1)


def _same_brightness(a: FloatArray, b: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Brighten the darker of each pair as a photo editor would, by at most `_GAIN`, white staying white."""
    light_a, light_b = ((x[:, :1] * weight).sum(axis=(1, 2, 3), keepdims=True) + 1 for x in (a, b))
    gain = np.clip(light_b / light_a, 1 / _GAIN, _GAIN)
    a, b = a * np.maximum(gain, 1), b * np.maximum(1 / gain, 1)
    for x in (a, b):
        x[:, 0] = np.minimum(x[:, 0], 255)
    return a, b


def _registered(a: FloatArray, b: FloatArray, weight: FloatArray) -> FloatArray:
    """`b` shifted and stretched onto `a` by at most 3 pixels: three steps of Lucas and Kanade (1981)."""
    at = np.linspace(-1, 1, SIDE, dtype=np.float32)
    moved, best = b, b
    change = np.zeros((len(a), 4), np.float32)
    error = _error(a, b, weight)
    for _ in range(3):
        down, right = np.gradient(moved[:, 0], axis=(1, 2))
        slopes = np.stack([right, right * at, down, down * at[:, None]], axis=1) * weight[:, None]
        slopes = slopes.reshape(len(a), 4, -1)
        normal = slopes @ slopes.transpose(0, 2, 1) + np.eye(4, dtype=np.float32) * 50
        pull = slopes @ ((a - moved)[:, 0] * weight).reshape(len(a), -1, 1)
        change = np.clip(change + np.linalg.solve(normal, pull)[:, :, 0], -3, 3).astype(np.float32)
        moved = _moved(b, change, at)
        better = _error(a, moved, weight)
        best = np.where((better < error)[:, None, None, None], moved, best)
        error = np.minimum(error, better)
    return best


def _error(a: FloatArray, b: FloatArray, weight: FloatArray) -> FloatArray:
    error: FloatArray = (((a - b) ** 2).sum(axis=1) * weight).sum(axis=(1, 2))
    return error


def _moved(b: FloatArray, change: FloatArray, at: FloatArray) -> FloatArray:
    pixel = np.arange(SIDE, dtype=np.float32)
    matrices = []
    for shift, stretch in ((change[:, 0], change[:, 1]), (change[:, 2], change[:, 3])):
        wanted = np.clip(pixel + shift[:, None] + stretch[:, None] * at, 0, SIDE - 1)
        matrices.append(np.maximum(0, 1 - np.abs(wanted[:, :, None] - pixel))[:, None])
    across, down = matrices
    moved: FloatArray = down @ b @ across.transpose(0, 1, 3, 2)
    return moved
