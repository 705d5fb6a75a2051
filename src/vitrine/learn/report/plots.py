"""Draw the report's plots with Matplotlib as inline SVG that takes its colors and fonts from the page.

>>> from vitrine.learn.calibrate import reliability as measure
>>> sure, right = np.array([0.95, 0.95, 0.55, 0.55]), np.array([True, True, True, False])
>>> print(reliability(measure(sure, right))[:40])
<svg viewBox="0 0 360 240" role="img" ar
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vitrine.learn.calibrate import Reliability

_FIRST = 10  # the error among fewer rows than this says nothing, so the curve starts there
_POINTS = 160
_Z = 1.96

# Matplotlib draws with colors that nobody sees; each stands for one that the page chooses for light or dark
INK, SOFT, FAINT, LINE, PAPER = "#0a0001", "#0a0002", "#0a0003", "#0a0004", "#0a0005"
RIGHT, WRONG = "#0a0006", "#0a0007"
_SHOWN = {
    INK: "var(--ink)", SOFT: "var(--soft)", FAINT: "var(--faint)", LINE: "var(--line)",
    PAPER: "var(--paper)", RIGHT: "rgb(var(--right))", WRONG: "rgb(var(--wrong))",
}  # fmt: skip

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Point:
    """What the rule in force does on the rows drawn, with intervals where there are any."""

    coverage: float
    error: float
    coverage_interval: Interval | None = None
    error_interval: Interval | None = None


def risk_coverage(confidence: Floats, right: Bools, *, allowed: float, point: Point | None = None) -> Markup:
    """The error among the surest rows against their share, the error `allowed`, and the rule's `point`.

    `confidence` and `right` have one entry a row. The band is the pointwise 95 % interval of Wilson (1927).
    """
    coverage, error, low, high = _curve(confidence, right)
    ends = [2.2 * allowed, *(1.1 * error[-1:]), *([1.1 * point.error] if point else [])]
    ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(0, min(100, 100 * max(ends)))
    figure, axes = empty("share published, %", "error among published, %")
    frame(axes, (0, 100), (0, ticks[-1]), [0, 25, 50, 75, 100], ticks)
    axes.axhspan(0, 100 * allowed, color=RIGHT, alpha=0.07, linewidth=0)
    band = np.minimum(100 * np.concatenate([low, high[::-1]]), ticks[-1])
    axes.fill(100 * np.concatenate([coverage, coverage[::-1]]), band, color=WRONG, alpha=0.14, linewidth=0)
    axes.plot(100 * coverage, np.minimum(100 * error, ticks[-1]), color=WRONG, linewidth=1.6, gid="curve")
    axes.axhline(100 * allowed, color=RIGHT, linewidth=1, linestyle=(0, (4, 3)))
    note(axes, 99, 100 * allowed, f"allowed: {100 * allowed:.4g} %", RIGHT)
    name = "Risk and coverage: the error among published answers against the share published"
    if point:
        _mark(axes, point)
        name += f"; certified: {100 * point.coverage:.1f} % published, {100 * point.error:.1f} % of it wrong"
    return svg(figure, name)


def reliability(measured: Reliability) -> Markup:
    """The share that is right against the confidence: a dot for each bin, with Wilson's 95 % interval (1927).

    Answers on the diagonal are as often right as they say.
    """
    confidence, correct = 100 * np.array(measured.bin_confidence), 100 * np.array(measured.bin_correct)
    n = np.array(measured.bin_n, dtype=np.float64)
    low, high = wilson(correct / 100 * n, n)
    least = min(confidence.min(), 100 * low.min())
    start = 25.0 * min(3, int(least // 25))  # most answers are sure: an axis from 0 would squeeze them
    ticks = np.linspace(start, 100, 6 if start == 75 else round((100 - start) / 25) + 1)
    figure, axes = empty("confidence, %", "share that is right, %")
    frame(axes, (start, 100), (start, 100), ticks, ticks)
    axes.plot([start, 100], [start, 100], color=FAINT, linewidth=1, linestyle=(0, (3, 3)))
    axes.vlines(confidence, 100 * low, 100 * high, color=RIGHT, alpha=0.6, linewidth=1.4)
    dots(axes, confidence, correct, RIGHT, 7)
    fewest, most = min(measured.bin_n), max(measured.bin_n)
    each = _thin(most) if fewest == most else f"{_thin(fewest)} to {_thin(most)}"
    note(axes, 100, start, f"n = {each} for each dot", SOFT)
    return svg(figure, "Reliability: the share of answers that is right against their confidence")


def wilson(hits: Floats, n: Floats) -> tuple[Floats, Floats]:
    """95 % intervals of shares `hits / n` (Wilson 1927); n must be above 0."""
    share, spread = hits / n, _Z**2 / n
    center = (share + spread / 2) / (1 + spread)
    half = _Z * np.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return np.maximum(center - half, 0), np.minimum(center + half, 1)


def _curve(confidence: Floats, right: Bools) -> tuple[Floats, Floats, Floats, Floats]:
    """Coverage, error and its interval at up to 160 falling confidences; ties are published together."""
    order = np.argsort(-confidence, kind="stable")
    wrong = (~right[order]).cumsum().astype(np.float64)
    n = np.arange(1, len(order) + 1, dtype=np.float64)
    whole = np.append(np.diff(confidence[order]) != 0, True) if len(order) else np.zeros(0, dtype=bool)
    ends = np.flatnonzero(whole & (n >= min(_FIRST, len(order))))
    picked = ends[np.unique(np.linspace(0, len(ends) - 1, min(_POINTS, len(ends))).astype(np.intp))]
    low, high = wilson(wrong[picked], n[picked])
    return n[picked] / max(1, len(order)), wrong[picked] / n[picked], low, high


def empty(name_x: str, name_y: str) -> tuple[Figure, Axes]:
    """A figure of 360 by 240 points (what the SVG counts in) with room for the names of its axes."""
    figure = Figure(figsize=(5, 240 / 72), frameon=False)
    axes = figure.add_axes((0.095, 0.15, 0.88, 0.74), frameon=False)
    figure.text(0, 0.962, name_y, color=SOFT)
    figure.text(0.975, 0.015, name_x, color=SOFT, horizontalalignment="right")
    return figure, axes


def frame(
    axes: Axes, x: Interval, y: Interval, ticks_x: Sequence[float] | Floats, ticks_y: Sequence[float] | Floats
) -> None:
    """Limits, ticks and faint lines of a plot."""
    axes.set(xlim=x, ylim=y)
    axes.set_xticks(ticks_x, [f"{tick:.4g}" for tick in ticks_x])
    axes.set_yticks(ticks_y, [f"{tick:.4g}" for tick in ticks_y])
    axes.tick_params(length=0, pad=6, bottom=False, left=False, labelcolor=SOFT)
    axes.grid(axis="y", color=LINE, linewidth=1)
    axes.set_axisbelow(True)


def _mark(axes: Axes, point: Point) -> None:
    """The rule's dot with its whiskers, whatever lies beyond the axes drawn at their edge."""
    top = axes.get_ylim()[1]
    x, y = 100 * point.coverage, min(100 * point.error, top)
    if point.coverage_interval:
        axes.plot([100 * end for end in point.coverage_interval], [y, y], color=INK, linewidth=1.1)
    if point.error_interval:
        ends = [min(100 * end, top) for end in point.error_interval]
        axes.plot([x, x], ends, color=INK, linewidth=1.1)
    dots(axes, np.array([x]), np.array([y]), PAPER, 11)
    dots(axes, np.array([x]), np.array([y]), INK, 8)


def dots(axes: Axes, x: Floats, y: Floats, color: str, size: float) -> None:
    """Lines of no length with round ends: markers would need ids, which must be unique in a page."""
    axes.plot([x, x], [y, y], color=color, linewidth=size, solid_capstyle="round", gid="dot", zorder=3)


def note(axes: Axes, x: float, y: float, words: str, color: str) -> None:
    """Words above a point, ending there."""
    where: dict[str, Any] = {"xytext": (0, 3), "textcoords": "offset points", "horizontalalignment": "right"}
    axes.annotate(words, (x, y), color=color, gid="note", zorder=4, **where)


def _thin(n: int) -> str:
    return f"{n:,}".replace(",", "\u202f")


def svg(figure: Figure, name: str) -> Markup:
    """The figure as an <svg> element whose fonts and colors are the page's, without ids and addresses."""
    buffer = StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "vitrine"}):
        figure.savefig(buffer, format="svg", transparent=True)
    drawn = buffer.getvalue().partition("<svg")[2].partition(">")[2]
    drawn = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<defs>.*?</defs>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r' id="[\w.]+_\d+"| clip-path="[^"]*"| transform="rotate\(-0 [^"]*"', "", drawn)
    drawn = re.sub(r'(?<=[" ])font(-\w+)?: [^;"]*;? ?', "", drawn).replace(' id="', ' class="')
    drawn = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number.group()):.1f}", drawn)
    for color, shown in _SHOWN.items():
        drawn = drawn.replace(color, shown)
    # only numbers and our own words are in it: nothing of a person's text can come through unescaped
    head = f'<svg viewBox="0 0 360 240" role="img" aria-label="{escape(name)}">'
    return Markup(head + " ".join(drawn.split()).replace("> <", "><"))
