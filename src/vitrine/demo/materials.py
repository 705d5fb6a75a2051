"""What shoes are made of: texture tiles drawn once a process, and paints of materials, soles and heels."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vitrine.demo.canvas import Color, Paint

Tile = NDArray[np.float32]
TILE = 768


def _grid() -> tuple[Tile, Tile]:
    """The row and the column of each pixel of a tile."""
    steps = np.arange(TILE, dtype=np.float32)
    return np.repeat(steps[:, None], TILE, axis=1), np.repeat(steps[None, :], TILE, axis=0)


def _soft_noise(rng: np.random.Generator, radius: float) -> Tile:
    """Gaussian-blurred noise, mean 0, deviation 1; blurred in the frequency domain, so that it tiles."""
    raw = rng.standard_normal((TILE, TILE))
    frequency = np.fft.fftfreq(TILE)
    damping = np.exp(-2 * (np.pi * radius) ** 2 * (frequency[:, None] ** 2 + frequency[None, :] ** 2))
    soft = np.fft.ifft2(np.fft.fft2(raw) * damping).real
    return np.asarray(((soft - soft.mean()) / soft.std()), dtype=np.float32)


def _stripes(period: float, angle: float) -> Tile:
    """A sine grating of the given period in pixels, -1 to 1."""
    y, x = _grid()
    phase = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period)
    return np.asarray(np.sin(phase), dtype=np.float32)


def _scales() -> Tile:
    """Overlapping rows of dark-edged scales."""
    y, x = _grid()
    row = np.floor(y / 7)
    dx = ((x + np.where(row % 2 == 0, 0, 5)) % 10) - 5
    dy = (y % 7) - 3.5
    edge = np.sqrt((dx / 5) ** 2 + (dy / 4) ** 2)
    return np.asarray(np.clip(1.5 - 1.9 * edge, -1.2, 0.8), dtype=np.float32)


def _rope() -> Tile:
    """Rows of twisted strands, a diagonal twist that leans the other way in each row."""
    y, x = _grid()
    row = np.floor(y / 6)
    lean = np.where(row % 2 == 0, 1.0, -1.0)
    strand = np.sin((x + lean * (y % 6) * 0.9) * (2 * np.pi / 5.5))
    groove = -1.4 * (np.abs((y % 6) - 3) > 2.2)
    return np.asarray((0.7 * strand + groove), dtype=np.float32)


def _cork(rng: np.random.Generator) -> Tile:
    """Dark and light flecks."""
    flecks = _soft_noise(rng, 1.0)
    return np.asarray(
        (np.where(flecks > 1.2, 0.9, 0.0) - np.where(flecks < -1.1, 1.6, 0.0) + 0.25 * flecks),
        dtype=np.float32,
    )


def _wood(rng: np.random.Generator) -> Tile:
    """Long grain with slow waves."""
    y, _ = _grid()
    waves = _soft_noise(rng, 24) * 5
    fine = np.repeat(_soft_noise(rng, 0)[:, : TILE // 16], 16, axis=1)
    return np.asarray((np.sin((y + waves) * 0.9) * 0.8 + 0.35 * fine), dtype=np.float32)


def _mesh() -> Tile:
    """A knit with small dark holes."""
    y, x = _grid()
    shift = np.where(np.floor(y / 4) % 2 == 0, 0, 2.5)
    return np.asarray(np.where(((x + shift) % 5 < 2.1) & (y % 4 < 2.1), -1.8, 0.45), dtype=np.float32)


@lru_cache(maxsize=1)
def textures() -> dict[str, Tile]:
    """All texture tiles, `TILE` × `TILE`, centered on 0; the same in every process."""
    rng = np.random.default_rng(20)
    return {
        "grain": _soft_noise(rng, 1.1),
        "nap": 0.75 * _soft_noise(rng, 4) + 0.6 * _soft_noise(rng, 0.5),
        "weave": 0.7 * _stripes(4.4, 0.0) + 0.7 * _stripes(4.4, np.pi / 2) + 0.3 * _soft_noise(rng, 0.0),
        "mesh": _mesh(),
        "sheen": 0.7 * _soft_noise(rng, 9) + 0.6 * _stripes(26.0, 1.1),
        "scales": _scales() + 0.6 * _soft_noise(rng, 7),
        "rope": _rope(),
        "cork": _cork(rng),
        "wood": _wood(rng),
        "layers": _stripes(4.6, np.pi / 2),
        "speckle": _soft_noise(rng, 0.3),
    }


@dataclass(frozen=True, slots=True)
class Finish:
    """The look of a material apart from its color: ranges from which each product draws its own."""

    gloss: tuple[float, float]
    sharpness: float
    texture: str
    strength: tuple[float, float]


FINISHES: dict[str, Finish] = {
    "leather": Finish((0.24, 0.34), 0.15, "grain", (0.055, 0.09)),
    "synthetic": Finish((0.5, 0.66), 0.5, "", (0.0, 0.0)),
    "suede": Finish((0.0, 0.02), 0.0, "nap", (0.085, 0.125)),
    "patent": Finish((0.85, 1.0), 1.0, "", (0.0, 0.0)),
    "canvas": Finish((0.02, 0.06), 0.0, "weave", (0.12, 0.17)),
    "mesh": Finish((0.05, 0.12), 0.0, "mesh", (0.2, 0.28)),
    "satin": Finish((0.55, 0.7), 0.1, "sheen", (0.12, 0.17)),
    "snake": Finish((0.3, 0.5), 0.4, "scales", (0.24, 0.32)),
}

# Centers and spreads in RGB; neighbors touch at their borders on purpose (navy and black, beige and white).
COLORS: dict[str, tuple[tuple[Color, Color], ...]] = {
    "black": (((30, 29, 31), (9, 9, 10)),),
    "white": (((236, 234, 229), (9, 9, 11)),),
    "beige": (((214, 192, 163), (16, 15, 17)), ((224, 196, 176), (10, 12, 12))),
    "brown": (((92, 60, 42), (17, 14, 12)),),
    "caramel": (((172, 110, 58), (17, 15, 14)),),
    "navy": (((33, 43, 84), (11, 11, 18)),),
    "red": (((180, 26, 36), (22, 13, 14)),),
    "pink": (((231, 132, 160), (16, 26, 22)), ((214, 62, 122), (14, 18, 18))),
    "green": (((62, 112, 72), (22, 24, 22)), ((116, 126, 76), (14, 14, 14))),
}
METALLICS: tuple[Color, ...] = ((206, 172, 102), (192, 194, 200), (200, 150, 128), (128, 118, 106))
BRIGHTS: tuple[Color, ...] = (
    (214, 48, 56),
    (240, 168, 40),
    (42, 120, 190),
    (54, 150, 92),
    (232, 92, 146),
    (122, 72, 168),
    (244, 214, 74),
    (52, 176, 178),
)
NEUTRALS: tuple[Color, ...] = (
    (222, 204, 178),
    (118, 78, 52),
    (36, 33, 33),
    (240, 236, 228),
    (172, 124, 82),
    (150, 142, 132),
)

SOLES: dict[str, Paint] = {
    "rubber": Paint((44, 42, 42), 150, 0.12, 0.1, "speckle", 0.03),
    "leather": Paint((188, 140, 92), 150, 0.25, 0.2, "layers", 0.03),
    "lacquered": Paint((176, 22, 34), 150, 0.9, 1.0),
    "rope": Paint((206, 176, 128), 150, 0.02, 0.0, "rope", 0.2),
    "lug": Paint((36, 35, 36), 150, 0.14, 0.1, "speckle", 0.03),
    "eva": Paint((240, 240, 238), 150, 0.12, 0.0),
    "gum": Paint((186, 128, 66), 150, 0.22, 0.2, "speckle", 0.06),
    "wood": Paint((176, 124, 76), 150, 0.25, 0.2, "wood", 0.1),
}
COVERINGS: dict[str, Paint] = {
    "stacked": Paint((132, 84, 50), 165, 0.22, 0.2, "layers", 0.17),
    "wood": Paint((186, 134, 84), 165, 0.25, 0.2, "wood", 0.11),
    "cork": Paint((200, 152, 102), 165, 0.03, 0.0, "cork", 0.16),
    "rope": Paint((206, 176, 128), 165, 0.02, 0.0, "rope", 0.2),
    "metallic": Paint((204, 176, 112), 165, 0.95, 0.8),
    "lacquered": Paint((22, 20, 22), 165, 1.0, 1.0),
}
GOLD = Paint((214, 178, 96), 240, 0.9, 0.7)
SILVER = Paint((196, 198, 204), 240, 0.9, 0.7)
