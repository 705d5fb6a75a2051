"""Draw a whole catalog to disk: photos, the table of labels, the taxonomy, and the truth behind them."""

import csv
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vitrine.demo.assortment import ATTRIBUTES
from vitrine.demo.draw import draw
from vitrine.demo.faults import encode, near_copy, spoil, taxonomy_text, write_cells
from vitrine.demo.product import BLOCK, Product, Shot, product, sku_of, truth_of
from vitrine.errors import InputError

COLUMNS = ("photo", "sku", "style_id", "view", "name", "description", "price", "stock", "brand", *ATTRIBUTES)
BAD_FILES = ("unreadable", "too-small", "blank", "blurred")
CHUNK = 8 * BLOCK
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planted:
    """What was planted in a drawn catalog, so that what is found can be checked against it.

    `truth` has every product's true values; `twins` photo_a, photo_b and kind ("exact" or "near");
    `wrong_labels` sku, attribute, true, written; `bad_files` photo and reason ("unreadable", "too-small",
    "blank", "blurred"); `off_taxonomy` sku, attribute, written; `wrong_views` the photos labelled "side" that
    show another view.
    """

    products: int
    photos: int
    truth: pa.Table
    twins: pa.Table
    wrong_labels: pa.Table
    bad_files: pa.Table
    off_taxonomy: pa.Table
    wrong_views: pa.Table


PLANTED_COLUMNS = {
    "twins": ("photo_a", "photo_b", "kind"),
    "wrong_labels": ("sku", "attribute", "true", "written"),
    "bad_files": ("photo", "reason"),
    "off_taxonomy": ("sku", "attribute", "written"),
    "wrong_views": ("photo",),
}


@dataclass(frozen=True, slots=True)
class _Job:
    """A run of products for one worker."""

    folder: str
    seed: int
    first: int
    last: int
    size: int
    faults: bool
    labelled: float


def _photo_bytes(item: Product, shot: Shot, seed: int, size: int) -> bytes:
    """The file of one photo, faults included."""
    picture, quality = draw(item, shot, size)
    rng = np.random.default_rng([seed, 6, item.number, shot.number])
    if item.fault == "near":
        return near_copy(picture, rng)
    if item.fault in BAD_FILES and shot is item.shots[-1]:
        return spoil(picture, item.fault, rng)
    return encode(picture, quality)


def _draw_chunk(job: _Job) -> tuple[list[Row], dict[str, list[Row]]]:
    """Draw the photos of a run of products; its table rows, and the rows of each planted table."""
    rows: list[Row] = []
    planted: dict[str, list[Row]] = {name: [] for name in PLANTED_COLUMNS}
    for number in range(job.first, job.last):
        item = product(job.seed, number, faults=job.faults)
        for shot in item.shots:
            path = Path(job.folder, "photos", item.photo(shot))
            path.write_bytes(_photo_bytes(item, shot, job.seed, job.size))
        cells = _cells(item, job, planted)
        text, stock = item.wording, _stock(item.number, job.seed)
        for shot in item.shots:
            head = (item.photo(shot), item.sku, item.style_id, shot.written_view)
            rows.append((*head, text.name, text.description, text.price, stock, text.brand, *cells))
        _note_photo_faults(item, planted)
    return rows, planted


def _stock(number: int, seed: int) -> str:
    """Pieces of a product that the shop has; about one in seven is sold out."""
    return str(max(0, int(np.random.default_rng([seed, 9, number]).normal(12, 12))))


def _cells(item: Product, job: _Job, planted: dict[str, list[Row]]) -> Row:
    """The attribute cells of a product, empty where it is not labelled."""
    rng = np.random.default_rng([job.seed, 8, item.number])
    if rng.random() >= job.labelled:
        return ("",) * len(ATTRIBUTES)
    if not job.faults:
        return tuple(item.values[name] for name in ATTRIBUTES)
    cells = write_cells(item.values, rng)
    planted["wrong_labels"] += [(item.sku, *change) for change in cells.wrong]
    planted["off_taxonomy"] += [(item.sku, *change) for change in cells.unknown]
    return tuple(cells.written[name] for name in ATTRIBUTES)


def _note_photo_faults(item: Product, planted: dict[str, list[Row]]) -> None:
    last = item.photo(item.shots[-1])
    if item.twin_of is not None:
        planted["twins"].append((f"{sku_of(item.twin_of)}-1.jpg", last, item.fault))
    elif item.fault in BAD_FILES:
        planted["bad_files"].append((last, item.fault))
    elif item.fault == "wrong-view":
        planted["wrong_views"].append((last,))


def _results(jobs: list[_Job], workers: int) -> Iterator[tuple[list[Row], dict[str, list[Row]]]]:
    """The chunks in order, drawn here or by a pool of processes."""
    if workers == 1 or len(jobs) == 1:
        yield from map(_draw_chunk, jobs)
        return
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(_draw_chunk, jobs)


def draw_catalog(
    folder: Path,
    *,
    products: int,
    seed: int,
    size: int = 320,
    workers: int | None = None,
    faults: bool = True,
    labelled: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
) -> Planted:
    """Draw `products` products into `folder`: `photos/`, `labels.csv`, `taxonomy.toml` and `truth/*.parquet`.

    Everything is a pure function of (seed, product number, size): neither the number of products nor of
    workers changes a product's bytes. `labelled` is the share of products whose attribute cells are filled;
    `progress` is called with (products done, products in all). Raises `InputError` for counts that make no
    catalog.
    """
    if products < 1 or size < 64:
        raise InputError(
            f"a catalog of {products} products at {size} pixels cannot be drawn",
            hint="ask for at least 1 product and 64 pixels",
        )
    for name in ("photos", "truth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "taxonomy.toml").write_text(taxonomy_text(), encoding="utf-8")
    starts = range(0, products, CHUNK)
    jobs = [_Job(str(folder), seed, at, min(at + CHUNK, products), size, faults, labelled) for at in starts]
    noted: dict[str, list[Row]] = {name: [] for name in PLANTED_COLUMNS}
    photos = 0
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for job, (rows, planted) in zip(jobs, _results(jobs, workers or os.cpu_count() or 1), strict=True):
            table.writerows(rows)
            photos += len(rows)
            for name, found in planted.items():
                noted[name] += found
            if progress is not None:
                progress(job.last, products)
    result = _planted(products, photos, truth_of(seed, range(products), faults=faults), noted)
    _write_truth(folder / "truth", result)
    return result


def _planted(products: int, photos: int, truth: pa.Table, noted: dict[str, list[Row]]) -> Planted:
    tables = {
        name: pa.table({key: pa.array([row[at] for row in noted[name]], pa.string()) for at, key in enumerate(columns)})
        for name, columns in PLANTED_COLUMNS.items()
    }
    return Planted(products=products, photos=photos, truth=truth, **tables)


def _write_truth(folder: Path, planted: Planted) -> None:
    for field in fields(planted):
        value = getattr(planted, field.name)
        if isinstance(value, pa.Table):
            pq.write_table(value, folder / f"{field.name}.parquet")
