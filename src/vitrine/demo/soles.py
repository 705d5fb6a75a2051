"""Soles, heels, wedges and platforms, and the last that follows from them."""

from collections.abc import Mapping

import numpy as np

from vitrine.demo.canvas import Paint
from vitrine.demo.geometry import Last, Points, along, curve, points, ribbon
from vitrine.demo.shoe import Shoe

# Heights of the heel seat above the ball, in shoe units (0.1 is about 2.5 cm), with narrow gaps between.
RISES: dict[str, tuple[float, float]] = {
    "flat": (0.008, 0.028),
    "very_low": (0.05, 0.075),
    "low": (0.1, 0.14),
    "mid": (0.175, 0.225),
    "high": (0.27, 0.325),
    "very_high": (0.38, 0.45),
}
SLABS: dict[str, tuple[float, float]] = {
    "very_low": (0.08, 0.093),
    "low": (0.11, 0.128),
    "mid": (0.15, 0.175),
    "high": (0.205, 0.235),
    "very_high": (0.25, 0.29),
}
THICKNESS: dict[str, tuple[float, float]] = {
    "rubber": (0.04, 0.05),
    "leather": (0.034, 0.042),
    "lacquered": (0.036, 0.046),
    "rope": (0.055, 0.075),
    "lug": (0.06, 0.075),
    "eva": (0.05, 0.065),
    "gum": (0.045, 0.06),
    "wood": (0.07, 0.1),
}
VOLUME: dict[str, float] = {
    "pump": 0.86,
    "ballet_flat": 0.74,
    "loafer": 0.94,
    "oxford": 0.98,
    "sneaker": 1.08,
    "mule": 0.92,
    "espadrille": 0.92,
    "slide": 0.9,
    "thong": 0.82,
    "sandal": 0.92,
}


def build_last(values: Mapping[str, str], rng: np.random.Generator) -> Last:
    """The last for a product's heel, height and sole."""
    thick = rng.uniform(*THICKNESS[values["sole"]])
    if values["category"] == "sneaker":
        thick = max(thick, 0.06) * 1.2
    if values["heel"] in ("stiletto", "kitten", "spool"):
        thick *= 0.8
    rise = rng.uniform(*RISES[values["heel_height"]])
    if values["heel"] == "platform":
        thick = rng.uniform(*SLABS[values["heel_height"]])
        rise = rng.uniform(0.02, 0.05)
    volume = VOLUME.get(values["category"], 1.0) * rng.uniform(0.96, 1.05)
    return Last(rise=rise, base=thick, spring=rng.uniform(0.012, 0.03), volume=volume)


def toe_end(values: Mapping[str, str]) -> float:
    """How far the sole reaches in front, as u: pointed toes are long."""
    reach = {"pointed": 1.15, "almond": 1.06, "square": 1.03, "open": 0.985}
    return reach.get(values["toe"], 1.005)


def _slab(shoe: Shoe, top: Points, ground: float) -> Points:
    """A sole standing on the ground: its top line, a round nose, a flat bottom that lifts under the toe."""
    nose, tail = top[-1], top[0]
    lift = shoe.last.spring * 0.9
    end = nose[0]
    bottom = points(
        (end + 0.004, nose[1] - 0.35 * (nose[1] - ground)),
        (end - 0.012, ground + lift * 0.9),
        (end - 0.1, ground + lift * 0.25),
        (end - 0.25, ground),
        (end - 0.4, ground),
        (tail[0] + 0.3, ground),
        (tail[0] + 0.05, ground + 0.001),
        (tail[0] - 0.002, ground + 0.35 * (tail[1] - ground)),
    )
    return np.concatenate([top, curve(bottom)])


def _tread(shoe: Shoe, paint: Paint, start: float, end: float, height: float) -> None:
    """The deep teeth of a lug sole, cut out of the ground line."""
    pitch = 0.052
    gap = paint.shaded(0.35, relief=60)
    for x in np.arange(start + 0.03, end - 0.05, pitch):
        lift = shoe.last.spring * max(0.0, (x - 0.72) / 0.28) ** 2
        notch = points(
            (x, lift - 0.01), (x + 0.004, lift + height), (x + 0.018, lift + height), (x + 0.022, lift - 0.01)
        )
        shoe.canvas.fill(notch, gap)


def draw_flat_sole(shoe: Shoe) -> None:
    """A sole that touches the ground all along: flats, sneakers, platforms and wedges' outsoles."""
    end, canvas, last = toe_end(shoe.values), shoe.canvas, shoe.last
    paint = shoe.dress.sole
    kind = shoe.values["sole"]
    cover = 0.035 if shoe.values["category"] == "sneaker" else 0.008
    lip = 0.012 if shoe.values["category"] == "sneaker" else 0.0
    top = last.sole_line(-0.025, end + lip, drop=-cover)
    body = _slab(shoe, top, 0.0)
    canvas.fill(body, paint)
    edge = last.sole_line(-0.022, end + lip - 0.004, drop=-cover + 0.012)
    if kind in ("eva", "gum", "rubber", "lug", "wood"):
        canvas.stroke(edge, 0.006, paint.shaded(0.8 if kind == "eva" else 0.75, relief=120))
    if kind in ("leather", "lug", "rubber") and shoe.values["category"] in (
        "loafer",
        "oxford",
        "boot",
        "ankle_boot",
    ):
        canvas.dashes(along(last.sole_line(0.0, end, drop=-0.002), 90), 0.006, paint.shaded(1.7, relief=170))
    if kind == "lug":
        _tread(shoe, paint, float(top[0, 0]), float(top[-1, 0]), min(0.045, last.base * 0.6))
    if kind == "rope":
        outsole = points((-0.02, 0.012), (0.4, 0.012), (0.75, 0.012), (end - 0.05, 0.012 + last.spring * 0.5))
        canvas.stroke(curve(outsole), 0.02, Paint((120, 84, 52), 140, 0.1))
    if shoe.values["heel"] == "platform" and kind in ("eva", "rubber", "gum", "lug"):
        line = last.sole_line(-0.01, end - 0.02, drop=last.base * 0.45)
        canvas.stroke(line, 0.008, paint.shaded(0.82, relief=110))
    if kind == "lacquered":
        canvas.light(ribbon(last.sole_line(0.1, end - 0.05, drop=last.base * 0.3), 0.012), 0.8)


def draw_raised_sole(shoe: Shoe) -> None:
    """The sole of a heeled shoe: thick under the ball, thin along the arch up to the heel seat."""
    end, canvas, last = toe_end(shoe.values), shoe.canvas, shoe.last
    paint = shoe.dress.sole
    u = np.linspace(-0.02, end, 30)
    top = last.at(np.stack([u, np.full(30, 0.006)], axis=1))
    thin = min(last.base, 0.026)
    drop = np.interp(u, [-0.02, 0.3, 0.58, end - 0.06, end], [thin, thin, last.base, last.base, last.base * 0.55])
    bottom = last.at(np.stack([u, np.zeros(30)], axis=1)) - np.stack([np.zeros(30), drop], axis=1)
    canvas.fill(np.concatenate([top, bottom[::-1]]), paint)
    if shoe.values["sole"] == "lug":
        _tread(shoe, paint, 0.55, float(top[-1, 0]), min(0.04, last.base * 0.6))
    if shoe.values["sole"] in ("lacquered", "leather"):
        canvas.stroke(top[1:-1] - np.array([0, 0.003]), 0.005, paint.shaded(0.7, relief=170))
    if shoe.values["sole"] == "lacquered":
        canvas.light(ribbon(bottom[6:-3] + np.array([0, 0.012]), 0.01), 0.85)


def _heel_outline(shoe: Shoe, kind: str) -> tuple[Points, tuple[float, float]]:
    """The outline of a heel under the seat and the span of its foot on the ground."""
    seat = float(shoe.last.insole(np.array([0.02]))[0]) - 0.012
    front = float(shoe.last.insole(np.array([0.22]))[0]) - 0.012
    h = seat
    w = shoe.jitter(0.92, 1.1)
    if kind in ("stiletto", "kitten"):
        tip = 0.03 * w if kind == "stiletto" else 0.05 * w
        back = points((-0.018, seat), (-0.016, h * 0.8), (0.006, h * 0.45), (0.022, 0.0))
        fore = points((0.022 + tip, 0.0), (0.026 + tip, h * 0.45), (0.078, h * 0.76), (0.2, front + 0.005))
        return np.concatenate([curve(back), curve(fore)]), (0.022, 0.022 + tip)
    if kind == "spool":
        back = points((-0.018, seat), (0.0, h * 0.78), (0.036, h * 0.45), (0.022, h * 0.14), (0.005, 0.0))
        fore = points((0.165 * w, 0.0), (0.14 * w, h * 0.14), (0.108 * w, h * 0.45), (0.15, h * 0.8), (0.23, front))
        return np.concatenate([curve(back), curve(fore)]), (0.005, 0.165 * w)
    lean = 0.0 if kind == "low" else shoe.jitter(-0.005, 0.025)
    foot = (-0.012 + lean, (0.235 if kind == "low" else 0.2) * w)
    back = points((-0.02, seat), (-0.018 + lean * 0.5, h * 0.5), (foot[0], 0.0))
    fore = points((foot[1], 0.0), (foot[1] + 0.006, h * 0.5), (0.25 * w, front))
    return np.concatenate([curve(back), curve(fore)]), foot


def draw_heel(shoe: Shoe) -> None:
    """The separate heel of a heeled shoe, with its top piece on the ground."""
    kind = shoe.values["heel"]
    paint = shoe.dress.heel.raised(-20)
    if kind == "low":
        dark = shoe.values["sole"] in ("rubber", "lug", "lacquered")
        paint = Paint((48, 44, 42), 165, 0.15) if dark else Paint((134, 90, 56), 165, 0.2, 0.1, "layers", 0.12)
    outline, (left, right) = _heel_outline(shoe, kind)
    shoe.canvas.fill(outline, paint)
    lift = points((left - 0.003, 0.0), (left - 0.003, 0.014), (right + 0.003, 0.014), (right + 0.003, 0.0))
    shoe.canvas.fill(lift, Paint((38, 34, 32), 150, 0.1))
    seat = float(shoe.last.insole(np.array([0.02]))[0])
    x = left + (right - left) * 0.3
    shine = points(
        (x, 0.03),
        (x - 0.01, seat * 0.5),
        (x - 0.012, seat * 0.85),
        (x + 0.012, seat * 0.85),
        (x + 0.012, 0.03),
    )
    shoe.canvas.light(shine, 0.65)


def draw_wedge(shoe: Shoe) -> None:
    """A wedge: one solid body from the heel to the ball, on a thin outsole."""
    end, canvas, last = toe_end(shoe.values), shoe.canvas, shoe.last
    paint = shoe.dress.heel.raised(-25)
    top = last.sole_line(-0.025, end, drop=-0.008)
    body = _slab(shoe, top, 0.0)
    canvas.fill(body, paint)
    canvas.fill(
        _slab(shoe, np.array([[top[0, 0], 0.03], [top[-1, 0], top[-1, 1] - last.base * 0.6]]), 0.0),
        shoe.dress.sole,
    )
    seat = float(last.insole(np.array([0.1]))[0])
    canvas.light(points((0.02, 0.06), (0.01, seat * 0.8), (0.05, seat * 0.85), (0.06, 0.06)), 0.5)


def draw_sole(shoe: Shoe) -> None:
    """Everything under the foot, drawn before the upper."""
    kind = shoe.values["heel"]
    if kind in ("none", "platform"):
        draw_flat_sole(shoe)
    elif kind == "wedge":
        draw_wedge(shoe)
    else:
        draw_heel(shoe)
        draw_raised_sole(shoe)
