"""One shoe on the drawing board: its canvas, last, true values and the paints it is dressed in."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vitrine.demo.canvas import Canvas, Color, Paint
from vitrine.demo.geometry import Last, Points
from vitrine.demo.materials import (
    BRIGHTS,
    COLORS,
    COVERINGS,
    FINISHES,
    GOLD,
    METALLICS,
    NEUTRALS,
    SILVER,
    SOLES,
)

CLOSED_TOE = frozenset(("round", "almond", "pointed", "square", "cap"))


@dataclass(frozen=True, slots=True)
class Dress:
    """The paints of one shoe; `colors` are those of its straps and blocks (one color thrice where plain)."""

    colors: tuple[Paint, Paint, Paint]
    lining: Paint
    insole: Paint
    sole: Paint
    heel: Paint
    metal: Paint
    thread: Paint

    @property
    def main(self) -> Paint:
        """The paint of the upper."""
        return self.colors[0]


@dataclass(frozen=True, slots=True)
class Shoe:
    """What every drawing function is given.

    `rng` belongs to the style, so that colorways and photos share its draws; `shaft` is the height of a boot
    above the heel seat, 0 for other shoes.
    """

    canvas: Canvas
    last: Last
    values: Mapping[str, str]
    dress: Dress
    rng: np.random.Generator
    shaft: float

    def at(self, *pairs: tuple[float, float]) -> Points:
        """Points of the last, as shoe units."""
        return self.last.at(np.array(pairs, dtype=np.float64))

    def upright(self, *pairs: tuple[float, float]) -> Points:
        """Points measured from the heel seat, level however tall the heel: shafts and ankle straps."""
        uv = np.array(pairs, dtype=np.float64)
        seat = float(self.last.insole(np.array([0.05]))[0])
        x = uv[:, 0] * (1.0 - 0.28 * self.last.rise)
        return np.stack([x, seat + uv[:, 1] * self.last.volume], axis=1)

    def over(self, u: float, share: float = 1.0) -> tuple[float, float]:
        """The point `share` of the way up to the foot's upper line at `u`."""
        return (u, share * self.last.dorsum(u))

    def jitter(self, low: float, high: float) -> float:
        """One draw of the style between two bounds."""
        return float(self.rng.uniform(low, high))


def _shifted(color: Color, spread: Color, rng: np.random.Generator) -> Color:
    """A shade near a color: mostly lighter or darker, a little in hue."""
    depth, hue = rng.uniform(-1, 1), rng.uniform(-0.45, 0.45, 3)
    red, green, blue = (float(np.clip(c + s * (depth + h), 4, 250)) for c, s, h in zip(color, spread, hue, strict=True))
    return (red, green, blue)


def shades(color: str, rng: np.random.Generator) -> tuple[Color, Color, Color]:
    """Three colors for a value of `color`: the same thrice, or different ones for the two multi values."""
    if color in ("multicolor", "multineutral"):
        pool = BRIGHTS if color == "multicolor" else NEUTRALS
        chosen = rng.permutation(len(pool))[:3]
        one, two, three = (_shifted(pool[int(i)], (12, 12, 12), rng) for i in chosen)
        return (one, two, three)
    if color == "metallic":
        shade = _shifted(METALLICS[int(rng.integers(len(METALLICS)))], (8, 8, 8), rng)
    else:
        choices = COLORS[color]
        shade = _shifted(*choices[int(rng.integers(len(choices)))], rng)
    return (shade, shade, shade)


def dress(values: Mapping[str, str], style: np.random.Generator, colorway: np.random.Generator) -> Dress:
    """Choose the paints: finish and hardware belong to the style, color and lining to the colorway."""
    finish = FINISHES[values["material"]]
    gloss, strength = style.uniform(*finish.gloss), style.uniform(*finish.strength)
    metal = GOLD if style.random() < 0.65 else SILVER
    sharpness = finish.sharpness
    if values["color"] == "metallic":
        gloss, sharpness = max(gloss, 0.75), max(sharpness, 0.45)
    colors = shades(values["color"], colorway)
    one, two, three = (Paint(c, 195, gloss, sharpness, finish.texture, strength) for c in colors)
    natural = (214, 188, 156) if colorway.random() < 0.6 else (150, 108, 76)
    lining = Paint(natural, 90, 0.05)
    bright = sum(colors[0]) / 3
    thread = one.shaded(1.45 if bright < 110 else 0.72, relief=205)
    heel = one
    if values.get("heel_covering") in COVERINGS:
        heel = COVERINGS[values["heel_covering"]]
    sole = SOLES[values["sole"]]
    if values["sole"] == "lacquered" and style.random() < 0.25:
        sole = Paint((28, 96, 74), 150, 0.9, 1.0)
    insole = lining.shaded(0.97, relief=110)
    return Dress((one, two, three), lining, insole, sole, heel, metal, thread)
