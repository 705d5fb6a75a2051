"""From part numbers to a photo: colors, relief, highlights and textures, at once for the whole picture."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitrine.demo.canvas import Canvas
from vitrine.demo.materials import TILE, textures
from vitrine.errors import InputError

Plane = NDArray[np.float32]
OVERSAMPLING = 2


def _share(image: Image.Image, by: int = OVERSAMPLING) -> Plane:
    """The means over blocks of `by` × `by` pixels, 0 to 1."""
    plane = np.asarray(image.reduce(by), dtype=np.float32) * np.float32(1 / 255)
    return np.asarray(plane, dtype=np.float32)


def box_blurred(plane: Plane, radius: int) -> Plane:
    """A running mean over 2·radius + 1 pixels both ways, in float so that soft slopes show no steps."""
    for axis in (0, 1):
        pad = [(radius + 1, radius) if side == axis else (0, 0) for side in (0, 1)]
        total = np.cumsum(np.pad(plane, pad), axis=axis)
        width = 2 * radius + 1
        plane = total[width:] - total[:-width] if axis == 0 else total[:, width:] - total[:, :-width]
        plane *= np.float32(1 / width)
    return plane


def _slopes(plane: Plane) -> tuple[Plane, Plane]:
    """Central differences along x and y, zero at the rim."""
    across, down = np.zeros_like(plane), np.zeros_like(plane)
    np.subtract(plane[:, 2:], plane[:, :-2], out=across[:, 1:-1])
    np.subtract(plane[2:], plane[:-2], out=down[1:-1])
    return across, down


def _enlarged(plane: Plane, side: int) -> Plane:
    return np.asarray(Image.fromarray(plane).resize((side, side), Image.Resampling.BILINEAR))


def _texture(canvas: Canvas, parts: NDArray[np.uint8], offset: tuple[int, int]) -> Plane | None:
    """The sum of all textures in use, each where its parts are."""
    total: Plane | None = None
    side = len(parts)
    top, left = offset
    for name in sorted({paint.texture for paint in canvas.paints if paint.texture and paint.strength > 0}):
        strength = canvas.table("strength")
        for number, paint in enumerate(canvas.paints, start=1):
            if paint.texture != name:
                strength[number] = 0.0
        layer = strength[parts] * textures()[name][top : top + side, left : left + side]
        total = layer if total is None else total + layer
    return total


def _relief(canvas: Canvas, light: tuple[float, float], side: int) -> tuple[Plane, Plane]:
    """How much each pixel faces the lamp (about -1 to 1), and how dark crevices and rims make it (0 to 0.4).

    Edges come from the relief of the parts at full size, volumes from the same relief blurred at half and a
    quarter of it.
    """
    relief = canvas.parts.point(canvas.table("relief").round().astype(int).tolist())
    sharp = _share(relief)
    radius = max(1, round(side / 128))
    mid = box_blurred(box_blurred(_share(relief, 2 * OVERSAMPLING), radius), radius)
    wide = box_blurred(box_blurred(_share(relief, 4 * OVERSAMPLING), radius), radius)
    across, down = _slopes(2.6 * wide)
    volume = _enlarged(across * light[0] + down * light[1], len(mid))
    across, down = _slopes(1.7 * mid)
    volume = _enlarged(volume + across * light[0] + down * light[1], side)
    across, down = _slopes(sharp)
    edges = across * np.float32(light[0]) + down * np.float32(light[1])
    facing = np.asarray(-(volume + np.float32(0.9) * edges), dtype=np.float32)
    below = _enlarged(mid, side) - sharp
    return facing, np.clip(below, 0, 0.35) + 0.3 * np.clip(-below, 0, 0.4)


def render(
    canvas: Canvas, *, light: tuple[float, float], contrast: float, offset: tuple[int, int]
) -> tuple[list[Plane], Plane]:
    """Shade a finished canvas: red, green and blue times coverage, and coverage, each of shape (side, side).

    `light` is the direction towards the lamp in the picture (x right, y down), `contrast` scales all relief,
    `offset` picks the part of each texture that shows. Raises `InputError` where the picture is larger than a
    tile.
    """
    side = canvas.side // OVERSAMPLING
    if side + max(offset) > TILE:
        raise InputError(f"{side} pixels from {offset} do not fit a texture tile of {TILE}", hint="draw smaller photos")
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[1 : len(canvas.paints) + 1] = [paint.color for paint in canvas.paints]
    colored = canvas.parts.copy()
    colored.putpalette(palette.ravel().tolist())
    # Three planes instead of one (side, side, 3): numpy multiplies those five times as fast.
    bands = colored.convert("RGB").reduce(OVERSAMPLING).split()
    rgb = [np.asarray(band, dtype=np.float32).copy() for band in bands]
    coverage = _share(canvas.parts.point([0] + [255] * 255))

    parts = np.asarray(canvas.parts)[::OVERSAMPLING, ::OVERSAMPLING]
    facing, dark = _relief(canvas, light, side)
    shade = 1.0 + np.clip(0.62 * contrast * facing, -0.5, 0.3) - 0.9 * contrast * dark
    texture = _texture(canvas, parts, offset)
    if texture is not None:
        shade += 0.8 * texture
    np.clip(shade, 0.2, 1.6, out=shade)

    lobe = np.clip(facing * (1.25 * contrast), 0, 1)
    lobe *= lobe
    glow = _enlarged(box_blurred(_share(canvas.glow, 2), max(1, side // 256)), side)
    sharp = canvas.table("sharpness")[parts]
    shine = 70 * lobe + 70 * glow + sharp * (80 * lobe * lobe + 95 * glow)
    shine *= canvas.table("gloss")[parts] * coverage
    if texture is not None:
        # A part of the texture is light that is added: on black leather nothing else of it would be seen.
        shine += 34 * texture * coverage
    for plane in rgb:
        plane *= shade
        plane += shine
    return rgb, coverage
