"""Describe a product's color, layout, edges and silhouette in numpy alone, without learnt weights."""

from collections.abc import Sequence
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitrine.embed import palette
from vitrine.embed.embedder import Block, check_image, embedder_id
from vitrine.embed.foreground import Foreground, foreground
from vitrine.embed.silhouette import SILHOUETTE_DIM, averaging, silhouette
from vitrine.embed.texture import TEXTURE_DIM, texture

Floats = NDArray[np.float32]

# Raise it with every change that moves a number: it is part of the embedder's id.
VERSION = 1

_SIDE = 96  # longest side at which color and outline are looked at, in pixels
_FINE_SIDE = 160  # and edges and texture
_GRID = 6  # cells of the color layout on a side
_CELLS, _CELL, _ORIENTATIONS = 8, 10, 8


class ColorShape:
    """Two blocks of the foreground, `color` and `shape`.

    Color is how much of each color of an even palette the product shows, whole and in its middle, and the
    mean color in a grid over it. Shape is histograms of oriented gradients (Dalal and Triggs 2005), the
    silhouette's contour, areas, gaps and moments, and the surface's texture; it is turned so that a shoe
    facing left and one facing right look alike.
    """

    @cached_property
    def id(self) -> str:
        """The embedder's name and a hash of its contract."""
        return embedder_id("color-shape", self.contract)

    @property
    def contract(self) -> dict[str, object]:
        """Everything that changes a vector."""
        return {
            "kind": "color-shape",
            "version": VERSION,
            "blocks": [[block.name, block.start, block.stop] for block in self.blocks],
        }

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Column ranges that belong together."""
        color = 2 * len(palette.prototypes()) + _STATISTICS + _GRID * _GRID * 3
        shape = _CELLS * _CELLS * _ORIENTATIONS + SILHOUETTE_DIM + TEXTURE_DIM
        return Block("color", 0, color), Block("shape", color, color + shape)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.blocks[-1].stop

    @property
    def side(self) -> int:
        """The shortest side in pixels that is of use."""
        return _FINE_SIDE

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> Floats:
        """Vectors (n, dim) of RGB images of any sizes."""
        vectors = np.empty((len(images), self.dim), np.float32)
        for row, image in enumerate(images):
            vectors[row] = describe_product(check_image(image))
        return vectors


def describe_product(image: NDArray[np.uint8]) -> Floats:
    """The vector of one RGB image (height, width, 3): the blocks of `ColorShape`, one after the other."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    small = np.asarray(_reduced(picture, _SIDE))
    gray = np.asarray(_reduced(picture.convert("L"), _FINE_SIDE))
    found = foreground(small)
    outline, turned = silhouette(found)
    if turned:
        small, found = np.ascontiguousarray(small[:, ::-1]), _mirrored(found)
        gray = np.ascontiguousarray(gray[:, ::-1])
    color = [_color(small, found), _layout(small, found) * _LAYOUT]
    shape = [_edges(gray, found), outline * _OUTLINE, _texture(gray, found) * _TEXTURE]
    return np.concatenate(color + shape)


# so that no part drowns the one beside it in its block: layout and outline are sums over many cells
_LAYOUT, _OUTLINE, _TEXTURE = np.float32(0.25), np.float32(0.25), np.float32(1.5)


def _reduced(picture: Image.Image, longest: int) -> Image.Image:
    scale = longest / max(picture.size)
    width, height = (max(8, round(side * scale)) for side in picture.size)
    resample = Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BILINEAR
    return picture.resize((width, height), resample)


def _mirrored(found: Foreground) -> Foreground:
    width = found.product.shape[1]
    return Foreground(
        found.product[:, ::-1], found.inside[:, ::-1], found.top, found.bottom,
        width - found.right, width - found.left, found.found,
    )  # fmt: skip


def _color(image: NDArray[np.uint8], found: Foreground) -> Floats:
    """Square roots (Hellinger) of the palette's shares in the product and in its middle; statistics."""
    weights = found.product + np.float32(_ENCLOSED) * (found.inside & ~found.product)
    code = palette.codes(image)
    whole = _shares(code, weights)
    height, width = found.bottom - found.top, found.right - found.left
    rows = slice(found.top + height // 4, found.bottom - height // 4)
    columns = slice(found.left + width // 4, found.right - width // 4)
    middle = _shares(code[rows, columns], weights[rows, columns])
    return np.concatenate([np.sqrt(whole), np.sqrt(middle), _statistics(code, weights, whole)])


# what a product encloses is mostly the product, as in a white shirt, but in a sandal it is the backdrop
_ENCLOSED = 0.35
_STATISTICS = 14


def _shares(code: NDArray[np.int64], weights: Floats) -> Floats:
    counts = np.bincount(code.ravel(), weights=weights.ravel(), minlength=palette.CODES)
    present = np.flatnonzero(counts)
    if not len(present):
        return np.zeros(len(palette.prototypes()), np.float32)
    shares = counts[present].astype(np.float32) @ palette.membership()[present]
    return np.asarray(shares / shares.sum(), np.float32)


def _statistics(code: NDArray[np.int64], weights: Floats, shares: Floats) -> Floats:
    """Mean, spread and quantiles of L*, a*, b* and chroma; how many colors there are in effect."""
    chosen = weights > 0
    colors = palette.lab_of_codes()[code[chosen]] / np.float32(100)
    mass = weights[chosen] / weights.sum()
    mean = mass @ colors
    spread = np.sqrt(np.maximum(mass @ (colors - mean) ** 2, 0))
    chroma = np.sqrt(colors[:, 1] ** 2 + colors[:, 2] ** 2)
    quantiles = [*_quantiles(colors[:, 0], (0.1, 0.5, 0.9)), *_quantiles(chroma, (0.25, 0.5, 0.9))]
    entropy = -float(shares @ np.log(shares + np.float32(1e-9)))
    return np.array([*mean, *spread, *quantiles, entropy / 4, float(shares.max())], np.float32)


def _quantiles(values: Floats, shares: tuple[float, ...]) -> Floats:
    places = [int(share * (len(values) - 1)) for share in shares]
    return np.asarray(np.partition(values, places)[places])


def _layout(image: NDArray[np.uint8], found: Foreground) -> Floats:
    """Mean L*a*b* of the product in a grid over its bounds, less where it fills less of a cell."""
    box = (slice(found.top, found.bottom), slice(found.left, found.right))
    mask = found.inside[box].astype(np.float32)
    colors = palette.lab_of_codes()[palette.codes(image[box])] * mask[..., None] / np.float32(100)
    down, across = averaging(mask.shape[0], _GRID), averaging(mask.shape[1], _GRID)
    return np.asarray(np.einsum("gh,hwc,kw->gkc", down, colors, across, optimize=True).ravel(), np.float32)


def _edges(fine: NDArray[np.uint8], found: Foreground) -> Floats:
    """Histograms of oriented gradients over the product's bounds, each cell normalized with its neighbors."""
    side = _CELLS * _CELL
    top, bottom, left, right = _bounds(fine, found)
    box = (left, top, right, bottom)
    gray = Image.fromarray(fine).resize((side, side), Image.Resampling.BILINEAR, box=box)
    level = np.pad(np.asarray(gray, np.float32), 1, mode="edge")
    across = level[1:-1, 2:] - level[1:-1, :-2]
    down = level[2:, 1:-1] - level[:-2, 1:-1]
    strength = np.sqrt(across * across + down * down)
    turn = (np.arctan2(down, across) % np.pi) * np.float32(_ORIENTATIONS / np.pi)
    first = np.floor(turn).astype(np.int64)
    share = turn - first
    cell = _cell_numbers() * _ORIENTATIONS
    size = _CELLS * _CELLS * _ORIENTATIONS
    total = np.bincount((cell + first % _ORIENTATIONS).ravel(), (strength * (1 - share)).ravel(), size)
    total += np.bincount((cell + (first + 1) % _ORIENTATIONS).ravel(), (strength * share).ravel(), size)
    grid = total.reshape(_CELLS, _CELLS, _ORIENTATIONS)
    energy = np.pad((grid**2).sum(axis=2), 1, mode="edge")
    around = sum(energy[i : i + _CELLS, j : j + _CELLS] for i in range(3) for j in range(3))
    return np.minimum(grid / np.sqrt(around + 1e4)[..., None], 0.3).ravel().astype(np.float32)


def _texture(fine: NDArray[np.uint8], found: Foreground) -> Floats:
    """Local binary patterns of the product; the mask is as coarse as it was found."""
    top, bottom, left, right = (round(edge) for edge in _bounds(fine, found))
    rows = np.arange(top, bottom) * found.product.shape[0] // fine.shape[0]
    columns = np.arange(left, right) * found.product.shape[1] // fine.shape[1]
    return texture(fine[top:bottom, left:right], found.product[np.ix_(rows, columns)])


def _bounds(fine: NDArray[np.uint8], found: Foreground) -> tuple[float, float, float, float]:
    """Top, bottom, left and right of the product in a larger copy of the picture."""
    down, across = fine.shape[0] / found.product.shape[0], fine.shape[1] / found.product.shape[1]
    return found.top * down, found.bottom * down, found.left * across, found.right * across


@cache
def _cell_numbers() -> NDArray[np.int64]:
    number = np.arange(_CELLS * _CELL) // _CELL
    return np.asarray(number[:, None] * _CELLS + number[None, :], np.int64)
