"""Straps: sandals, slides and flip-flops, slingbacks, and straps around the ankle and across the instep."""

import numpy as np

from vitrine.demo.canvas import Paint
from vitrine.demo.geometry import Points, along, curve, points, ribbon
from vitrine.demo.shoe import Shoe
from vitrine.demo.uppers import draw_footbed


def _arch(shoe: Shoe, foot: float, top: float) -> Points:
    """The near half of a strap: from the sole's edge at `foot` up to the foot's upper line at `top`."""
    height = shoe.last.dorsum(top)
    lean = top - foot
    return curve(
        shoe.at(
            (foot, -0.012),
            (foot + lean * 0.2, 0.5 * height),
            (top - 0.012, 0.92 * height),
            (top + 0.014, height),
        )
    )


def _far_arch(shoe: Shoe, top: float, foot: float) -> Points:
    """The far half, from the top of the near one down to the other side of the sole."""
    height = shoe.last.dorsum(top)
    return curve(shoe.at((top + 0.008, height), (top + 0.036, 0.9 * height), (top + 0.048, 0.5 * height), (foot, 0.03)))


def band(shoe: Shoe, foot: float, top: float, width: float, paint: Paint) -> None:
    """One strap over the foot, its far half first."""
    canvas = shoe.canvas
    near, far = _arch(shoe, foot, top), _far_arch(shoe, top, foot + 0.07)
    canvas.stroke(far, width * 0.8, shoe.dress.lining.shaded(0.66, relief=100))
    canvas.stroke(near, np.linspace(width * 1.1, width, len(near)), paint.raised(10))
    canvas.dashes(along(near + np.array([width * 0.36, 0.0]), 26), 0.004, shoe.dress.thread)
    canvas.light(ribbon(near[len(near) // 2 :], width * 0.35), 0.75)


def wide_band(shoe: Shoe, back: float, front: float, paint: Paint) -> Points:
    """A broad strap from `back` to `front`; returns its outline."""
    ridge = [shoe.over(u, 1.0) for u in np.linspace(back + 0.045, front - 0.005, 5)]
    inner = shoe.at(shoe.over(front - 0.02, 0.98), (front + 0.055, 0.06), (front + 0.06, 0.02), (front - 0.02, 0.0))
    behind = shoe.at(shoe.over(back + 0.045, 0.98), (back + 0.0, 0.1), (back + 0.02, 0.03), (back + 0.06, 0.03))
    shoe.canvas.fill(inner, shoe.dress.lining.shaded(0.62, relief=95))
    shoe.canvas.fill(behind, shoe.dress.lining.shaded(0.75, relief=95))
    rear = curve(shoe.at((back - 0.005, -0.012), (back + 0.008, 0.1), ridge[0]))
    fore = curve(shoe.at(ridge[-1], (front + 0.012, 0.5 * ridge[-1][1]), (front + 0.012, -0.012)))
    outline = np.concatenate([rear, curve(shoe.at(*ridge)), fore])
    shoe.canvas.fill(outline, paint)
    for edge, inset in ((rear, 0.014), (fore, -0.014)):
        shoe.canvas.dashes(along(edge + np.array([inset, 0.0]), 30), 0.004, shoe.dress.thread)
    shine = shoe.at(
        shoe.over(back + 0.06, 0.9),
        shoe.over(front - 0.03, 0.88),
        shoe.over(front - 0.02, 0.7),
        shoe.over(back + 0.06, 0.72),
    )
    shoe.canvas.light(shine, 0.85)
    return outline


def ankle_ring(shoe: Shoe, level: float, *, far: bool) -> Points:
    """Half an ellipse around the ankle at `level`: the far or the near half."""
    angle = np.linspace(np.pi, 0, 18) if far else np.linspace(-np.pi, 0, 18)
    x = 0.155 + 0.165 * np.cos(angle)
    y = level + 0.045 * np.sin(angle) + 0.018 * np.cos(angle)
    return shoe.upright(*zip(x.tolist(), y.tolist(), strict=True))


def ankle_level(shoe: Shoe) -> float:
    """How high above the heel seat the ankle strap runs."""
    return 0.345 / shoe.last.volume


def draw_ankle_back(shoe: Shoe, width: float) -> None:
    """What of an ankle strap lies behind the foot."""
    shoe.canvas.stroke(
        ankle_ring(shoe, ankle_level(shoe), far=True), width * 0.9, shoe.dress.lining.shaded(0.66, relief=95)
    )


def draw_ankle_front(shoe: Shoe, width: float) -> None:
    """The near half of an ankle strap, held by a strip down to the heel seat."""
    level = ankle_level(shoe)
    paint = shoe.dress.colors[1].raised(12)
    holder = curve(shoe.upright((-0.008, level), (-0.016, level * 0.6), (0.005, 0.0)))
    shoe.canvas.stroke(holder, width * 1.1, paint.raised(-6))
    near = ankle_ring(shoe, level, far=False)
    shoe.canvas.stroke(near, width, paint)
    shoe.canvas.light(ribbon(near[9:15], width * 0.4), 0.7)


def draw_slingback(shoe: Shoe, width: float, *, start: tuple[float, float]) -> Points:
    """The strap around the back of the heel; returns its near half."""
    level = 0.2
    far = curve(shoe.at((start[0] + 0.02, start[1] + 0.05), (0.15, level - 0.01), (0.0, level + 0.012)))
    shoe.canvas.stroke(far, width * 0.8, shoe.dress.lining.shaded(0.66, relief=95))
    near = curve(shoe.at(start, (0.24, 0.115), (0.1, 0.17), (-0.008, level), (-0.012, level + 0.012)))
    shoe.canvas.stroke(near, width, shoe.dress.colors[1].raised(10))
    return near


def draw_counter(shoe: Shoe, *, cutout: bool) -> None:
    """A closed back on a sandal."""
    shape = shoe.at(
        (-0.004, -0.012),
        (-0.03, 0.08),
        (-0.02, 0.17),
        (0.006, 0.25),
        (0.06, 0.23),
        (0.15, 0.15),
        (0.24, 0.06),
        (0.27, -0.012),
    )
    shoe.canvas.fill(shoe.at((0.0, 0.0), (0.03, 0.27), (0.12, 0.24), (0.26, 0.06)), shoe.dress.lining.shaded(0.7))
    shoe.canvas.fill(curve(shape), shoe.dress.main)
    shoe.canvas.dashes(along(curve(shape[3:7]) - np.array([0, 0.015]), 26), 0.005, shoe.dress.thread)
    if cutout:
        draw_cutout(shoe)


def draw_cutout(shoe: Shoe) -> None:
    """A hole in the counter through which the lining shows."""
    hole = shoe.at(
        (0.02, 0.06), (0.015, 0.13), (0.035, 0.165), (0.08, 0.15), (0.125, 0.09), (0.115, 0.05), (0.06, 0.04)
    )
    shoe.canvas.fill(curve(np.concatenate([hole, hole[:1]])), shoe.dress.main.shaded(0.75, relief=215))
    center = hole.mean(axis=0)
    shoe.canvas.fill(center + (hole - center) * 0.82, shoe.dress.lining.shaded(0.8, relief=70))


def _crossed(shoe: Shoe) -> None:
    one, two, _ = shoe.dress.colors
    width = shoe.jitter(0.06, 0.085)
    ends = ((0.5, 0.76, two), (0.82, 0.58, one))
    for foot, top, paint in ends:
        far = curve(shoe.at(shoe.over(top, 0.99), (top + 0.02, 0.1), (top + 0.05, 0.03)))
        shoe.canvas.stroke(far, width * 0.8, shoe.dress.lining.shaded(0.66, relief=100))
        near = curve(shoe.at((foot, -0.012), (0.5 * (foot + top), 0.45 * shoe.last.dorsum(top)), shoe.over(top, 1.0)))
        shoe.canvas.stroke(near, width, paint.raised(8 if paint is one else 0))
        shoe.canvas.dashes(along(near + np.array([width * 0.3, 0.0]), 26), 0.004, shoe.dress.thread)
        shoe.canvas.light(ribbon(near[5:], width * 0.35), 0.75)


def _multi(shoe: Shoe) -> None:
    count = int(shoe.rng.integers(4, 7))
    width = 0.2 / count
    feet = np.linspace(0.45, 0.83, count)
    for index, foot in enumerate(feet):
        band(shoe, float(foot), float(foot + 0.035), width, shoe.dress.colors[index % 3])


def _thong(shoe: Shoe) -> None:
    paint = shoe.dress.main.raised(10)
    post = shoe.at((0.84, 0.0), (0.835, 0.06), (0.8, 0.1))
    far = curve(shoe.at((0.8, 0.105), (0.68, 0.16), (0.56, 0.14), (0.47, 0.04)))
    near = curve(shoe.at((0.81, 0.1), (0.7, 0.125), (0.56, 0.09), (0.43, -0.01)))
    shoe.canvas.stroke(far, np.linspace(0.03, 0.045, len(far)), shoe.dress.lining.shaded(0.66, relief=100))
    shoe.canvas.stroke(post, 0.024, paint)
    shoe.canvas.stroke(near, np.linspace(0.03, 0.062, len(near)), paint)
    shoe.canvas.light(ribbon(near[4:16], 0.018), 0.8)


def draw_straps(shoe: Shoe) -> list[Points]:
    """The straps over the forefoot by the kind of upper; returns outlines that patterns may fill."""
    upper, category = shoe.values["upper"], shoe.values["category"]
    if category == "thong":
        _thong(shoe)
        return []
    if upper == "crossed_straps":
        _crossed(shoe)
        return []
    if upper == "multi_strap":
        _multi(shoe)
        return []
    wide = category in ("slide", "mule") or upper in ("woven", "quilted")
    front = shoe.jitter(0.83, 0.88)
    back = front - (shoe.jitter(0.27, 0.34) if wide else shoe.jitter(0.1, 0.15))
    return [wide_band(shoe, back, front, shoe.dress.main)]


def draw_open_shoe(shoe: Shoe) -> list[Points]:
    """A sandal, slide or flip-flop on its sole; returns outlines that patterns may fill."""
    back = shoe.values["back"]
    draw_footbed(shoe)
    width = shoe.jitter(0.028, 0.042)
    if back == "ankle_strap":
        draw_ankle_back(shoe, width)
    if back in ("closed", "cutout"):
        draw_counter(shoe, cutout=back == "cutout")
    outlines = draw_straps(shoe)
    if back == "slingback":
        draw_slingback(shoe, width, start=(0.42, -0.01))
    if back == "ankle_strap":
        draw_ankle_front(shoe, width)
    if back == "pull_tab":
        draw_counter(shoe, cutout=False)
    return outlines


def draw_pull_tab(shoe: Shoe) -> None:
    """A loop standing up at the back of the collar."""
    boot = shoe.values["category"] in ("boot", "ankle_boot")
    at = (0.0, shoe.shaft) if boot else (0.0, 0.25)
    base = shoe.upright(at)[0]
    shape = points((-0.03, -0.045), (-0.045, 0.02), (-0.036, 0.065), (-0.008, 0.062), (0.004, 0.02), (0.008, -0.045))
    paint = shoe.dress.colors[2].shaded(0.62 if sum(shoe.dress.main.color) > 240 else 2.6, relief=225)
    shoe.canvas.fill(base + curve(shape), paint)
    hole = points((-0.028, -0.005), (-0.03, 0.03), (-0.018, 0.045), (-0.006, 0.028), (-0.004, -0.005))
    shoe.canvas.fill(base + hole, paint.shaded(0.55, relief=120))
