"""Draw the report's plots as inline SVG, with neither fonts nor scripts.

Every mark carries a class (`curve`, `band`, `point` …); `templates/report.css` colors it for light and dark.

>>> sure, right = np.array([0.95, 0.95, 0.55, 0.55]), np.array([True, True, True, False])
>>> round(calibration_gap(sure, right), 3)
0.05
>>> str(reliability(sure, right)).count("<circle")
2
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

WIDTH, HEIGHT = 360, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 10, 26, 34
_BARS = 34  # height of the strip that shows how many rows a bin has
_FIRST = 10  # the error among fewer rows than this says nothing, so the curve starts there
_POINTS = 160
_BINS = 10
_Z = 1.96

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


@dataclass(frozen=True, slots=True)
class _Axes:
    """Data to pixels; `top` is the largest y, `bottom` the pixels kept free below the plot."""

    top: float
    bottom: int = _BOTTOM

    def x(self, value: float) -> float:
        return round(_LEFT + value * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        # what lies above the plot is drawn at its upper edge
        return round(HEIGHT - self.bottom - min(value / self.top, 1) * (HEIGHT - self.bottom - _TOP), 1)

    def line(self, kind: str, xs: Interval, ys: Interval) -> str:
        x1, x2, y1, y2 = self.x(xs[0]), self.x(xs[1]), self.y(ys[0]), self.y(ys[1])
        return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'

    def path(self, xs: Floats, ys: Floats) -> str:
        return "L".join(f"{self.x(x)} {self.y(y)}" for x, y in zip(xs, ys, strict=True))

    def grid(self, ticks: list[float], name_x: str, name_y: str) -> str:
        marks = [_text("axis", 0, 11, name_y)]
        for tick in ticks:
            marks.append(self.line("grid", (0, 1), (tick, tick)))
            marks.append(_text("tick end", _LEFT - 6, self.y(tick) + 3.5, _label(tick)))
        for share in (0, 0.25, 0.5, 0.75, 1):
            side = "end" if share == 1 else "middle"
            marks.append(_text(f"tick {side}", self.x(share), HEIGHT - self.bottom + 13, _label(share)))
        marks.append(_text("axis end", WIDTH - _RIGHT, HEIGHT - 4, name_x))
        return "".join(marks)


def risk_coverage(confidence: Floats, right: Bools, *, allowed: float, point: Point | None = None) -> Markup:
    """The error among the surest rows against their share, the error `allowed`, and the rule's `point`.

    `confidence` and `right` have one entry a row. The band is the pointwise 95 % interval of Wilson (1927).
    """
    coverage, error, low, high = _curve(confidence, right)
    ends = [2.2 * allowed, 1.1 * float(error[-1]) if len(error) else 0.0, 1.1 * point.error if point else 0.0]
    ticks = _ticks(max(ends))
    axes = _Axes(ticks[-1])
    marks = [
        f'<rect class="allowed" x="{axes.x(0)}" y="{axes.y(allowed)}" width="{axes.x(1) - axes.x(0):.1f}" '
        f'height="{axes.y(0) - axes.y(allowed):.1f}"/>',
        axes.grid(ticks, "share published, %", "error among published, %"),
    ]
    if len(error):
        back = axes.path(coverage[::-1], low[::-1])
        marks.append(f'<path class="band" d="M{axes.path(coverage, high)}L{back}Z"/>')
        marks.append(f'<path class="curve" d="M{axes.path(coverage, error)}"/>')
    marks.append(axes.line("wanted", (0, 1), (allowed, allowed)))
    marks.append(_text("note end", axes.x(1) - 3, axes.y(allowed) - 4, f"allowed: {_label(allowed)} %"))
    if point:
        marks.append(_point(axes, point))
    return _svg(marks, "Risk and coverage: the error among published answers against the share published")


def reliability(confidence: Floats, right: Bools) -> Markup:
    """The share that is right against the confidence, in ten bins of equal width, each with its n.

    Whiskers are 95 % intervals of Wilson (1927); answers on the diagonal are as often right as they say.
    """
    axes = _Axes(1.0, _BOTTOM + _BARS)
    bins = _bins(confidence)
    counts = np.bincount(bins, minlength=_BINS)
    marks = [
        axes.grid([0, 0.25, 0.5, 0.75, 1], "confidence, %", "share that is right, %"),
        axes.line("diagonal", (0, 1), (0, 1)),
    ]
    for at in np.flatnonzero(counts):
        inside = bins == at
        marks.append(_bin(axes, int(at), float(counts[at] / counts.max()), confidence[inside], right[inside]))
    return _svg(marks, "Reliability: the share of answers that is right against their confidence")


def calibration_gap(confidence: Floats, right: Bools) -> float | None:
    """The mean distance between confidence and share right over the bins of `reliability`; None without rows.

    Bins count by their rows: the expected calibration error of Naeini et al. 2015.
    """
    if not len(confidence):
        return None
    signed = np.bincount(_bins(confidence), weights=right.astype(float) - confidence, minlength=_BINS)
    return float(np.abs(signed).sum() / len(confidence))


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


def _point(axes: _Axes, point: Point) -> str:
    marks = []
    if point.coverage_interval:
        marks.append(axes.line("whisker", point.coverage_interval, (point.error, point.error)))
    if point.error_interval:
        marks.append(axes.line("whisker", (point.coverage, point.coverage), point.error_interval))
    x, y = axes.x(point.coverage), axes.y(point.error)
    marks.append(f'<circle class="point" cx="{x}" cy="{y}" r="4.5"/>')
    what = f"{100 * point.coverage:.1f} % published, {100 * point.error:.1f} % of it wrong"
    return f"<g><title>the certified rule on test: {what}</title>{''.join(marks)}</g>"


def _bins(confidence: Floats) -> NDArray[np.intp]:
    return np.minimum((confidence * _BINS).astype(np.intp), _BINS - 1)


def _bin(axes: _Axes, at: int, height: float, confidence: Floats, right: Bools) -> str:
    """Bin number `at`, of its own rows: mark with whisker, and bar (`height` in 0..1) with its n."""
    n, hits, mean = len(right), float(right.sum()), float(confidence.mean())
    low, high = wilson(np.array([hits]), np.array([float(n)]))
    x, width = axes.x(at / _BINS), (WIDTH - _LEFT - _RIGHT) / _BINS
    bar = max(1.0, height * (_BARS - 12))
    top = HEIGHT - 14 - bar
    title = f"confidence {100 * mean:.1f} %: {100 * hits / n:.1f} % right, n = {_thin(n)}"
    return (
        f"<g><title>{title}</title>{axes.line('whisker', (mean, mean), (float(low[0]), float(high[0])))}"
        f'<circle class="mark" cx="{axes.x(mean)}" cy="{axes.y(hits / n)}" r="3.6"/>'
        f'<rect class="count" x="{x + 2:.1f}" y="{top:.1f}" width="{width - 4:.1f}" height="{bar:.1f}"/>'
        f"{_text('count middle', x + width / 2, top - 3, _thin(n))}</g>"
    )


def _ticks(most: float) -> list[float]:
    """About four round steps from 0 to at least `most`."""
    steps = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
    step = next((one for one in steps if most / one <= 5), 0.25)
    return [round(step * number, 3) for number in range(ceil(round(most / step, 6)) + 1)]


def _label(share: float) -> str:
    return f"{100 * share:.4g}"


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{words}</text>'


def _thin(n: int) -> str:
    return f"{n:,}".replace(",", "\u202f")


def _svg(marks: list[str], name: str) -> Markup:
    # only numbers and our own words are in it: nothing of a person's text can come through unescaped
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name}">'
    return Markup(f"{head}{''.join(marks)}</svg>")
