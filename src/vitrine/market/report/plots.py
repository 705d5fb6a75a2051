"""The page's plots: AUC by month, calibration, profit, segments; inline SVG in the page's own colors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from vitrine.learn.report.plots import FAINT, INK, LINE, RIGHT, SOFT, WRONG, dots, empty, frame, note, svg, wilson

_MOST_DOTS = 1_500
# Segments are told apart by color and by the number at their middle.
_TONES = (RIGHT, WRONG, INK, SOFT, FAINT, RIGHT, WRONG)


def by_month(months: Sequence[Mapping[str, Any]], later_from: str) -> Markup:
    """AUC of each month with its 95 % interval; months that no model saw are filled."""
    known = [one for one in months if one["auc"]["mean"] is not None and one["auc"]["low"] is not None]
    figure, axes = empty("month", "AUC on sellers never seen")
    low = min([0.5, *(one["auc"]["low"] for one in known)])
    bottom = np.floor(10 * low) / 10
    ticks = np.arange(bottom, 1.001, 0.1)
    at = np.arange(len(known))
    step = max(1, -(-len(known) // 5))
    frame(axes, (-0.6, max(1, len(known)) - 0.4), (bottom, 1.0), [], ticks)
    axes.set_xticks(at[::step], [one["month"] for one in known[::step]])
    axes.axhline(0.5, color=FAINT, linewidth=1, linestyle=(0, (3, 3)))
    for x, one in zip(at, known, strict=True):
        color = RIGHT if one["part"] == "later" else SOFT
        axes.plot([x, x], [one["auc"]["low"], one["auc"]["high"]], color=color, linewidth=1.3, alpha=0.7)
        dots(axes, np.array([float(x)]), np.array([one["auc"]["mean"]]), color, 7)
    first = next((x for x, one in zip(at, known, strict=True) if one["part"] == "later"), None)
    if first is not None:
        axes.axvline(first - 0.5, color=RIGHT, linewidth=1, linestyle=(0, (4, 3)))
        note(axes, len(known) - 0.5, bottom, f"out of time from {later_from}", RIGHT)
    return svg(figure, "AUC by month with 95 % intervals")


def calibration(measured: Mapping[str, Any]) -> Markup:
    """The share that happened against the probability said, a dot for each tenth of the rows."""
    said, happened = 100 * np.array(measured["said"]), 100 * np.array(measured["happened"])
    n = np.array(measured["n"], dtype=np.float64)
    low, high = wilson(happened / 100 * n, n)
    top = float(np.ceil(max(said.max(), 100 * high.max(), 10) / 10) * 10)
    ticks = np.linspace(0, top, 6)
    figure, axes = empty("said, %", "happened, %")
    frame(axes, (0, top), (0, top), ticks, ticks)
    axes.plot([0, top], [0, top], color=FAINT, linewidth=1, linestyle=(0, (3, 3)))
    axes.vlines(said, 100 * low, 100 * high, color=RIGHT, alpha=0.6, linewidth=1.4)
    dots(axes, said, happened, RIGHT, 7)
    shown = f"{int(n.sum()):,}".replace(",", "\u202f")
    note(axes, top, 0, f"out of time, n = {shown}", SOFT)
    return svg(figure, "Calibration: the share that happened against the probability said")


def profit(found: Mapping[str, Any]) -> Markup:
    """Profit for each 1,000 rows against the share contacted, and where the advised threshold lands."""
    share, gain = 100 * np.array(found["curve"][0]), 1000 * np.array(found["curve"][1])
    low, high = min(0.0, float(gain.min())), max(1.0, float(gain.max()) * 1.1)
    low = max(low, -high)
    figure, axes = empty("contacted, %", "profit for each 1,000")
    ticks = _round_ticks(low, high)
    frame(axes, (0, 100), (ticks[0], ticks[-1]), [0, 25, 50, 75, 100], ticks)
    axes.axhline(0, color=FAINT, linewidth=1)
    inside = gain >= ticks[0]
    axes.plot(share[inside], gain[inside], color=RIGHT, linewidth=1.6)
    here = found["profit_per_1000"]
    if found["threshold"] is not None:
        x = 100 * found["contacted"]
        low, mean, high = (float(np.clip(here[name], ticks[0], ticks[-1])) for name in ("low", "mean", "high"))
        axes.plot([x, x], [low, high], color=INK, linewidth=1.1)
        dots(axes, np.array([x]), np.array([mean]), INK, 8)
    return svg(figure, "Profit against the share contacted")


def segments(x: NDArray[Any], y: NDArray[Any], of_row: NDArray[Any], count: int) -> Markup:
    """Every seller on the two directions in which sellers differ most; the number stands at a segment's middle."""
    picked = np.linspace(0, len(x) - 1, min(_MOST_DOTS, len(x))).astype(np.intp)
    figure, axes = empty("", "")
    wide = [float(np.quantile(side, q)) for side in (x, y) for q in (0.002, 0.998)]
    frame(axes, (wide[0] - 0.3, wide[1] + 0.3), (wide[2] - 0.3, wide[3] + 0.3), [], [])
    for k in range(count):
        rows = picked[of_row[picked] == k]
        inside = rows[(x[rows] > wide[0]) & (x[rows] < wide[1]) & (y[rows] > wide[2]) & (y[rows] < wide[3])]
        axes.plot(
            [x[inside]] * 2, [y[inside]] * 2, color=_TONES[k % 7], linewidth=2.4, alpha=0.5, solid_capstyle="round"
        )
    for k in range(count):
        own = of_row == k
        note(axes, float(np.median(x[own])), float(np.median(y[own])), str(k + 1), INK)
    axes.grid(color=LINE, linewidth=0)
    return svg(figure, "Segments of sellers")


def _round_ticks(low: float, high: float) -> NDArray[np.float64]:
    step = 10 ** np.floor(np.log10(high - low))
    step = next(step * factor for factor in (0.2, 0.5, 1.0, 2.0) if (high - low) / (step * factor) <= 7)
    return np.asarray(np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step, dtype=np.float64)
