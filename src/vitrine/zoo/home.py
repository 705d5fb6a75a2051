"""Where the zoo keeps its data, checkpoints and results on this machine, and what it learns from."""

from pathlib import Path

import platformdirs

from vitrine.zoo.data import GarmentSet, read_fashion_mnist
from vitrine.zoo.drawn import draw_garments

_DRAWN = {"train": 1_200, "test": 600, "seed": 0}


def default_home() -> Path:
    """The zoo's folder among this user's data."""
    return platformdirs.user_data_path("vitrine", appauthor=False) / "zoo"


def data_folder(home: Path) -> Path:
    """Where `fetch` puts Fashion-MNIST."""
    return home / "data"


def garments(home: Path, *, data: Path | None, drawn: bool) -> tuple[GarmentSet, Path]:
    """What to learn from, and where its runs lie: Fashion-MNIST (from `data` or the home), or drawn garments.

    Runs on drawn garments have a folder of their own. Raises MissingPart where Fashion-MNIST is absent.
    """
    if drawn:
        return draw_garments(**_DRAWN), home / "drawn"
    return read_fashion_mnist(data or data_folder(home)), home
