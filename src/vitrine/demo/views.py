"""Other views of a shoe, drawn simply: from the front and from above."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vitrine.demo.canvas import Canvas
from vitrine.demo.geometry import Points, along, curve, loop, points
from vitrine.demo.render import OVERSAMPLING
from vitrine.demo.scenes import Scene, photograph, pose
from vitrine.demo.shoe import Dress, dress

WIDTHS = {"pointed": 0.05, "almond": 0.09, "square": 0.15}
OPEN = ("sandal", "slide", "thong")


def _mirrored(half: Points) -> Points:
    """A closed outline from its right half, given from top to bottom."""
    return np.concatenate([half, half[::-1] * np.array([-1.0, 1.0])])


def _front(canvas: Canvas, values: Mapping[str, str], clothes: Dress, center: float) -> None:
    tall = {"boot": 0.95, "ankle_boot": 0.55, "sneaker": 0.34}.get(values["category"], 0.25)
    lift = 0.0 if values["heel_height"] in ("flat", "very_low") else 0.06
    at = np.array([center, 0.03])
    canvas.fill(at + points((-0.155, 0.0), (-0.16, 0.04), (0.16, 0.04), (0.155, 0.0)), clothes.sole)
    top = tall + lift
    neck = 0.11 if tall > 0.3 else 0.125
    shaft = curve(points((0.0, top), (neck, top), (neck, 0.55 * top), (0.15, 0.14), (0.165, 0.07), (0.15, 0.03)))
    canvas.fill(at + _mirrored(shaft), clothes.main)
    opening = loop(points((-neck + 0.008, top), (0.0, top + 0.03), (neck - 0.008, top), (0.0, top - 0.05)))
    canvas.fill(at + opening, clothes.lining.shaded(0.6))
    if values["category"] in OPEN:
        canvas.fill(at + loop(points((-0.12, 0.05), (0.0, 0.075), (0.12, 0.05), (0.0, 0.035))), clothes.insole)
    if values["closure"] == "lace_up":
        for level in np.linspace(0.14, tall - 0.02, 4):
            canvas.stroke(
                at + points((-0.05, level), (0.05, level + 0.03)),
                0.016,
                clothes.thread.shaded(1.6, relief=235),
            )
    toe = at + curve(points((-0.1, 0.12), (0.0, 0.155), (0.1, 0.12)))
    canvas.dashes(along(toe, 24), 0.005, clothes.thread)
    canvas.light(at + loop(points((-0.06, 0.08), (-0.03, 0.12), (-0.01, 0.1), (-0.04, 0.07))), 0.8)


def _top(canvas: Canvas, values: Mapping[str, str], clothes: Dress, center: float, side: float) -> None:
    tip = WIDTHS.get(values["toe"], 0.115)
    outline = points(
        (0.0, 0.0),
        (0.07, 0.012),
        (0.115, 0.08),
        (0.12, 0.2),
        (0.11, 0.36),
        (0.15, 0.62),
        (0.145, 0.78),
        (tip, 0.95),
        (0.0, 1.0),
    )
    bend = np.stack([0.03 * side * np.sin(np.pi * outline[:, 1]), np.zeros(len(outline))], axis=1)
    whole = np.concatenate([curve(outline + bend), curve((outline * np.array([-1.0, 1.0]) + bend)[::-1])])
    at = np.array([center, 0.0])
    canvas.fill(at + whole * 1.02, clothes.sole)
    if values["category"] in OPEN:
        canvas.fill(at + whole, clothes.insole)
        for level in (0.6, 0.72):
            canvas.stroke(at + curve(points((-0.17, level), (0.0, level + 0.05), (0.17, level))), 0.07, clothes.main)
        return
    canvas.fill(at + whole, clothes.main)
    mouth = loop(
        points(
            (0.0, 0.05),
            (0.075, 0.08),
            (0.085, 0.25),
            (0.07, 0.42),
            (0.0, 0.5),
            (-0.07, 0.42),
            (-0.085, 0.25),
            (-0.075, 0.08),
        )
    )
    canvas.fill(at + mouth, clothes.insole.shaded(0.8))
    if values["closure"] == "lace_up":
        for level in np.linspace(0.5, 0.68, 4):
            canvas.stroke(
                at + points((-0.06, level), (0.06, level + 0.01)),
                0.018,
                clothes.thread.shaded(1.6, relief=235),
            )


def draw_view(
    view: str,
    values: Mapping[str, str],
    style: np.random.Generator,
    colorway: np.random.Generator,
    scene: Scene,
    size: int,
) -> NDArray[np.uint8]:
    """A pair of shoes from the "front" or from the "top", `size` pixels square, RGB."""
    clothes = dress(values, style, colorway)
    side = size * OVERSAMPLING
    box = (-0.42, 0.0, 0.42, 1.02) if view == "top" or values["category"] == "boot" else (-0.42, 0.0, 0.42, 0.62)
    scene = replace(scene, shadow=scene.shadow * (0.3 if view == "top" else 1.0))
    canvas = Canvas(side, pose(scene, side, box, (-0.36, 0.36)))
    for center, mirror in ((-0.2, 1.0), (0.2, -1.0)):
        if view == "top":
            _top(canvas, values, clothes, center, mirror)
        else:
            _front(canvas, values, clothes, center)
    return photograph(canvas, scene)
