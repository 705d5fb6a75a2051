"""Features: bows, studs, chains, gems, tassels, fringes, flowers, embroidery and pompoms."""

import numpy as np

from vitrine.demo.canvas import Paint
from vitrine.demo.geometry import Points, along, curve, disc, loop, points, turned
from vitrine.demo.shoe import Shoe

LEAF = Paint((84, 128, 70), 225, 0.1)


def _spot(shoe: Shoe) -> Points:
    """The middle of the vamp, or the front strap: where an ornament is fixed."""
    u = {
        "thong": 0.78,
        "slide": 0.72,
        "mule": 0.68,
        "boot": 0.62,
        "ankle_boot": 0.62,
        "sneaker": 0.7,
        "loafer": 0.68,
        "sandal": 0.78,
    }.get(shoe.values["category"], 0.74)
    spot: Points = shoe.at(shoe.over(u, 0.86))[0]
    return spot


def _contrast(shoe: Shoe) -> Paint:
    """A tone of the upper that shows on it."""
    bright = sum(shoe.dress.main.color) / 3
    return shoe.dress.colors[1].shaded(0.66 if bright > 90 else 2.3, relief=230)


def _bow(shoe: Shoe) -> None:
    at, paint = _spot(shoe), _contrast(shoe)
    for side in (-1.0, 1.0):
        wing = points(
            (0, 0),
            (0.045 * side, 0.05),
            (0.105 * side, 0.058),
            (0.1 * side, 0.0),
            (0.095 * side, -0.035),
            (0.04 * side, -0.026),
        )
        shoe.canvas.fill(turned(1.3 * loop(wing), at, -0.35), paint)
        fold = points((0.02 * side, 0.003), (0.09 * side, 0.016))
        shoe.canvas.stroke(turned(fold, at, -0.35), 0.01, paint.shaded(0.62, relief=190))
    shoe.canvas.fill(disc(at, 0.033), paint.shaded(0.88, relief=245))


def _line_of(shoe: Shoe, count: int) -> Points:
    """Places along the vamp for rows of small ornaments."""
    low = shoe.values["category"] in ("sandal", "slide", "mule", "thong")
    start, end = (0.66, 0.86) if low else (0.52, 0.93)
    return along(curve(shoe.at(*[shoe.over(u, 0.55) for u in np.linspace(start, end, 5)])), count)


def _studs(shoe: Shoe) -> None:
    for row, share in enumerate((0.0, 0.05)):
        for at in _line_of(shoe, 8 - row) + np.array([0.0, share - 0.025]):
            shoe.canvas.fill(at + points((-0.021, 0), (0, 0.021), (0.021, 0), (0, -0.021)), shoe.dress.metal.raised(10))
            shoe.canvas.fill(at + points((-0.009, 0.003), (0, 0.014), (0.005, 0.003)), shoe.dress.metal.shaded(1.3))


def _chain(shoe: Shoe) -> None:
    center = _spot(shoe)
    span = 0.7 if shoe.values["category"] in ("sandal", "slide") else 1.15
    reach = points((-0.12, -0.075), (-0.075, 0.0), (0.0, 0.028), (0.055, -0.01), (0.075, -0.075))
    for index, at in enumerate(along(center + curve(span * reach), 5 if span < 1 else 7)):
        metal = shoe.dress.metal
        shoe.canvas.fill(disc(at, 0.032, squash=0.8 if index % 2 else 0.5), metal)
        shoe.canvas.fill(
            disc(at, 0.017, squash=0.8 if index % 2 else 0.4, corners=8),
            shoe.dress.main.shaded(0.6, relief=180),
        )


def _gems(shoe: Shoe) -> None:
    tints = ((226, 236, 248), (188, 216, 240), (246, 232, 244), (206, 240, 232))
    tint = tints[int(shoe.rng.integers(len(tints)))]
    center = _spot(shoe)
    offsets = [
        (0.0, 0.0, 0.026),
        *((0.046 * np.cos(a), 0.04 * np.sin(a), 0.015) for a in np.arange(8) * np.pi / 4),
    ]
    offsets += [(0.075, -0.03, 0.011), (-0.078, -0.02, 0.011), (-0.1, -0.04, 0.009), (0.096, -0.055, 0.009)]
    for x, y, radius in 1.35 * np.array(offsets):
        at = center + np.array([x, y - 0.02])
        shoe.canvas.fill(disc(at, radius * 1.2, corners=10), shoe.dress.metal.shaded(0.75))
        shoe.canvas.fill(disc(at, radius, corners=8), Paint(tint, 245, 0.35, 1.0))
        shoe.canvas.fill(
            at + points((-0.6, 0.1), (0.0, 0.7), (0.2, 0.0)) * radius, Paint((255, 255, 255), 250, 1.0, 1.0)
        )


def _tassel(shoe: Shoe) -> None:
    """A cord with two tassels that hang over the vamp."""
    at, paint = _spot(shoe) + np.array([-0.03, 0.015]), _contrast(shoe)
    cord = points((-0.085, 0.035), (-0.02, 0.026), (0.03, 0.01), (0.075, -0.012))
    shoe.canvas.stroke(at + curve(cord), 0.02, paint)
    for x, y, lean in ((0.075, -0.012, 0.012), (0.01, 0.01, -0.008)):
        top = at + np.array([x, y])
        skirt = points((-0.012, 0.0), (0.012, 0.0), (0.034 + lean, -0.1), (-0.034 + lean, -0.105))
        shoe.canvas.fill(top + skirt, paint.shaded(0.9))
        for share in np.linspace(-1.0, 1.0, 6):
            strand = np.stack([top + np.array([0.01 * share, -0.02]), top + np.array([0.031 * share + lean, -0.106])])
            shoe.canvas.stroke(strand, 0.005, paint.shaded(0.62, relief=200))
        shoe.canvas.fill(disc(top, 0.021, corners=10), paint.shaded(1.15, relief=248))
        shoe.canvas.stroke(top + points((-0.017, -0.024), (0.017, -0.024)), 0.012, shoe.dress.metal)


def _fringe(shoe: Shoe) -> None:
    if shoe.values["category"] in ("boot", "ankle_boot"):
        level = shoe.shaft - (0.05 if shoe.values["category"] == "ankle_boot" else 0.2)
        top = along(curve(shoe.upright((0.0, level), (0.17, level - 0.02), (0.35, level))), 22)
    else:
        top = along(curve(shoe.at(*[shoe.over(u, 0.95) for u in (0.55, 0.62, 0.7, 0.78)])), 15)
    paint = _contrast(shoe)
    length = shoe.jitter(0.11, 0.14)
    for index, at in enumerate(top):
        sway = 0.012 * np.sin(index * 2.1)
        path = np.stack(
            [
                at,
                at + np.array([sway, -length * 0.6]),
                at + np.array([sway * 1.6, -length * (0.9 + 0.1 * np.cos(index))]),
            ]
        )
        shoe.canvas.stroke(path, 0.0115, paint.shaded(0.82 + 0.16 * (index % 3)))
    shoe.canvas.stroke(top, 0.018, paint.raised(8))


def _flower(shoe: Shoe) -> None:
    at = _spot(shoe)
    paint = _contrast(shoe)
    for angle in (2.6, -0.5):
        shoe.canvas.fill(turned(loop(points((0, 0), (0.08, 0.03), (0.13, 0.0), (0.08, -0.03))), at, angle), LEAF)
    for index, angle in enumerate(np.arange(5) * 2 * np.pi / 5 + 0.3):
        center = at + 0.045 * np.array([np.cos(angle), np.sin(angle)])
        shoe.canvas.fill(disc(center, 0.043), paint.shaded(0.92 + 0.06 * (index % 3)))
    shoe.canvas.fill(disc(at, 0.027), Paint((232, 190, 70), 248, 0.3))


def _embroidery(shoe: Shoe) -> None:
    """A stitched vine with leaves and buds."""
    threads = [Paint(color, 228, 0.15) for color in ((212, 58, 72), (238, 190, 70), (70, 140, 96), (238, 236, 228))]
    order = shoe.rng.permutation(4)
    spots = _line_of(shoe, 7)
    vine = spots + np.stack([np.zeros(7), 0.018 * np.cos(np.arange(7) * np.pi)], axis=1)
    shoe.canvas.stroke(curve(vine), 0.008, threads[2])
    for index, at in enumerate(vine):
        paint = threads[int(order[index % 4])]
        for angle in np.arange(5) * 2 * np.pi / 5:
            petal = at + 0.018 * np.array([np.cos(angle), np.sin(angle)])
            shoe.canvas.fill(disc(petal, 0.0125, corners=6), paint)
        shoe.canvas.fill(disc(at, 0.009, corners=6), threads[1])


def _pompom(shoe: Shoe) -> None:
    at, paint = _spot(shoe) + np.array([0.0, 0.015]), _contrast(shoe)
    angles = np.linspace(0, 2 * np.pi, 44, endpoint=False)
    for shrink, tone in ((1.0, 0.8), (0.78, 0.98), (0.5, 1.14)):
        radius = 0.084 * shrink * (1 + 0.16 * np.sign(np.sin(np.arange(44) * 2.9)))
        tuft = at + np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1) + (1 - shrink) * 0.02
        shoe.canvas.fill(tuft, paint.shaded(tone, relief=225 + round(20 * (1 - shrink))))


def draw_feature(shoe: Shoe) -> None:
    """The one dominant ornament of a shoe, if it has any."""
    draw = {
        "bow": _bow,
        "studs": _studs,
        "chain": _chain,
        "gems": _gems,
        "tassel": _tassel,
        "fringe": _fringe,
        "flower": _flower,
        "embroidery": _embroidery,
        "pompom": _pompom,
    }.get(shoe.values["features"])
    if draw is not None:
        draw(shoe)
