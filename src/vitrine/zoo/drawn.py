"""Draw garments of 28 × 28 pixels in ten classes, for tests and the demo: they prove behavior, never accuracy.

>>> one = draw_garments(train=240, test=120, seed=0)
>>> one.train.pictures.shape, len(one.validation), len(one.test)
((220, 28, 28), 20, 120)
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vitrine.zoo.data import CLASSES, GarmentSet, garment_set

_SIDE = 28
_SCALE = 4  # drawn so many times larger, then reduced

# outlines on a square of 28: what is sewn, then what is cut out of it
_SHAPES: dict[str, tuple[list[tuple[int, ...]], list[tuple[int, ...]]]] = {
    "t-shirt": ([(8, 5, 20, 5, 26, 9, 24, 14, 20, 12, 20, 25, 8, 25, 8, 12, 4, 14, 2, 9)], [(12, 5, 16, 5, 14, 8)]),
    "trouser": ([(9, 2, 19, 2, 21, 26, 15, 26, 14, 9, 13, 26, 7, 26)], []),
    "pullover": ([(8, 4, 20, 4, 26, 22, 22, 24, 19, 12, 19, 25, 9, 25, 9, 12, 6, 24, 2, 22)], []),
    "dress": ([(11, 2, 17, 2, 16, 11, 21, 26, 7, 26, 12, 11)], []),
    "coat": (
        [(8, 3, 20, 3, 25, 23, 21, 24, 19, 11, 20, 27, 8, 27, 9, 11, 7, 24, 3, 23)],
        [(13, 3, 15, 3, 15, 27, 13, 27)],
    ),
    "sandal": ([(2, 21, 26, 21, 26, 24, 2, 24), (6, 21, 11, 12, 13, 13, 9, 21), (18, 21, 22, 15, 24, 17, 21, 21)], []),
    "shirt": (
        [(8, 4, 20, 4, 25, 15, 22, 17, 20, 11, 20, 25, 8, 25, 8, 11, 6, 17, 3, 15)],
        [(14, 8, 15, 8, 15, 25, 14, 25), (11, 4, 17, 4, 14, 9)],
    ),
    "sneaker": ([(2, 15, 9, 14, 14, 10, 19, 13, 26, 18, 26, 23, 2, 23)], [(2, 20, 26, 20, 26, 21, 2, 21)]),
    "bag": ([(4, 11, 24, 11, 26, 25, 2, 25), (8, 11, 10, 4, 18, 4, 20, 11, 17, 11, 16, 6, 12, 6, 11, 11)], []),
    "ankle boot": ([(6, 4, 15, 4, 15, 14, 25, 18, 25, 23, 12, 23, 12, 25, 6, 25)], []),
}


def draw_garments(*, train: int, test: int, seed: int) -> GarmentSet:
    """A set of `train` pictures to learn from and choose by, and `test` to judge by; classes take turns."""
    random = np.random.default_rng(seed)
    learnt, judged = _draw(train, random), _draw(test, random)
    return garment_set(learnt, judged)


def _draw(rows: int, random: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    labels = (np.arange(rows) % len(CLASSES)).astype(np.uint8)
    return np.stack([_garment(CLASSES[label], random) for label in labels]), labels


def _garment(name: str, random: np.random.Generator) -> NDArray[np.uint8]:
    """A garment a little wider, higher, turned, lighter, worn and grainy in a way of its own."""
    image = Image.new("L", (_SIDE * _SCALE, _SIDE * _SCALE), 0)
    pen = ImageDraw.Draw(image)
    stretch, angle = random.uniform(0.8, 1.08, 2), random.normal(0, 0.06)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    move = random.uniform(-1.2, 1.2, 2)
    shade = int(random.integers(110, 250))
    sewn, cut = _SHAPES[name]
    for shapes, fill in ((sewn, shade), (cut, int(shade * random.uniform(0.2, 0.7)))):
        for shape in shapes:
            corners = np.array(shape, dtype=float).reshape(-1, 2) + random.normal(0, 0.5, (len(shape) // 2, 2))
            placed = ((corners - 14) * stretch) @ turn + 14 + move
            pen.polygon((placed * _SCALE).ravel().tolist(), fill=fill)
    small = np.asarray(image.reduce(_SCALE), dtype=np.float64)
    grain = random.normal(0, 12, small.shape) * (small > 0)
    return np.clip(small + grain, 0, 255).astype(np.uint8)
