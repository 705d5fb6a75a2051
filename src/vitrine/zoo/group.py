"""Group pictures without their classes, by what a network saw in them or by their pixels, and compare with the classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from vitrine.errors import InputError, NotFound
from vitrine.stores.whole import whole
from vitrine.zoo.classify_task import as_tensor
from vitrine.zoo.data import CLASSES, Part
from vitrine.zoo.results import mean_interval
from vitrine.zoo.run import Unit, device_here, trained_network

_STARTS = 5  # k-means depends on where it starts: the interval is over these
_COMPONENTS = 50
_ON_MAP = 1_500

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Grouping:
    """Ten clusters of `n` pictures against their classes: means over starts of k-means with half 95 % t-intervals.

    Adjusted Rand index (Hubert and Arabie 1985), 0 by chance; normalized mutual information (Strehl and Ghosh 2002).
    """

    seen_by: str
    n: int
    ari: float
    ari_over_starts: float | None
    nmi: float
    nmi_over_starts: float | None


def group(seen_by: str, vectors: Vectors, labels: NDArray[np.int64]) -> Grouping:
    """Cluster vectors (n, any) into as many groups as there are classes and compare."""
    reduced = PCA(min(_COMPONENTS, *vectors.shape), random_state=0).fit_transform(vectors)
    found = [KMeans(len(CLASSES), n_init=1, random_state=start).fit_predict(reduced) for start in range(_STARTS)]
    ari, ari_half = mean_interval([adjusted_rand_score(labels, one) for one in found])
    nmi, nmi_half = mean_interval([normalized_mutual_info_score(labels, one) for one in found])
    return Grouping(seen_by, len(labels), ari, ari_half, nmi, nmi_half)


def pixels(part: Part) -> Vectors:
    """Pictures as rows (n, 784) in 0..1."""
    return part.pictures.reshape(len(part), -1).astype(np.float32) / np.float32(255)


def seen_by_network(unit: Unit, part: Part) -> Vectors:
    """What enters the last dense layer of a judged run's network, (n, its width); NotFound without its weights."""
    if unit.entry.boosted:
        raise InputError(f"{unit.entry.name} is no network: it has no inner view of a picture")
    if unit.members:
        of = unit.members[0].entry.name
        raise InputError(
            f"{unit.entry.name} is several networks, each with a view of its own", hint=f"vitrine zoo group {of}"
        )
    if not unit.weights.exists():
        raise NotFound(f"{unit.weights} does not exist", hint=f"vitrine zoo run {unit.entry.name}")
    network = trained_network(unit).eval()
    seen: list[torch.Tensor] = []
    last = [one for one in network.modules() if isinstance(one, torch.nn.Linear)][-1]
    last.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        for some in as_tensor(part, device_here()).split(1_000):
            network(some)
    vectors: Vectors = torch.cat(seen).cpu().numpy()
    return vectors


def draw_map(vectors: Vectors, labels: NDArray[np.int64], path: Path) -> None:
    """Draw pictures as dots so that alike ones lie near each other, colored by class, as SVG or PNG.

    Method: van der Maaten and Hinton, "Visualizing data using t-SNE", 2008 (JMLR).
    """
    some = np.linspace(0, len(labels) - 1, min(_ON_MAP, len(labels))).astype(np.intp)
    reduced = PCA(min(_COMPONENTS, *vectors.shape), random_state=0).fit_transform(vectors)[some]
    places = TSNE(init="pca", perplexity=min(30, len(some) // 4), random_state=0).fit_transform(reduced)
    figure = _scatter(places, labels[some], CLASSES)
    with whole(path, hint="name another file with --map") as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix(".") or "svg", bbox_inches="tight", dpi=160)


def _scatter(places: Vectors, labels: NDArray[np.int64], names: Sequence[str]) -> Figure:
    figure = Figure(figsize=(7, 6))
    axes = figure.add_subplot()
    for label, name in enumerate(names):
        mine = places[labels == label]
        axes.scatter(mine[:, 0], mine[:, 1], s=7, linewidths=0, alpha=0.75, label=name, color=f"C{label}")
        if len(mine):
            middle = np.median(mine, axis=0)
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}
            axes.text(float(middle[0]), float(middle[1]), name, ha="center", va="center", fontsize=8, bbox=box)
    axes.set_axis_off()
    return figure
