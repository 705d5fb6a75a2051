"""The photo around the shoe: pose, lamp, backgrounds, ground shadow, borders, and the noise of a camera."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vitrine.demo.canvas import Canvas, Pose
from vitrine.demo.materials import TILE, textures
from vitrine.demo.render import OVERSAMPLING, Plane, box_blurred, render

Rgb = tuple[int, int, int]
# Left, bottom, right, top, in shoe units.
Box = tuple[float, float, float, float]
FRAMES: tuple[Rgb, ...] = (
    (20, 20, 22),
    (214, 214, 216),
    (186, 40, 52),
    (44, 74, 132),
    (232, 198, 96),
    (70, 116, 88),
)
BACKDROPS: tuple[Rgb, ...] = ((236, 236, 238), (228, 230, 232), (240, 236, 230), (222, 226, 232))


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything of a photo that is not the shoe; lengths in shares of the picture's side."""

    flip: bool
    turn: float
    scale: float
    shift: tuple[float, float]
    light: tuple[float, float]
    contrast: float
    exposure: float
    warmth: float
    backdrop: Rgb
    falloff: float
    shadow: float
    border: float
    frame: Rgb
    noise: float
    offset: tuple[int, int]


def sample_scene(rng: np.random.Generator, size: int) -> Scene:
    """Draw a scene: mostly plain white, some gray gradients, a few frames, noisy or dark pictures."""
    kind = rng.random()
    white = kind < 0.62
    angle = rng.uniform(-0.9, 0.5) - np.pi / 2
    dark = rng.random() < 0.08
    border = float(rng.uniform(0.03, 0.07)) if rng.random() < 0.08 else 0.0
    return Scene(
        flip=bool(rng.random() < 0.5),
        turn=float(rng.normal(0.0, 0.03)),
        scale=float(rng.uniform(0.79, 0.88)) - 1.5 * border,
        shift=(float(rng.normal(0, 0.014)), float(rng.normal(0, 0.014))),
        light=(float(np.cos(angle)), float(np.sin(angle))),
        contrast=float(rng.uniform(0.85, 1.2)),
        exposure=float(rng.uniform(0.62, 0.78) if dark else rng.normal(1.0, 0.03)),
        warmth=float(rng.normal(0, 0.015)),
        backdrop=(255, 255, 255) if white else BACKDROPS[int(rng.integers(len(BACKDROPS)))],
        falloff=0.0 if white else float(rng.uniform(0.05, 0.22)),
        shadow=float(rng.uniform(0.25, 0.6)),
        border=border,
        frame=FRAMES[int(rng.integers(len(FRAMES)))],
        noise=float(rng.uniform(5, 13) if rng.random() < 0.12 else rng.uniform(0.4, 2.2)),
        offset=(int(rng.integers(TILE - size)), int(rng.integers(TILE - size))),
    )


def pose(scene: Scene, side: int, box: Box, ground: tuple[float, float]) -> Pose:
    """Fit what lies in `box` into a picture `side` pixels wide; the shadow falls on the span `ground`."""
    left, bottom, right, top = box
    unit = scene.scale * side * min(1.0 / (right - left), 0.98 / (top - bottom))
    cosine, sine = np.cos(scene.turn), np.sin(scene.turn)
    mirror = -1.0 if scene.flip else 1.0
    matrix = unit * np.array([[mirror * cosine, sine], [mirror * sine, -cosine]])
    middle = np.array([(left + right) / 2, (bottom + top) / 2]) @ matrix
    center = side * (np.array([0.5, 0.52]) + np.array(scene.shift))
    return Pose(matrix=matrix, origin=center - middle, unit=unit, ground=ground)


def _floor(canvas: Canvas, scene: Scene, side: int) -> Plane:
    """Brightness of the background, 0 to 1: darker towards the edges, and where the shoe stands."""
    small = 64
    sheet = Image.new("L", (small, small), 0)
    pen = ImageDraw.Draw(sheet)
    ground = canvas.pixels(np.array([[x, -0.004] for x in canvas.pose.ground])) * (small / canvas.side)
    (x0, y0), (x1, y1) = ground.tolist()
    left, right, level = min(x0, x1), max(x0, x1), (y0 + y1) / 2
    pen.ellipse((left - 1, level - 1.6, right + 1, level + 2.6), fill=round(255 * scene.shadow))
    dark: Plane = np.asarray(sheet, dtype=np.float32) * np.float32(1 / 255)
    shadow = box_blurred(box_blurred(dark, 1), 1)
    down = np.linspace(0, 1, small, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, small, dtype=np.float32)[None, :]
    fall = 1.0 - scene.falloff * (0.75 * down**2 + 0.25 * across**2)
    floor = (fall * (1.0 - 0.55 * shadow)).astype(np.float32)
    return np.asarray(Image.fromarray(floor).resize((side, side), Image.Resampling.BICUBIC))


def photograph(canvas: Canvas, scene: Scene) -> NDArray[np.uint8]:
    """Render a canvas in its scene; RGB, shape (side, side, 3)."""
    side = canvas.side // OVERSAMPLING
    planes, coverage = render(canvas, light=scene.light, contrast=scene.contrast, offset=scene.offset)
    behind = _floor(canvas, scene, side) * (1.0 - coverage)
    left, top = scene.offset
    grain = textures()["speckle"][left : left + side, top : top + side] * np.float32(scene.noise)
    tints = (1 + scene.warmth, 1.0, 1 - scene.warmth)
    picture = np.empty((side, side, 3), dtype=np.uint8)
    for band, (plane, backdrop, tint) in enumerate(zip(planes, scene.backdrop, tints, strict=True)):
        plane += behind * np.float32(backdrop)
        plane *= np.float32(tint * scene.exposure)
        plane += grain
        picture[:, :, band] = np.clip(plane, 0, 255, out=plane)
    frame = round(scene.border * side)
    if frame:
        for rim in (picture[:frame], picture[-frame:], picture[:, :frame], picture[:, -frame:]):
            rim[:] = scene.frame
    return picture
