"""Curves and the shoemaker's last: from a few control points to smooth outlines in shoe units.

Shoe units: the foot is 1 long, x runs from the heel's back (0) to the toe (1), y up from the ground (0).
On the last, a point is (u, v): u along the insole, v the height above it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@lru_cache(maxsize=8)
def _basis(samples: int) -> Points:
    """Catmull-Rom weights of four neighbors at `samples` steps of a segment, shape (samples, 4)."""
    t = np.arange(samples) / samples
    rows = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3)
    return np.stack(rows, axis=1) / 2


@lru_cache(maxsize=128)
def _windows(count: int, closed: bool) -> NDArray[np.int64]:
    """For each segment of a curve of `count` points, the indices of its four control points."""
    segments = np.arange(count if closed else count - 1)[:, None] + np.array([-1, 0, 1, 2])
    return np.asarray(segments % count if closed else np.clip(segments, 0, count - 1))


def points(*pairs: tuple[float, float]) -> Points:
    """Control points as an array of shape (n, 2)."""
    return np.array(pairs, dtype=np.float64)


def curve(control: Points, *, samples: int = 7) -> Points:
    """An open Catmull-Rom curve through the control points; a point given twice is a corner.

    Method: Catmull and Rom, "A class of local interpolating splines", 1974.
    """
    windows = control[_windows(len(control), False)]
    return np.concatenate([np.matmul(_basis(samples), windows).reshape(-1, 2), control[-1:]])


def loop(control: Points, *, samples: int = 6) -> Points:
    """A closed Catmull-Rom curve through the control points."""
    windows = control[_windows(len(control), True)]
    smooth: Points = np.matmul(_basis(samples), windows).reshape(-1, 2)
    return smooth


def normals(path: Points) -> Points:
    """Unit normals (to the left of the direction of travel) at each point of a path."""
    ahead = np.empty_like(path)
    ahead[1:-1] = path[2:] - path[:-2]
    ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    length = np.sqrt(ahead[:, 0] ** 2 + ahead[:, 1] ** 2) + 1e-9
    return np.stack([-ahead[:, 1] / length, ahead[:, 0] / length], axis=1)


def ribbon(path: Points, width: float | Points) -> Points:
    """The outline of a band of `width` (one number, or one a point) along a path."""
    half = normals(path) * (np.asarray(width) / 2).reshape(-1, 1)
    return np.concatenate([path + half, (path - half)[::-1]])


def along(path: Points, count: int, *, start: float = 0.0, end: float = 1.0) -> Points:
    """`count` points at even distances along a path, between two shares of its length."""
    steps = np.diff(path, axis=0)
    reach = np.concatenate([[0.0], np.cumsum(np.sqrt((steps**2).sum(axis=1)))])
    at = np.linspace(start, end, count) * reach[-1]
    return np.stack([np.interp(at, reach, path[:, 0]), np.interp(at, reach, path[:, 1])], axis=1)


def disc(center: Points, radius: float, *, squash: float = 1.0, corners: int = 14) -> Points:
    """A circle, or an ellipse `squash` times as high as wide."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return center + radius * np.stack([np.cos(angle), squash * np.sin(angle)], axis=1)


def turned(shape: Points, center: Points, angle: float) -> Points:
    """A shape given around the origin, turned by `angle` radians and moved to `center`."""
    cosine, sine = np.cos(angle), np.sin(angle)
    placed: Points = shape @ np.array([[cosine, sine], [-sine, cosine]]) + center
    return placed


_DORSUM_U = np.array([-0.1, 0.0, 0.2, 0.36, 0.42, 0.5, 0.6, 0.72, 0.82, 0.9, 0.97, 1.05, 1.15])
_DORSUM_V = np.array([0.5, 0.5, 0.48, 0.44, 0.385, 0.305, 0.235, 0.175, 0.137, 0.105, 0.07, 0.04, 0.02])


@dataclass(frozen=True, slots=True)
class Last:
    """The foot form a shoe is built on.

    `rise` is the height of the heel seat above the ball, `base` the thickness under the ball, `spring` how
    far the toe lifts, `volume` how full the upper is; all in shoe units.
    """

    rise: float
    base: float
    spring: float
    volume: float

    def insole(self, u: Points) -> Points:
        """Height of the insole above the ground at `u`."""
        t = np.clip((u - 0.13) / 0.56, 0.0, 1.0)
        fall = 1.0 - t * t * (3.0 - 2.0 * t)
        lift = self.spring * np.clip((u - 0.7) / 0.3, 0.0, 1.4) ** 2
        return self.base + self.rise * (fall + 0.06 * np.clip(0.16 - u, -0.05, 0.3)) + lift

    def at(self, uv: Points) -> Points:
        """Map (u, v) on the last to (x, y): the taller the heel, the shorter the foot looks from the side."""
        x = uv[:, 0] * (1.0 - 0.28 * self.rise)
        return np.stack([x, self.insole(uv[:, 0]) + uv[:, 1] * self.volume], axis=1)

    def dorsum(self, u: float) -> float:
        """Height of the foot's upper line above the insole at `u`, as v."""
        return float(np.interp(u, _DORSUM_U, _DORSUM_V))

    def sole_line(self, start: float, end: float, *, drop: float = 0.0, count: int = 26) -> Points:
        """The line `drop` below the insole from `start` to `end` (in u)."""
        u = np.linspace(start, end, count)
        path = self.at(np.stack([u, np.zeros(count)], axis=1))
        path[:, 1] -= drop
        return path
