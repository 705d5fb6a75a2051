"""Draw one photo of one product: the same bytes every time, whatever else is drawn."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vitrine.demo.adornments import draw_feature
from vitrine.demo.canvas import Canvas
from vitrine.demo.closures import draw_closure
from vitrine.demo.geometry import Last
from vitrine.demo.patterns import draw_pattern
from vitrine.demo.product import Product, Shot
from vitrine.demo.render import OVERSAMPLING
from vitrine.demo.scenes import Box, Scene, photograph, pose, sample_scene
from vitrine.demo.shoe import Shoe, dress
from vitrine.demo.soles import build_last, draw_sole, toe_end
from vitrine.demo.straps import (
    draw_ankle_back,
    draw_ankle_front,
    draw_cutout,
    draw_open_shoe,
    draw_pull_tab,
    draw_slingback,
)
from vitrine.demo.uppers import draw_upper
from vitrine.demo.views import draw_view

OPEN_CATEGORIES = ("sandal", "slide", "thong")


def _is_open(values: Mapping[str, str]) -> bool:
    mule = values["category"] == "mule" and values["toe"] == "open"
    return mule or values["category"] in OPEN_CATEGORIES


def _box(values: Mapping[str, str], last: Last, shaft: float) -> Box:
    """The room a shoe takes, in shoe units."""
    seat = float(last.insole(np.array([0.05]))[0])
    height = 0.34
    if shaft:
        height = shaft
    elif values["back"] == "ankle_strap":
        height = 0.42
    elif values["category"] == "sneaker":
        height = 0.46
    squeeze = 1.0 - 0.28 * last.rise
    return -0.04, 0.0, toe_end(values) * squeeze + 0.01, seat + height * last.volume


def _closed_shoe(shoe: Shoe) -> None:
    back = shoe.values["back"]
    if back == "ankle_strap":
        draw_ankle_back(shoe, 0.036)
    draw_sole(shoe)
    outline = draw_upper(shoe)
    draw_pattern(shoe, outline)
    if back == "slingback":
        draw_slingback(shoe, 0.034, start=(0.335, 0.05))
    if back == "ankle_strap":
        draw_ankle_front(shoe, 0.036)
    if back == "cutout":
        draw_cutout(shoe)
    if back == "pull_tab":
        draw_pull_tab(shoe)


def draw_side(
    values: Mapping[str, str],
    style: np.random.Generator,
    colorway: np.random.Generator,
    scene: Scene,
    size: int,
    *,
    focus: str = "",
) -> NDArray[np.uint8]:
    """A side view, `size` pixels square, RGB; `focus` on the "toe" or the "heel" shows that part close up."""
    last = build_last(values, style)
    clothes = dress(values, style, colorway)
    shaft = {"ankle_boot": style.uniform(0.5, 0.6), "boot": style.uniform(0.96, 1.1)}.get(values["category"], 0.0)
    side = size * OVERSAMPLING
    box = _box(values, last, shaft)
    if focus == "toe":
        box = (box[2] - 0.52, 0.0, box[2] + 0.02, 0.46)
    elif focus == "heel":
        box = (-0.08, 0.0, 0.46, min(box[3], 0.6))
    canvas = Canvas(side, pose(scene, side, box, (0.0, 1.0 - 0.28 * last.rise)))
    shoe = Shoe(canvas, last, values, clothes, style, shaft)
    if _is_open(values):
        draw_sole(shoe)
        for outline in draw_open_shoe(shoe):
            draw_pattern(shoe, outline)
    else:
        _closed_shoe(shoe)
    draw_closure(shoe)
    draw_feature(shoe)
    return photograph(canvas, scene)


def draw(product: Product, shot: Shot, size: int) -> tuple[NDArray[np.uint8], int]:
    """One photo of a product, RGB, shape (size, size, 3), and the JPEG quality it is to be saved with."""
    rng = np.random.default_rng(shot.key)
    scene = sample_scene(rng, size)
    quality = int(rng.integers(85, 92))
    style, colorway = np.random.default_rng(product.style), np.random.default_rng(product.colorway)
    if shot.view in ("front", "top"):
        return draw_view(shot.view, product.values, style, colorway, scene, size), quality
    if shot.view == "detail":
        close = replace(scene, scale=0.95, border=0.0)
        focus = "toe" if rng.random() < 0.6 else "heel"
        return draw_side(product.values, style, colorway, close, size, focus=focus), quality
    return draw_side(product.values, style, colorway, scene, size), quality
