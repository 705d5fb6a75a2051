"""What covers an upper: panels, holes, weaves, quilting and blocks of several colors."""

import numpy as np

from vitrine.demo.canvas import Paint
from vitrine.demo.geometry import Points, along, curve, disc, points, turned
from vitrine.demo.shoe import Shoe


def _box(outline: Points) -> tuple[float, float, float, float]:
    low, high = outline.min(axis=0), outline.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def draw_blocks(shoe: Shoe, outline: Points) -> None:
    """Bands of the second and third color, for multi-colored uppers."""
    left, bottom, right, top = _box(outline)
    one, two, three = shoe.dress.colors
    lean = shoe.jitter(-0.12, 0.12)
    cuts = [left + (right - left) * share for share in (0.34 + lean * 0.4, 0.68 + lean * 0.4)]
    shoe.canvas.begin_clip()
    for paint, start, end in ((two, cuts[0], cuts[1]), (three, cuts[1], right + 0.2)):
        shape = np.array(
            [[start, bottom - 0.1], [start + lean, top + 0.1], [end + lean, top + 0.1], [end, bottom - 0.1]]
        )
        shoe.canvas.fill(shape, paint)
    shoe.canvas.end_clip(one)


def _perforated(shoe: Shoe, outline: Points) -> None:
    left, bottom, right, top = _box(outline)
    pitch = shoe.jitter(0.034, 0.042)
    hole = shoe.dress.main.shaded(0.36 if sum(shoe.dress.main.color) > 150 else 2.6, relief=120)
    shoe.canvas.begin_clip()
    for row, y in enumerate(np.arange(bottom + 0.045, min(top, bottom + 0.75), pitch)):
        for x in np.arange(left + 0.05 + pitch * 0.5 * (row % 2), right - 0.05, pitch):
            shoe.canvas.fill(disc(np.array([x, y]), 0.0085, corners=6), hole)
    shoe.canvas.end_clip(*shoe.dress.colors)


def _lines(outline: Points, slope: float, pitch: float) -> list[Points]:
    """Parallel straight lines across the box of an outline."""
    left, bottom, right, top = _box(outline)
    reach = (top - bottom) / slope
    starts = np.arange(left - max(0.0, reach), right - min(0.0, reach), pitch)
    return [np.array([[x, bottom], [x + reach, top]]) for x in starts]


def _quilted(shoe: Shoe, outline: Points) -> None:
    pitch = shoe.jitter(0.075, 0.1)
    groove = shoe.dress.main.shaded(0.7, relief=140)
    shoe.canvas.begin_clip()
    for slope in (1.15, -1.15):
        for line in _lines(outline, slope, pitch):
            shoe.canvas.stroke(line, 0.009, groove)
    shoe.canvas.end_clip(*shoe.dress.colors)


def _woven(shoe: Shoe, outline: Points) -> None:
    """A diagonal basket weave: short strips that go over and under each other."""
    pitch = shoe.jitter(0.048, 0.06)
    one, two, three = shoe.dress.colors
    bright = sum(one.color) / 3
    over = (two.shaded(1.12) if bright > 60 else two.shaded(1.5)).raised(20)
    under = (three.shaded(0.84) if bright > 60 else three.shaded(1.1)).raised(-10)
    strip = points((-0.92, -0.36), (-0.92, 0.36), (0.92, 0.36), (0.92, -0.36)) * pitch
    rising, falling = (turned(strip, np.zeros(2), angle) for angle in (np.pi / 4, -np.pi / 4))
    left, bottom, right, top = _box(outline)
    half = pitch * 0.7071
    shoe.canvas.begin_clip()
    shoe.canvas.fill(outline, one.shaded(0.4, relief=110))
    for row, y in enumerate(np.arange(bottom, top + half, half)):
        for x in np.arange(left + half * (row % 2), right + half, 2 * half):
            shoe.canvas.fill(np.array([x, y]) + (rising if row % 2 else falling), over if row % 2 else under)
    shoe.canvas.end_clip(*shoe.dress.colors)


def _paneled(shoe: Shoe, outline: Points) -> None:
    one, two, three = shoe.dress.colors
    bright = sum(one.color) / 3
    plain = one == two
    front: Paint = (two.shaded(0.66) if bright > 70 else two.shaded(1.7)).raised(12) if plain else two.raised(12)
    rear: Paint = (three.shaded(0.55) if bright > 70 else three.shaded(2.2)).raised(12) if plain else three.raised(12)
    left, _, _, top = _box(outline)
    edge = curve(shoe.at((0.66, -0.02), (0.7, 0.07), (0.78, 0.12), (0.8, 0.2)))
    quarter = curve(shoe.at((0.36, -0.02), (0.33, 0.08), (0.22, 0.16), (0.14, 0.3)))
    shoe.canvas.begin_clip()
    shoe.canvas.fill(np.concatenate([edge, np.array([[1.3, top], [1.3, -0.1]])]), front)
    shoe.canvas.fill(np.concatenate([quarter, np.array([[left - 0.1, quarter[-1, 1]], [left - 0.1, -0.1]])]), rear)
    for line, side in ((edge, -0.014), (quarter, 0.014)):
        shoe.canvas.dashes(along(line + np.array([side, 0.0]), 34), 0.005, shoe.dress.thread)
    shoe.canvas.end_clip(one)


def draw_pattern(shoe: Shoe, outline: Points) -> None:
    """Cover an upper according to the value of `upper`."""
    one, two, _ = shoe.dress.colors
    upper = shoe.values["upper"]
    if one != two and upper in ("plain", "perforated", "quilted", "single_strap"):
        draw_blocks(shoe, outline)
    draw = {"perforated": _perforated, "quilted": _quilted, "woven": _woven, "paneled": _paneled}.get(upper)
    if draw is not None:
        draw(shoe, outline)
