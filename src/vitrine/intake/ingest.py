"""Bring products, photos and labels into the catalog; running it again adds only what is new.

A file or cell that cannot be used goes to quarantine with its row, value and reason. Work is committed in small
transactions, so an interrupted run continues where it stopped.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from uuid import uuid4

import numpy as np
import sqlalchemy as sa

from vitrine.errors import UnreadablePhoto
from vitrine.intake.clean import Cleaning, clean
from vitrine.intake.items import Item, Items, PhotoPath, Problem
from vitrine.intake.labels import TABLE, current_labels
from vitrine.intake.measure import measure
from vitrine.intake.source import PhotoSource
from vitrine.intake.twins import fingerprint
from vitrine.records import Label, Photo, Product, ProductPhoto, Quarantined, Weight, now
from vitrine.stores import schema
from vitrine.stores.blobs import Blobs
from vitrine.stores.catalog import Catalog

_PRODUCTS_PER_COMMIT = 200

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one ingest did, in products, photos, labels and bytes."""

    products: int
    new_products: int
    photos: int
    new_photos: int
    new_labels: int
    quarantined: int
    bytes_before: int
    bytes_after: int

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Prepared:
    sku: str
    path: PhotoPath
    version: str
    photo: Photo | None
    photo_id: str = ""
    problem: Problem | None = None


class _Intake:
    """One run: the stores it writes to and what earlier runs already brought in."""

    def __init__(self, photos: PhotoSource, catalog: Catalog, blobs: Blobs, cleaning: Cleaning, place: str) -> None:
        self.photos, self.catalog, self.blobs, self.cleaning = photos, catalog, blobs, cleaning
        self.place = place
        self.batch = f"in-{uuid4().hex[:12]}"
        links = catalog.read(
            sa.select(
                schema.product_photos.c.source,
                schema.product_photos.c.source_version,
                schema.product_photos.c.photo_id,
                schema.photos.c.cleaning_id,
            ).join(schema.photos)
        ).to_pylist()
        self.skus = set(catalog.read(sa.select(schema.products.c.sku)).column("sku").to_pylist())
        self.photo_ids = {row["photo_id"] for row in links}
        self.known = {
            (row["source"], row["source_version"]): row["photo_id"]
            for row in links
            if row["cleaning_id"] == cleaning.contract_id
        }

    def prepare(self, sku: str, path: PhotoPath) -> _Prepared:
        """Read, clean and measure one photo, unless the same file was brought in before."""
        source = f"{self.photos.url}/{path.path}"
        version = self.photos.version(path.path)
        if version and (source, version) in self.known:
            return _Prepared(sku, path, version, None, self.known[source, version])
        try:
            data = self.photos.read(path.path)
            photo, cleaned = describe_photo(data, self.cleaning)
        except UnreadablePhoto as error:
            code = error.reason if error.reason in ("missing", "too-small", "forbidden") else "unreadable"
            problem = Problem(path.row, code, sku, path.path, f"{path.path}: {error.message}")
            return _Prepared(sku, path, version, None, problem=problem)
        self.blobs.put(blob_key(photo.photo_id, self.cleaning), cleaned)
        return _Prepared(sku, path, version, photo, photo.photo_id)

    def commit(self, items: Sequence[Item], prepared: Sequence[_Prepared]) -> tuple[int, int, int]:
        """Write one group of products in one transaction; returns new products, photos and labels."""
        moment = now()
        products = [_product(item) for item in items]
        photos = list({p.photo.photo_id: p.photo for p in prepared if p.photo}.values())
        links = [
            ProductPhoto(p.sku, p.photo_id, f"{self.photos.url}/{p.path.path}", p.version, p.path.view)
            for p in prepared
            if p.photo_id
        ]
        with self.catalog.transaction() as connection:
            self.catalog.put(schema.products, products, connection=connection)
            weights = [Weight(i.sku, i.fields["weight"], moment) for i in items if "weight" in i.fields]
            self.catalog.put(schema.weights, weights, connection=connection)
            self.catalog.put(schema.photos, photos, connection=connection)
            self.catalog.put(schema.product_photos, _unique_links(links), connection=connection)
            labels = [
                Label(sku, attribute, value, TABLE, self.batch, moment)
                for sku, attribute, value in self._changed_labels(items)
            ]
            new_labels = self.catalog.add(schema.labels, labels, connection=connection)
            self.quarantine([p.problem for p in prepared if p.problem], connection)
        new_products = {product.sku for product in products} - self.skus
        new_photos = {photo.photo_id for photo in photos} - self.photo_ids
        self.skus |= new_products
        self.photo_ids |= new_photos
        return len(new_products), len(new_photos), new_labels

    def quarantine(self, problems: Sequence[Problem], connection: sa.Connection | None = None) -> None:
        """Keep what could not be used, under this run's batch."""
        moment = now()
        rows = [
            Quarantined(self.place, p.row, p.code, p.sku, p.value[:500], p.reason, self.batch, moment) for p in problems
        ]
        self.catalog.put(schema.quarantine, rows, connection=connection)

    def forget_mended(self) -> int:
        """Drop what earlier runs of the same source put aside and this one did not; returns how many remain."""
        table = schema.quarantine
        with self.catalog.transaction() as connection:
            connection.execute(sa.delete(table).where(table.c.place == self.place, table.c.batch != self.batch))
        return self.catalog.count(sa.select(table).where(table.c.place == self.place))

    def _changed_labels(self, items: Sequence[Item]) -> Iterator[tuple[str, str, str]]:
        """The labels that say something else than the table said last; all values of a contradiction are kept."""
        table = schema.labels
        skus = [item.sku for item in items]
        earlier = self.catalog.read(sa.select(table).where(table.c.sku.in_(skus), table.c.source == TABLE))
        said: dict[tuple[str, str], set[str]] = {}
        for row in current_labels(earlier).to_pylist():
            said.setdefault((row["sku"], row["attribute"]), set()).add(row["value"])
        for item in items:
            for attribute, values in item.labels.items():
                if said.get((item.sku, attribute)) != values:
                    yield from ((item.sku, attribute, value) for value in sorted(values))


def ingest(
    items: Items,
    photos: PhotoSource,
    *,
    catalog: Catalog,
    blobs: Blobs,
    cleaning: Cleaning,
    place: str,
    threads: int = 2,
    on_progress: Progress = lambda done, total: None,
) -> IngestReport:
    """Write `items` and their photos; `place` names the table or folder they come from.

    Raises StorageError when the disk is full or the store is lost: what was committed stays, the same call continues.
    """
    run = _Intake(photos, catalog, blobs, cleaning, place)
    run.quarantine(items.problems)
    products, done = list(items.by_sku.values()), 0
    new_products = new_photos = new_labels = seen = before = after = 0
    iterator = iter(products)
    with ThreadPoolExecutor(threads) as pool:
        while group := list(islice(iterator, _PRODUCTS_PER_COMMIT)):
            pairs = [(item.sku, path) for item in group for path in item.photos]
            prepared = list(pool.map(lambda pair: run.prepare(*pair), pairs))
            added = run.commit(group, prepared)
            new_products, new_photos, new_labels = (
                new_products + added[0],
                new_photos + added[1],
                new_labels + added[2],
            )
            seen += sum(1 for p in prepared if p.photo_id)
            before += sum(p.photo.bytes_before for p in prepared if p.photo)
            after += sum(p.photo.bytes_after for p in prepared if p.photo)
            done += len(group)
            on_progress(done, len(products))
    remaining = run.forget_mended()
    return IngestReport(len(products), new_products, seen, new_photos, new_labels, remaining, before, after)


def describe_photo(data: bytes, cleaning: Cleaning) -> tuple[Photo, bytes]:
    """Clean and measure a photo: its record and the cleaned JPEG. Raises UnreadablePhoto."""
    cleaned = clean(data, cleaning)
    contrast, sharpness = measure(cleaned.image)
    photo = Photo(
        photo_id=hashlib.sha256(data).hexdigest(),
        cleaning_id=cleaning.contract_id,
        width=cleaned.width,
        height=cleaned.height,
        width_before=cleaned.width_before,
        height_before=cleaned.height_before,
        bytes_before=cleaned.bytes_before,
        bytes_after=cleaned.bytes_after,
        steps=" ".join(cleaned.steps),
        contrast=contrast,
        sharpness=sharpness,
        fingerprint=fingerprint(np.asarray(cleaned.image)).to_bytes(),
        compared=False,
        added_at=now(),
    )
    return photo, cleaned.data


def blob_key(photo_id: str, cleaning: Cleaning) -> str:
    """Where the cleaned copy lies: another cleaning never finds it."""
    return f"{photo_id}-{cleaning.contract_id}.jpg"


def _product(item: Item) -> Product:
    fields = item.fields
    return Product(
        sku=item.sku,
        style_id=fields.get("style"),
        name=fields.get("name"),
        description=fields.get("description"),
        brand=fields.get("brand"),
        price=fields.get("price"),
        added_at=now(),
        stock=fields.get("stock"),
    )


def _unique_links(links: Sequence[ProductPhoto]) -> list[ProductPhoto]:
    return list({(link.sku, link.photo_id): link for link in links}.values())
