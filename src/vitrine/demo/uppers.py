"""Closed uppers, from pumps to boots: their outlines, linings and seams."""

import numpy as np

from vitrine.demo.canvas import Paint
from vitrine.demo.geometry import Points, along, curve, ribbon
from vitrine.demo.shoe import Shoe

Pairs = list[tuple[float, float]]

# From the top of the counter to the throat, as (u, v).
TOPLINES: dict[str, Pairs] = {
    "pump": [
        (0.012, 0.25),
        (0.05, 0.24),
        (0.13, 0.19),
        (0.26, 0.125),
        (0.41, 0.092),
        (0.54, 0.092),
        (0.64, 0.118),
    ],
    "ballet_flat": [
        (0.012, 0.25),
        (0.05, 0.236),
        (0.14, 0.182),
        (0.28, 0.13),
        (0.45, 0.1),
        (0.6, 0.1),
        (0.71, 0.122),
    ],
    "loafer": [(0.012, 0.25), (0.06, 0.235), (0.16, 0.2), (0.28, 0.19), (0.37, 0.215)],
    "oxford": [(0.012, 0.26), (0.06, 0.245), (0.14, 0.205), (0.24, 0.205), (0.33, 0.265)],
    "sneaker": [(0.012, 0.285), (0.06, 0.255), (0.13, 0.225), (0.22, 0.228), (0.3, 0.275)],
    "espadrille": [(0.012, 0.24), (0.06, 0.225), (0.16, 0.185), (0.3, 0.17), (0.4, 0.19)],
}
# Where the upper meets the foot's upper line.
THROATS: dict[str, float] = {
    "pump": 0.71,
    "ballet_flat": 0.775,
    "loafer": 0.44,
    "oxford": 0.4,
    "sneaker": 0.37,
    "espadrille": 0.5,
    "mule": 0.5,
}
TOES: dict[str, Pairs] = {
    "round": [(0.82, 0.15), (0.9, 0.132), (0.96, 0.102), (0.998, 0.055), (1.0, 0.02), (0.992, 0.0)],
    "cap": [(0.82, 0.15), (0.9, 0.134), (0.96, 0.105), (0.998, 0.057), (1.0, 0.02), (0.992, 0.0)],
    "almond": [(0.82, 0.142), (0.9, 0.11), (0.98, 0.07), (1.035, 0.034), (1.055, 0.0)],
    "pointed": [(0.82, 0.134), (0.9, 0.096), (1.0, 0.055), (1.09, 0.024), (1.145, 0.004)],
    "square": [(0.82, 0.14), (0.9, 0.122), (0.98, 0.108), (1.0, 0.105), (1.006, 0.098), (1.022, 0.0)],
    "open": [(0.8, 0.152), (0.865, 0.13), (0.88, 0.118), (0.892, 0.07), (0.925, 0.0)],
}


def _vamp(shoe: Shoe, throat: float) -> Pairs:
    """From the throat along the foot's upper line into the toe."""
    toe = TOES[shoe.values["toe"]]
    start = [shoe.over(u, 0.98) for u in np.arange(throat, toe[0][0] - 0.03, 0.075)]
    return [*start, *toe]


def _bottom(shoe: Shoe, end: float) -> Points:
    return shoe.last.sole_line(0.0, end, drop=0.004)[::-1]


def boot_outline(shoe: Shoe) -> Points:
    """The outline of a boot; the shaft stands upright on the heel seat."""
    height = shoe.shaft
    tall = shoe.values["category"] == "boot"
    calf = 0.05 if tall else 0.015
    back = [(-0.005, 0.0), (-0.034, 0.08), (-0.022, 0.17), (0.008, 0.29), (0.006, 0.4)]
    back += [(-calf * 0.6, height * 0.72), (-calf, height)] if tall else [(-0.004, height)]
    front = [(0.36 + calf, height), (0.355 + calf * 0.6, height * 0.75)] if tall else [(0.355, height)]
    front += [(0.345, 0.52), (0.352, 0.46)]
    rear = curve(shoe.upright(*back))
    shin = curve(shoe.upright(*front))
    vamp = curve(shoe.at((0.375, 0.425), (0.42, 0.375), *_vamp(shoe, 0.5)))
    return np.concatenate([rear, shin, vamp, _bottom(shoe, TOES[shoe.values["toe"]][-1][0])])


def mule_outline(shoe: Shoe) -> Points:
    """A vamp without a back."""
    throat = THROATS["mule"]
    rear = curve(shoe.at((0.4, 0.0), (0.41, 0.1), (0.45, 0.2), shoe.over(throat, 0.96)))
    return np.concatenate([rear, curve(shoe.at(*_vamp(shoe, throat))), _bottom_from(shoe, 0.4)])


def _bottom_from(shoe: Shoe, start: float) -> Points:
    return shoe.last.sole_line(start, TOES[shoe.values["toe"]][-1][0], drop=0.004)[::-1]


def low_outline(shoe: Shoe) -> Points:
    """Pumps, flats, loafers, oxfords, sneakers and espadrilles; a slingback's quarter is cut away."""
    category = shoe.values["category"]
    throat = THROATS[category]
    if shoe.values["back"] == "slingback":
        rear = curve(shoe.at((0.3, 0.0), (0.33, 0.05), (0.42, 0.08), (0.54, 0.09), *TOPLINES[category][-1:]))
    else:
        counter = curve(shoe.at((-0.004, 0.0), (-0.03, 0.075), (-0.022, 0.16), TOPLINES[category][0]))
        top = curve(shoe.at(*TOPLINES[category]))
        rear = np.concatenate([counter, top])
    rise = shoe.at(*TOPLINES[category][-1:], shoe.over(throat - 0.02, 0.93), shoe.over(throat, 0.98))
    vamp = curve(shoe.at(*_vamp(shoe, throat)))
    start = 0.3 if shoe.values["back"] == "slingback" else 0.0
    return np.concatenate([rear, curve(rise), vamp, _bottom_from(shoe, start)])


def draw_lining(shoe: Shoe) -> None:
    """The far side's inner face, seen over the near topline."""
    category, canvas = shoe.values["category"], shoe.canvas
    lining = shoe.dress.lining.shaded(0.78)
    if category in ("boot", "ankle_boot"):
        return
    top = TOPLINES.get(category)
    if top is None:
        return
    throat = THROATS[category]
    if shoe.values["back"] == "slingback":
        path = shoe.at((0.3, 0.0), (0.4, 0.1), (0.54, 0.118), shoe.over(throat, 0.99), (throat, 0.02))
        canvas.fill(curve(path), lining)
        return
    raised = [(u + 0.012, v + 0.03 * min(1.0, u / 0.15)) for u, v in top]
    far = curve(shoe.at((0.02, 0.1), *raised, shoe.over(throat, 0.99), (throat, 0.05)))
    canvas.fill(far, lining)


def draw_footbed(shoe: Shoe, *, start: float = -0.012, end: float | None = None) -> None:
    """The insole of an open shoe, a thin lens because the camera looks slightly down."""
    reach = 0.99 if end is None else end
    near = shoe.last.sole_line(start, reach)
    lens = np.sin(np.linspace(0, np.pi, len(near))) ** 0.5 * 0.03
    far = near + np.stack([np.zeros(len(near)), lens], axis=1)
    shoe.canvas.fill(np.concatenate([near, far[::-1]]), shoe.dress.insole)


def _seam(shoe: Shoe, path: Points, *, double: bool = False) -> None:
    """A groove with a row of stitches beside it."""
    main = shoe.dress.main
    shoe.canvas.stroke(path, 0.006, main.shaded(0.72, relief=165))
    stitches = path + np.array([0.0, 0.013])
    shoe.canvas.dashes(along(stitches, max(8, round(60 * _length(path)))), 0.005, shoe.dress.thread)
    if double:
        more = path + np.array([0.0, 0.023])
        shoe.canvas.dashes(along(more, max(8, round(60 * _length(path)))), 0.005, shoe.dress.thread)


def _length(path: Points) -> float:
    return float(np.sqrt((np.diff(path, axis=0) ** 2).sum(axis=1)).sum())


def _loafer(shoe: Shoe) -> None:
    bright = sum(shoe.dress.main.color) / 3
    apron = curve(shoe.at((0.52, 0.13), (0.6, 0.105), (0.72, 0.086), (0.83, 0.082), (0.905, 0.092), (0.945, 0.112)))
    shoe.canvas.stroke(apron, 0.019, shoe.dress.main.shaded(0.9 if bright > 70 else 1.35, relief=240))
    shoe.canvas.dashes(along(apron, 60), 0.012, shoe.dress.main.shaded(0.62, relief=190))
    saddle = curve(
        shoe.at(
            (0.47, 0.04),
            (0.475, 0.13),
            shoe.over(0.51, 1.03),
            shoe.over(0.595, 1.04),
            (0.585, 0.12),
            (0.59, 0.04),
        )
    )
    strap = shoe.dress.colors[1].shaded(0.82 if bright > 70 else 1.45, relief=235)
    shoe.canvas.fill(saddle, strap)
    for inset in (0.012, -0.012):
        edge = shoe.at((0.53 - inset * 4.4, 0.06), (0.53 - inset * 4.2, 0.13), shoe.over(0.552 - inset * 2.8, 0.97))
        shoe.canvas.dashes(along(curve(edge), 22), 0.005, shoe.dress.thread)


def _oxford(shoe: Shoe) -> None:
    quarter = shoe.at((0.33, 0.26), (0.4, 0.37), (0.54, 0.265), (0.6, 0.16), (0.56, 0.07), (0.5, 0.0), (0.36, 0.0))
    shoe.canvas.fill(curve(quarter), shoe.dress.colors[1].raised(8))
    _seam(shoe, curve(shoe.at((0.52, 0.0), (0.58, 0.08), (0.6, 0.16), (0.56, 0.24))), double=True)


def _sneaker(shoe: Shoe) -> None:
    one, two, three = shoe.dress.colors
    counter = shoe.at((-0.03, 0.03), (-0.028, 0.16), (0.012, 0.27), (0.075, 0.235), (0.12, 0.14), (0.17, 0.03))
    shoe.canvas.begin_clip()
    shoe.canvas.fill(curve(counter), two.shaded(0.93, relief=205))
    mud = curve(shoe.at((0.7, 0.02), (0.78, 0.075), (0.86, 0.115), (0.93, 0.13), (1.02, 0.1), (1.02, 0.0)))
    shoe.canvas.fill(mud, three.shaded(0.95, relief=205))
    shoe.canvas.end_clip(one)
    facing = curve(shoe.at((0.3, 0.265), (0.4, 0.27), (0.55, 0.17), (0.64, 0.12)))
    _seam(shoe, facing)
    swash = shoe.at((0.24, 0.05), (0.3, 0.11), (0.4, 0.17), (0.45, 0.165), (0.38, 0.1), (0.34, 0.05))
    shoe.canvas.fill(swash, three.shaded(1.12 if sum(three.color) < 330 else 0.8, relief=210))


def _tongue(shoe: Shoe) -> None:
    """The tongue of a laced shoe, standing above the throat; drawn before the quarters."""
    height = 0.46 if shoe.values["category"] == "sneaker" else 0.42
    tongue = curve(shoe.at((0.3, 0.2), (0.315, height), (0.36, height + 0.02), (0.41, 0.38), (0.5, 0.3)))
    shoe.canvas.fill(tongue, shoe.dress.main.shaded(0.85, relief=150))


def _boot(shoe: Shoe) -> None:
    vamp = curve(shoe.at((0.33, 0.0), (0.37, 0.16), (0.43, 0.28), (0.47, 0.33)))
    _seam(shoe, vamp)
    _seam(shoe, curve(shoe.at((-0.02, 0.15), (0.08, 0.17), (0.16, 0.1), (0.2, 0.0))))


def _espadrille(shoe: Shoe) -> None:
    blanket = along(shoe.last.sole_line(0.02, 0.96, drop=-0.004), 56)
    for base in blanket[::2]:
        path = np.stack([base, base + np.array([0.012, 0.028])])
        shoe.canvas.fill(ribbon(path, 0.006), shoe.dress.sole.shaded(1.05, relief=215))
    _seam(shoe, curve(shoe.at((0.52, 0.0), (0.56, 0.1), shoe.over(0.6, 0.95))))


def draw_upper(shoe: Shoe) -> Points:
    """A closed upper with its seams; returns its outline in shoe units."""
    category, canvas, main = shoe.values["category"], shoe.canvas, shoe.dress.main
    draw_lining(shoe)
    if shoe.values["toe"] == "open" or category == "mule":
        draw_footbed(shoe)
    if category in ("sneaker", "oxford"):
        _tongue(shoe)
    if category in ("boot", "ankle_boot"):
        outline = boot_outline(shoe)
    elif category == "mule":
        outline = mule_outline(shoe)
    else:
        outline = low_outline(shoe)
    canvas.fill(outline, main)
    if category in ("pump", "ballet_flat", "loafer", "espadrille", "mule"):
        canvas.stroke(outline[: len(outline) // 3], 0.008, main.shaded(0.82, relief=215))
    details = {"loafer": _loafer, "oxford": _oxford, "sneaker": _sneaker, "espadrille": _espadrille}
    if category in details:
        details[category](shoe)
    elif category in ("boot", "ankle_boot"):
        _boot(shoe)
    if shoe.values["toe"] == "cap":
        _cap(shoe)
    shine = shoe.at(
        shoe.over(0.66, 0.86),
        shoe.over(0.76, 0.84),
        shoe.over(0.86, 0.8),
        shoe.over(0.86, 0.62),
        shoe.over(0.74, 0.66),
    )
    canvas.light(shine, 0.9)
    return outline


def _cap(shoe: Shoe) -> None:
    """A toe cap: rubber on sneakers, a contrasting leather elsewhere."""
    bright = sum(shoe.dress.main.color) / 3
    cap: Paint = shoe.dress.colors[1].shaded(0.55 if bright > 95 else 2.4, relief=212)
    if shoe.values["category"] == "sneaker":
        cap = Paint((238, 236, 230), 212, 0.2)
    edge = curve(shoe.at((0.8, -0.01), (0.815, 0.07), (0.85, 0.13), (0.86, 0.17)))
    shape = np.concatenate([edge, shoe.at((1.05, 0.17), (1.05, -0.01))])
    shoe.canvas.begin_clip()
    shoe.canvas.fill(shape, cap)
    shoe.canvas.dashes(along(edge + np.array([-0.012, 0]), 22), 0.005, shoe.dress.thread)
    shoe.canvas.end_clip(shoe.dress.main, *(paint.shaded(0.95, relief=205) for paint in shoe.dress.colors[2:]))
