"""A drawing board whose pixels are part numbers: cheap to fill, and shaded once, at the end."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vitrine.demo.geometry import Points, ribbon

Color = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Paint:
    """How a part looks: RGB 0–255, relief 0–255 (higher is nearer), gloss 0–1, a texture and its strength."""

    color: Color
    relief: int = 180
    gloss: float = 0.2
    sharpness: float = 0.0
    texture: str = ""
    strength: float = 0.0

    def shaded(self, factor: float, *, relief: int | None = None) -> "Paint":
        """The same paint lighter (above 1) or darker (below 1)."""
        red, green, blue = (min(255.0, channel * factor) for channel in self.color)
        return replace(self, color=(red, green, blue), relief=self.relief if relief is None else relief)

    def raised(self, by: int) -> "Paint":
        """The same paint nearer to the eye."""
        return replace(self, relief=max(1, min(255, self.relief + by)))


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the shoe stands in the picture: pixels = shoe units @ `matrix` + `origin`.

    `unit` is the length of a shoe unit in pixels, `ground` the span of the shoe on the floor in shoe units.
    """

    matrix: Points
    origin: Points
    unit: float
    ground: tuple[float, float]


class Canvas:
    """Part numbers of `side` × `side` pixels, their paints, and a layer of highlights and shadows.

    Coordinates given to the methods are shoe units; `pose` takes them to pixels.
    """

    def __init__(self, side: int, pose: Pose) -> None:
        self.side = side
        self.pose = pose
        self.paints: list[Paint] = []
        self._numbers: dict[Paint, int] = {}
        self.parts = Image.new("L", (side, side), 0)
        self._board = self.parts
        self._pen = ImageDraw.Draw(self.parts)
        self.glow = Image.new("L", (side // 2, side // 2), 0)
        self._glow_pen = ImageDraw.Draw(self.glow)

    def number(self, paint: Paint) -> int:
        """The part number of a paint, given out at its first use (1 to 255)."""
        found = self._numbers.get(paint)
        if found is None:
            self.paints.append(paint)
            found = self._numbers[paint] = len(self.paints)
        return found

    def pixels(self, shape: Points) -> Points:
        """Shoe units to pixels."""
        placed: Points = shape @ self.pose.matrix + self.pose.origin
        return placed

    def fill(self, shape: Points, paint: Paint) -> None:
        """Fill a closed outline."""
        self._pen.polygon(self.pixels(shape).ravel().tolist(), fill=self.number(paint))

    def stroke(self, path: Points, width: float | Points, paint: Paint) -> None:
        """Draw a band along a path."""
        self.fill(ribbon(path, width), paint)

    def dashes(self, path: Points, width: float, paint: Paint) -> None:
        """Draw every other span of an evenly divided path, as a stitched seam."""
        line = max(1, round(width * self.pose.unit))
        ends = self.pixels(path).ravel().tolist()
        number = self.number(paint)
        for start in range(0, len(ends) - 3, 4):
            self._pen.line(ends[start : start + 4], fill=number, width=line)

    def light(self, shape: Points, strength: float) -> None:
        """Paint a soft highlight; how much of it is seen depends on the gloss beneath."""
        self._glow_pen.polygon((self.pixels(shape) / 2).ravel().tolist(), fill=round(255 * strength))

    def begin_clip(self) -> None:
        """Draw what follows on a sheet of its own, until `end_clip`."""
        self._board = Image.new("L", (self.side, self.side), 0)
        self._pen = ImageDraw.Draw(self._board)

    def end_clip(self, *inside: Paint) -> None:
        """Lay the sheet over the drawing, only where one of the given paints shows."""
        table = [0] * 256
        for paint in inside:
            table[self.number(paint)] = 255
        box = self._board.getbbox()
        if box is not None:
            base, sheet = np.asarray(self.parts.crop(box)), np.asarray(self._board.crop(box))
            seen = np.array(table, dtype=np.uint8)[base] & np.where(sheet > 0, 255, 0).astype(np.uint8)
            self.parts.paste(self._board.crop(box), box, Image.fromarray(seen))
        self._board = self.parts
        self._pen = ImageDraw.Draw(self.parts)

    def table(self, field: str) -> NDArray[np.float32]:
        """One value a part number for a numeric field of the paints; 0 for the background."""
        values = [0.0, *(float(getattr(paint, field)) for paint in self.paints)]
        return np.array(values + [0.0] * (256 - len(values)), dtype=np.float32)
