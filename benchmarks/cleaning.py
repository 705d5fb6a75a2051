"""What cleaning does to accuracy and size on real photos: each step on and off, as found and spoiled.

    python benchmarks/cleaning.py --data ../shared/data

Protocol: a frozen ImageNet MobileNetV2 (int8, OpenVINO) on the square-padded photo, 128 principal components,
multinomial logistic regression. Two thirds of the photos train, split by a hash of the bytes (exact copies
stay together). Every variant sees the same splits; a difference is the mean over the splits of variant minus
reference, with a t interval at 95 % over the splits (which overlap, so it describes the choice of split, not
other catalogs). Photos spoiled on purpose are spoiled in the test part only: the model never saw such.
"""

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from PIL import Image, ImageOps
from rich.console import Console
from rich.table import Table
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from vitrine.intake.clean import Cleaning, CleanPhoto, clean
from vitrine.intake.photo import read_photo

WEIGHTS = "weights/tf2_mobilenet_v2_1.0_224_ptq.tflite"
OFF = Cleaning(border=False, noise=False, max_side=0)
FULL = Cleaning()
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """Photos of one data set with one label a task, in the same order inside this file only."""

    name: str
    photos: list[bytes]
    labels: dict[str, NDArray[np.str_]]
    content: list[str]


def fashion_products(data: Path, n: int) -> PhotoSet:
    """A seeded sample of catalog photos with base_colour and article_type."""
    folder = data / "fashion-products"
    with open(folder / "labels.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (folder / f"photos/{row['sku']}.jpg").exists()]
    chosen = [rows[at] for at in np.random.default_rng(0).permutation(len(rows))[:n]]
    labels = {task: np.array([row[task] for row in chosen]) for task in ("article_type", "base_colour")}
    return photo_set("fashion-products", [folder / f"photos/{row['sku']}.jpg" for row in chosen], labels)


def folders(data: Path, name: str, pattern: str, n: int) -> PhotoSet:
    """A seeded sample of photos whose folder is the label."""
    paths = sorted(data.glob(pattern))
    chosen = [paths[at] for at in np.random.default_rng(0).permutation(len(paths))[:n]]
    return photo_set(name, chosen, {"class": np.array([path.parent.name for path in chosen])})


def photo_set(name: str, paths: list[Path], labels: dict[str, NDArray[np.str_]]) -> PhotoSet:
    """Read the files and note their content for the split."""
    photos = [path.read_bytes() for path in paths]
    return PhotoSet(name, photos, labels, [sha256(photo).hexdigest() for photo in photos])


def load_network(weights: Path) -> Callable[[Iterable[bytes]], Vectors]:
    """A function from JPEG bytes to 1,280 numbers a photo."""
    core = ov.Core()
    model = core.read_model(weights)
    mean = [node for node in model.get_ordered_ops() if node.get_type_name() == "ReduceMean"][-1]
    network = core.compile_model(
        ov.Model([mean.output(0)], model.get_parameters()), "CPU", {"INFERENCE_NUM_THREADS": 1}
    )
    seen: dict[str, Vectors] = {}

    def embed(photos: Iterable[bytes]) -> Vectors:
        return np.stack([one(photo) for photo in photos])

    def one(photo: bytes) -> Vectors:
        key = sha256(photo).hexdigest()
        if key not in seen:
            square = ImageOps.pad(read_photo(photo).image, (224, 224), Image.Resampling.BILINEAR, color="white")
            seen[key] = np.asarray(network(np.asarray(square)[None])[0], dtype=np.float32).ravel()
        return seen[key]

    return embed


def framed(photo: bytes, seed: int) -> bytes:
    """The photo with a frame or letterbox of random color and width, 4 to 15 % of the shorter side."""
    rng = np.random.default_rng(seed)
    image = read_photo(photo).image
    width = int(min(image.size) * rng.uniform(0.04, 0.15))
    color = ((0, 0, 0), (255, 255, 255), tuple(rng.integers(0, 256, 3).tolist()))[int(rng.integers(3))]
    widths = [(width,) * 4, (0, width, 0, width), (width, 0, width, 0)][int(rng.integers(3))]
    return jpeg(ImageOps.expand(image, widths, fill=color))


def grainy(photo: bytes, seed: int) -> bytes:
    """The photo with Gaussian noise of sigma 25 in every channel."""
    image = read_photo(photo).image
    noise = np.random.default_rng(seed).normal(0, 25, (image.height, image.width, 3))
    return jpeg(Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)))


def speckled(photo: bytes, seed: int) -> bytes:
    """The photo with 4 % of its pixels black or white."""
    rng = np.random.default_rng(seed)
    pixels = np.array(read_photo(photo).image)
    at = rng.random(pixels.shape[:2]) < 0.04
    pixels[at] = rng.choice(np.array([0, 255], dtype=np.uint8), size=(int(at.sum()), 1))
    return jpeg(Image.fromarray(pixels))


def jpeg(image: Image.Image) -> bytes:
    """As a shop would save it, at quality 90."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def split(content: list[str], seed: int) -> NDArray[np.bool_]:
    """True where a photo trains: two thirds, by a hash of its bytes and the seed."""
    drawn = [int(sha256(f"{seed}{key}".encode()).hexdigest()[:8], 16) % 3 for key in content]
    return np.array([part != 0 for part in drawn])


def accuracy(train: Vectors, test: Vectors, labels: NDArray[np.str_], trains: NDArray[np.bool_]) -> float:
    """Share of the test rows named right, among values with at least 10 training rows."""
    counts = Counter(labels[trains].tolist())
    kept = np.array([counts[label] >= 10 for label in labels])
    size = min(128, int(np.sum(trains & kept)))
    pca = PCA(size, svd_solver="randomized", random_state=0).fit(train[trains & kept])
    scale = np.sqrt(pca.explained_variance_[:1])
    head = LogisticRegression(C=3.0, max_iter=150)
    head.fit(pca.transform(train[trains & kept]) / scale, labels[trains & kept])
    guessed = head.predict(pca.transform(test[~trains & kept]) / scale)
    return float(np.mean(guessed == labels[~trains & kept]))


def difference(variant: list[float], reference: list[float]) -> str:
    """Mean difference in points of accuracy with its 95 % t interval."""
    gaps = 100 * (np.array(variant) - np.array(reference))
    spread = stats.t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps))
    return f"{gaps.mean():+.2f} ± {spread:.2f}"


def measure_steps(photos: PhotoSet, embed: Callable[[Iterable[bytes]], Vectors], seeds: int, table: Table) -> None:
    """Each step on and off, on the photos as they are: trained and tested with the same cleaning."""
    settings = {
        "no cleaning": OFF,
        "all steps": FULL,
        "without border": Cleaning(border=False),
        "without noise": Cleaning(noise=False),
        "max_side 160": Cleaning(max_side=160),
        "max_side 112": Cleaning(max_side=112),
    }
    reference: dict[str, list[float]] = {}
    for name, cleaning in settings.items():
        cleaned = [clean(photo, cleaning) for photo in photos.photos]
        vectors = embed(photo.data for photo in cleaned)
        for task, labels in photos.labels.items():
            found = [accuracy(vectors, vectors, labels, split(photos.content, seed)) for seed in range(seeds)]
            gap = difference(found, reference[task]) if task in reference else ""
            reference.setdefault(task, found)
            add_row(table, photos, task, "as found", name, found, gap, cleaned)


def measure_spoiled(photos: PhotoSet, embed: Callable[[Iterable[bytes]], Vectors], seeds: int, table: Table) -> None:
    """Trained on clean photos, tested on spoiled ones, with the step that should help off and on."""
    train = embed(clean(photo, FULL).data for photo in photos.photos)
    without = (
        (framed, Cleaning(border=False)),
        (grainy, Cleaning(noise=False)),
        (speckled, Cleaning(noise=False)),
    )
    for spoil, off in without:
        spoiled = [spoil(photo, seed) for seed, photo in enumerate(photos.photos)]
        reference: dict[str, list[float]] = {}
        for name, cleaning in (("step off", off), ("step on", FULL)):
            cleaned = [clean(photo, cleaning) for photo in spoiled]
            test = embed(photo.data for photo in cleaned)
            for task, labels in photos.labels.items():
                found = [accuracy(train, test, labels, split(photos.content, seed)) for seed in range(seeds)]
                gap = difference(found, reference[task]) if task in reference else ""
                reference.setdefault(task, found)
                add_row(table, photos, task, spoil.__name__, name, found, gap, cleaned)


def add_row(
    table: Table,
    photos: PhotoSet,
    task: str,
    state: str,
    name: str,
    found: list[float],
    gap: str,
    cleaned: list[CleanPhoto],
) -> None:
    """One line: accuracy, difference, share of photos each step touched, bytes before and after."""
    n = len(cleaned)
    touched = Counter(step for photo in cleaned for step in photo.steps)
    shares = " ".join(f"{step} {100 * count / n:.1f}%" for step, count in sorted(touched.items())) or "–"
    before = sum(photo.bytes_before for photo in cleaned) / n
    after = sum(photo.bytes_after for photo in cleaned) / n
    sizes = f"{before:,.0f} → {after:,.0f}"
    table.add_row(photos.name, str(n), task, state, name, f"{np.mean(found):.4f}", gap, shares, sizes)


def main() -> None:
    """Measure and print."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the real photos")
    parser.add_argument("--photos", type=int, default=3000, help="photos of each set at most")
    parser.add_argument("--seeds", type=int, default=5, help="splits")
    chosen = parser.parse_args()
    if not (chosen.data / WEIGHTS).exists():
        sys.exit(f"no {WEIGHTS} in {chosen.data}: give the folder of the real photos with --data")
    embed = load_network(chosen.data / WEIGHTS)
    for photos in (
        fashion_products(chosen.data, chosen.photos),
        folders(chosen.data, "clothing", "clothing/*/*/*", chosen.photos),
        folders(chosen.data, "shoe-brands", "shoe-brands/*/*", chosen.photos),
    ):
        table = Table("set", "n", "task", "photos", "cleaning", "accuracy", "difference", "touched", "bytes a photo")
        measure_steps(photos, embed, chosen.seeds, table)
        measure_spoiled(photos, embed, chosen.seeds, table)
        Console(width=170).print(table)


if __name__ == "__main__":
    main()
