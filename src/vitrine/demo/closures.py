"""Closures: buckles, laces, zippers, velcro, elastic and buttons, where each kind of shoe has them."""

from itertools import pairwise

import numpy as np

from vitrine.demo.canvas import Paint
from vitrine.demo.geometry import Points, along, curve, disc, points, ribbon, turned
from vitrine.demo.shoe import Shoe
from vitrine.demo.straps import ankle_level, ankle_ring

BOOTS = ("boot", "ankle_boot")
LACED = ("sneaker", "oxford", "boot", "ankle_boot")


def lace_paint(shoe: Shoe) -> Paint:
    """White or black laces, whichever shows on the upper."""
    light = sum(shoe.dress.main.color) / 3 < 150
    return Paint((236, 234, 228) if light else (40, 38, 38), 232, 0.05)


def buckle(shoe: Shoe, center: Points, angle: float, size: float) -> None:
    """A metal frame with its prong."""
    metal = shoe.dress.metal
    square = points((-1, -1), (-1, 1), (1, 1), (1, -1)) * np.array([0.8, 1.0])
    shoe.canvas.fill(turned(square * size, center, angle), metal)
    shoe.canvas.fill(turned(square * size * 0.58, center, angle), shoe.dress.main.shaded(0.7, relief=190))
    prong = points((-0.8, -0.16), (-0.8, 0.16), (0.9, 0.14), (0.9, -0.14)) * size
    shoe.canvas.fill(turned(prong, center, angle), metal.shaded(0.9))


def _instep_strap(shoe: Shoe, u: float, width: float) -> Points:
    """A strap across the instep; returns its near half, from the foot's upper line down."""
    top = shoe.over(u + 0.035, 1.02)
    far = curve(shoe.at(top, (u + 0.07, 0.66 * top[1]), (u + 0.08, 0.1)))
    path = curve(shoe.at(top, (u + 0.02, 0.66 * top[1]), (u, 0.06), (u - 0.004, 0.02)))
    if shoe.values["category"] in ("pump", "ballet_flat", "espadrille", "sandal"):
        shoe.canvas.stroke(far, width * 0.85, shoe.dress.lining.shaded(0.66, relief=95))
    shoe.canvas.stroke(path, width, shoe.dress.colors[1].shaded(0.93, relief=222))
    shoe.canvas.dashes(along(path + np.array([width * 0.34, 0.0]), 22), 0.004, shoe.dress.thread)
    return path


def _anchor(shoe: Shoe) -> tuple[Points, float, float]:
    """Where a fastener sits: its center, the angle of the strap under it and the strap's width."""
    category, back = shoe.values["category"], shoe.values["back"]
    if back == "ankle_strap":
        ring = ankle_ring(shoe, ankle_level(shoe), far=False)
        return ring[11], 0.12, 0.046
    if back == "slingback":
        return shoe.at((0.17, 0.145))[0], -0.45, 0.036
    if category in BOOTS:
        path = shoe.upright((-0.01, 0.3), (0.1, 0.25), (0.22, 0.28), (0.36, 0.36))
        strap = curve(path)
        shoe.canvas.stroke(strap, 0.055, shoe.dress.colors[1].shaded(0.85, relief=222))
        return strap[len(strap) // 2], 0.1, 0.055
    u = {"loafer": 0.5, "oxford": 0.5, "sneaker": 0.5, "sandal": 0.34}.get(category, 0.4)
    path = _instep_strap(shoe, u, 0.05)
    spot = path[int(len(path) * 0.62)]
    return spot, 1.25, 0.05


def _buckle(shoe: Shoe) -> None:
    spot, angle, width = _anchor(shoe)
    buckle(shoe, spot, angle, width * 0.95)


def _button(shoe: Shoe) -> None:
    spot, _, width = _anchor(shoe)
    shoe.canvas.fill(disc(spot, width * 0.74), shoe.dress.metal)
    shoe.canvas.fill(disc(spot, width * 0.5), shoe.dress.metal.shaded(0.8))
    shoe.canvas.fill(disc(spot, width * 0.12, corners=6), shoe.dress.metal.shaded(0.4))


def _velcro(shoe: Shoe) -> None:
    category = shoe.values["category"]
    paint = shoe.dress.colors[2].shaded(0.86 if sum(shoe.dress.main.color) > 200 else 1.9, relief=226)
    if shoe.values["back"] in ("ankle_strap", "slingback"):
        spot, angle, width = _anchor(shoe)
        tab = points((-1.5, -0.62), (-1.5, 0.62), (1.2, 0.62), (1.6, 0.3), (1.6, -0.3), (1.2, -0.62)) * width
        shoe.canvas.fill(turned(tab, spot, angle), paint)
        seam = turned(
            points((-1.2, -0.42), (-1.2, 0.42), (0.9, 0.42), (0.9, -0.42), (-1.2, -0.42)) * width, spot, angle
        )
        shoe.canvas.dashes(along(seam, 24), 0.005, shoe.dress.thread)
        return
    if category == "sandal":
        spot, angle, width = _anchor(shoe)
        patch = points((-1.2, -0.75), (-1.2, 0.75), (1.2, 0.75), (1.2, -0.75)) * width
        shoe.canvas.fill(turned(patch, spot, angle), paint)
        shoe.canvas.dashes(
            along(turned(np.concatenate([patch, patch[:1]]) * 0.72, spot, angle), 24),
            0.005,
            shoe.dress.thread,
        )
        return
    places = {"sneaker": (0.43, 0.55), "oxford": (0.46, 0.57)}.get(category, (0.4,))
    for u in places:
        top = shoe.over(u + 0.03, 1.03)
        path = curve(shoe.at(top, (u + 0.015, 0.7 * top[1]), (u - 0.015, 0.34 * top[1])))
        shoe.canvas.stroke(path, 0.085, paint)
        seam = ribbon(path[2:-1], 0.06)
        shoe.canvas.dashes(along(np.concatenate([seam, seam[:1]]), 40), 0.005, shoe.dress.thread)


def _laces(shoe: Shoe) -> None:
    """Rows of laces with eyelets up the throat, ending in a bow."""
    paint = lace_paint(shoe)
    boots = shoe.values["category"] in BOOTS
    low, high = (0.4, 0.62) if not boots else (0.42, 0.6)
    rows = [shoe.at(shoe.over(u, 1.0), (u - 0.045, shoe.last.dorsum(u) * 0.78)) for u in np.linspace(low, high, 5)]
    if boots:
        tall = shoe.values["category"] == "boot"
        levels = np.linspace(0.46, shoe.shaft - 0.06, 7 if tall else 2)
        rows = [shoe.upright((0.36, v), (0.29, v - 0.02)) for v in levels[::-1]] + rows
    for row in rows:
        shoe.canvas.fill(disc(row[1], 0.016, corners=8), shoe.dress.metal.shaded(0.9))
        shoe.canvas.stroke(row, 0.018, paint)
    for first, second in pairwise(rows):
        shoe.canvas.stroke(np.stack([first[1], second[0]]), 0.012, paint.shaded(0.88))
    _small_bow(shoe, rows[0][0], paint)


def _small_bow(shoe: Shoe, knot: Points, paint: Paint) -> None:
    for reach, drop in ((-0.075, 0.012), (0.06, 0.03)):
        ring = points((0, 0), (reach * 0.5, drop + 0.028), (reach, drop), (reach * 0.6, -0.022), (0, 0))
        shoe.canvas.stroke(knot + curve(ring), 0.011, paint)
    tail = knot + curve(points((0, 0), (-0.03, -0.03), (-0.035, -0.075)))
    shoe.canvas.stroke(tail, 0.011, paint)
    shoe.canvas.fill(disc(knot, 0.014, corners=8), paint)


def _ties(shoe: Shoe) -> None:
    """Ribbons wound around the ankle, tied in a bow."""
    paint = shoe.dress.colors[1].shaded(0.95, relief=225)
    turns: tuple[tuple[float, float, float, float], ...]
    turns = ((0.45, 0.2, 0.0, 0.38), (0.04, 0.12, 0.33, 0.4), (0.32, 0.34, -0.005, 0.5))
    if shoe.values["back"] == "ankle_strap":
        turns = ((0.3, 0.36, 0.0, 0.47), (0.0, 0.4, 0.31, 0.5))
    for u0, v0, u1, v1 in turns:
        path = curve(shoe.upright((u0, v0), (0.5 * (u0 + u1), 0.5 * (v0 + v1) - 0.03), (u1, v1)))
        shoe.canvas.stroke(path, 0.024, paint)
    ring = shoe.upright((-0.005, 0.5), (0.1, 0.47), (0.24, 0.475), (0.32, 0.5))
    shoe.canvas.stroke(curve(ring), 0.024, paint)
    _small_bow(shoe, shoe.upright((0.2, 0.475))[0], paint.raised(6))


def _zipper(shoe: Shoe) -> None:
    if shoe.values["category"] in BOOTS:
        top = shoe.shaft - 0.03
        path = curve(shoe.upright((0.17, top), (0.165, top * 0.6), (0.15, 0.2), (0.15, 0.06)))
    else:
        path = curve(shoe.at((0.27, 0.19), (0.26, 0.12), (0.25, 0.03)))
    shoe.canvas.stroke(path, 0.034, Paint((40, 38, 40), 175, 0.05))
    teeth = along(path, max(10, round(70 * float(np.abs(np.diff(path[:, 1])).sum()))))
    for start in teeth[::2]:
        shoe.canvas.fill(start + points((-0.012, 0), (-0.012, 0.007), (0.012, 0.007), (0.012, 0)), shoe.dress.metal)
    pull = path[0] + points((-0.012, 0.005), (0.012, 0.005), (0.009, -0.06), (-0.009, -0.06))
    shoe.canvas.fill(pull, shoe.dress.metal.shaded(1.05))


def _elastic(shoe: Shoe) -> None:
    """A ribbed gore."""
    if shoe.values["back"] in ("ankle_strap", "slingback"):
        spot, angle, width = _anchor(shoe)
        gore = turned(points((-1.4, -0.6), (-1.4, 0.6), (1.4, 0.6), (1.4, -0.6)) * width, spot, angle)
        ribs = [turned(points((x, -0.55), (x, 0.55)) * width, spot, angle) for x in np.linspace(-1.2, 1.2, 6)]
    elif shoe.values["category"] in ("pump", "ballet_flat", "sandal"):
        path = _instep_strap(shoe, 0.36 if shoe.values["category"] == "sandal" else 0.41, 0.05)
        inner = path[4:16]
        gore = ribbon(inner, 0.058)
        ribs = [inner + side for side in (np.array([x, 0.0]) for x in (-0.018, 0.0, 0.018))]
    else:
        gore, ribs = _gore(shoe)
    dark = Paint((52, 48, 48), 165, 0.0) if sum(shoe.dress.main.color) > 170 else Paint((120, 112, 108), 165, 0.0)
    shoe.canvas.fill(gore, dark)
    for rib in ribs:
        shoe.canvas.stroke(rib, 0.006, dark.shaded(1.5, relief=190))


def _gore(shoe: Shoe) -> tuple[Points, list[Points]]:
    if shoe.values["category"] in BOOTS:
        top = shoe.shaft - 0.01
        shape = shoe.upright((0.1, top), (0.24, top), (0.21, top - 0.18), (0.17, top - 0.3), (0.13, top - 0.18))
        ribs = [
            shoe.upright((x, top - 0.01), (0.17 + (x - 0.17) * 0.55, top - 0.2)) for x in np.linspace(0.115, 0.225, 6)
        ]
        return shape, ribs
    shape = shoe.at((0.36, 0.2), (0.45, 0.32), (0.49, 0.27), (0.46, 0.12), (0.42, 0.08))
    ribs = [shoe.at((0.375 + s, 0.2 + 1.1 * s), (0.425 + 0.55 * s, 0.1 + s)) for s in np.linspace(0.0, 0.075, 5)]
    return shape, ribs


def draw_closure(shoe: Shoe) -> None:
    """The fastener of a shoe that has one."""
    kind = shoe.values["closure"]
    if kind == "lace_up":
        (_laces if shoe.values["category"] in LACED else _ties)(shoe)
        return
    draw = {
        "buckle": _buckle,
        "button": _button,
        "velcro": _velcro,
        "zipper": _zipper,
        "elastic": _elastic,
    }.get(kind)
    if draw is not None:
        draw(shoe)
