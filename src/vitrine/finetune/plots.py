"""The report's curves over epochs: loss, accuracy on the families held out, learning rate; inline SVG in the page's colors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vitrine.learn.report.plots import FAINT, INK, LINE, RIGHT, WRONG, dots, empty, frame, note, svg

History = Sequence[Mapping[str, Any]]


def loss(history: History, best: int) -> Markup:
    """Mean training loss of each epoch; augmentation, dropout and smoothing included."""
    values = np.array([one["loss"] for one in history])
    figure, axes = empty("epoch", "training loss")
    ticks = MaxNLocator(5).tick_values(0.0, float(values.max()) * 1.02)
    _epochs(axes, len(history), (0.0, float(ticks[-1])), ticks, best)
    axes.plot(_numbers(history), values, color=WRONG, linewidth=1.8, gid="curve")
    return svg(figure, "Training loss by epoch")


def accuracy(history: History, best: int) -> Markup:
    """The mean accuracy over attributes, and faintly each attribute's, on families that were not learnt from."""
    names = [name for name in history[0]["figures"] if name.startswith("accuracy.")]
    curves = {name: 100 * np.array([one["figures"].get(name, np.nan) for one in history]) for name in names}
    mean = np.nanmean(np.array(list(curves.values())), axis=0)
    low = 20 * np.floor(min(float(np.nanmin(curve)) for curve in curves.values()) / 20)
    ticks = np.arange(low, 101, 20 if low < 60 else 10)
    figure, axes = empty("epoch", "accuracy on families held out, %")
    _epochs(axes, len(history), (low, 100.0), ticks, best)
    for curve in curves.values():
        axes.plot(_numbers(history), curve, color=FAINT, linewidth=0.9, alpha=0.7)
    axes.plot(_numbers(history), mean, color=RIGHT, linewidth=2, gid="curve")
    dots(axes, np.array([float(best)]), mean[[best - 1]], INK, 8)
    note(axes, float(best) if best > 1 else 2.0, mean[best - 1] + 1, f"epoch {best}: {mean[best - 1]:.1f} %", INK)
    return svg(figure, "Accuracy on families held out by epoch: the mean over attributes, and each")


def rate(history: History, best: int) -> Markup:
    """The heads' learning rate at the end of each epoch."""
    values = 1e3 * np.array([one["rate"] for one in history])
    figure, axes = empty("epoch", "learning rate of the heads, thousandths")
    ticks = MaxNLocator(5).tick_values(0.0, float(values.max()) * 1.02)
    _epochs(axes, len(history), (0.0, float(ticks[-1])), ticks, best)
    axes.plot(_numbers(history), values, color=INK, linewidth=1.4)
    return svg(figure, "Learning rate by epoch")


def _numbers(history: History) -> NDArray[np.int64]:
    return np.arange(1, len(history) + 1)


def _epochs(
    axes: Axes, last: int, y: tuple[float, float], ticks: Sequence[float] | NDArray[np.float64], best: int
) -> None:
    shown = MaxNLocator(6, integer=True).tick_values(1, max(2, last))
    frame(axes, (0.8, max(2, last) + 0.2), y, [tick for tick in shown if 1 <= tick <= max(2, last)], ticks)
    axes.axvline(best, color=LINE, linewidth=1, linestyle=(0, (3, 3)))
