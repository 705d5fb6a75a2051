"""How many of the pairs called twins are twins, and how many twins are found, on real photos.

    python benchmarks/twins.py --photos ../shared/data/fashion-products --copies 600

Every flagged pair of the photos as they are is listed, to be looked at: there are few. Then `copies` photos drawn at random
get one near copy each, as shops make them (another size, crop, brightness, JPEG quality), and all photos are searched: a
flagged pair is right when it ties a copy with its photo, or was flagged without copies and found right by eye
(--right N: how many of those are). Intervals are Clopper–Pearson, 95 %.
"""

import argparse
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance
from scipy.stats import beta

from vitrine.intake.clean import Cleaning
from vitrine.intake.ingest import describe_photo
from vitrine.intake.twins import Fingerprint, twins


def near_copy(data: bytes, random: np.random.Generator) -> bytes:
    """Another upload of the same picture: resized, cropped a little, brightened a little, compressed again."""
    image = Image.open(BytesIO(data)).convert("RGB")
    width, height = image.size
    left, top, right, bottom = (int(random.integers(0, max(2, side // 40))) for side in (width, height) * 2)
    image = image.crop((left, top, width - right, height - bottom))
    scale = random.uniform(0.6, 1.4)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    image = ImageEnhance.Brightness(image).enhance(random.uniform(0.95, 1.05))
    encoded = BytesIO()
    image.save(encoded, "JPEG", quality=int(random.integers(60, 95)))
    return encoded.getvalue()


def share(hits: int, n: int) -> str:
    """A share with its interval."""
    low = float(beta.ppf(0.025, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, n - hits)) if hits < n else 1.0
    return f"{hits}/{n} = {hits / n:.3f} ({low:.3f} to {high:.3f})" if n else "none"


def fingerprints(contents: Iterator[bytes]) -> list[Fingerprint]:
    """In the order given, as ingest makes them."""
    with ThreadPoolExecutor(2) as pool:
        photos = pool.map(lambda data: describe_photo(data, Cleaning())[0], contents)
        return [Fingerprint.from_bytes(photo.fingerprint) for photo in photos]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=600)
    parser.add_argument("--right", type=int, help="of the pairs flagged without copies, how many are right by eye")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    files = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in sorted(arguments.photos.rglob("*.jpg"))}
    photo_ids = list(files)
    prints = fingerprints(path.read_bytes() for path in files.values())
    plain = {(twin.photo_a, twin.photo_b): twin for twin in twins(photo_ids, prints)}
    print(f"{len(files):,} photos of different bytes, {len(plain)} pairs flagged")
    for twin in plain.values():
        print(f"  {twin.kind:5} {twin.score:.3f} {files[twin.photo_a].name} {files[twin.photo_b].name}")
    right = len(plain) if arguments.right is None else arguments.right
    random = np.random.default_rng(arguments.seed)
    chosen = random.choice(len(photo_ids), arguments.copies, replace=False).tolist()
    copies = fingerprints(near_copy(files[photo_ids[at]].read_bytes(), random) for at in chosen)
    names = [f"copy-{at}" for at in chosen]
    found = {(twin.photo_a, twin.photo_b) for twin in twins([*photo_ids, *names], [*prints, *copies])}
    original = {f"copy-{at}": photo_ids[at] for at in chosen}
    of_copies = {pair for pair in found if pair not in plain}
    true = {pair for pair in of_copies if _same(pair, original, set(plain))}
    ties = {(min(copy, photo), max(copy, photo)) for copy, photo in original.items()}
    print(f"precision without copies, by eye: {share(right, len(plain))}")
    print(f"precision with {len(names)} planted near copies: {share(len(true) + right, len(of_copies) + len(plain))}")
    print(f"planted near copies found: {share(len(ties & found), len(ties))}")


def _same(pair: tuple[str, str], original: dict[str, str], plain: set[tuple[str, str]]) -> bool:
    """Whether both are one picture: a copy and its photo, or copies and photos of a pair that was flagged before."""
    first, second = sorted(original.get(one, one) for one in pair)
    return first == second or (first, second) in plain


if __name__ == "__main__":
    main()
