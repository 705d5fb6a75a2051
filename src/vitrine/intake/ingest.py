"""Bring products, photos and labels into the catalog; running it again adds only what is new.

A file or cell that cannot be used goes to quarantine with its row, value and reason. Work is committed in small
transactions, so an interrupted run continues where it stopped.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
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
class Prepared:
    """One photo before it is written: its record where it is new, its id where it can be used, else the problem."""

    sku: str
    path: PhotoPath
    version: str
    photo: Photo | None
    photo_id: str = ""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """How many products, photos and labels of a group were new."""

    products: int = 0
    photos: int = 0
    labels: int = 0

    def __add__(self, other: "Added") -> "Added":
        return Added(self.products + other.products, self.photos + other.photos, self.labels + other.labels)


class Intake:
    """What takes products in, group by group; the cost is that of the group, however large the catalog is."""

    def __init__(self, photos: PhotoSource, catalog: Catalog, blobs: Blobs, cleaning: Cleaning, place: str) -> None:
        self.photos, self.catalog, self.blobs, self.cleaning = photos, catalog, blobs, cleaning
        self.place = place
        self.batch = f"in-{uuid4().hex[:12]}"

    def prepare(self, items: Sequence[Item], pool: Executor) -> list[Prepared]:
        """Read, clean and measure the photos of a group, but for files that were brought in before."""
        known = self._known(items)
        pairs = [(item.sku, path) for item in items for path in item.photos]
        return list(pool.map(lambda pair: self._prepare(pair[0], pair[1], known), pairs))

    def _known(self, items: Sequence[Item]) -> dict[tuple[str, str], str]:
        """(source, version) → photo_id of the files of these products that are in the catalog, cleaned as today."""
        links, photos = schema.product_photos, schema.photos
        found = sa.select(links.c.source, links.c.source_version, links.c.photo_id).join(photos)
        same = (photos.c.cleaning_id == self.cleaning.contract_id) & links.c.sku.in_([item.sku for item in items])
        rows = self.catalog.rows(found.where(same))
        return {(row["source"], row["source_version"]): row["photo_id"] for row in rows}

    def _prepare(self, sku: str, path: PhotoPath, known: Mapping[tuple[str, str], str]) -> Prepared:
        version = self.photos.version(path.path)
        if version and (self._source(path), version) in known:
            return Prepared(sku, path, version, None, known[self._source(path), version])
        try:
            data = self.photos.read(path.path)
            photo, cleaned = describe_photo(data, self.cleaning)
        except UnreadablePhoto as error:
            code = error.reason if error.reason in ("missing", "too-small", "forbidden") else "unreadable"
            problem = Problem(path.row, code, sku, path.path, f"{path.path}: {error.message}")
            return Prepared(sku, path, version, None, problem=problem)
        self.blobs.put(blob_key(photo.photo_id, self.cleaning), cleaned)
        return Prepared(sku, path, version, photo, photo.photo_id)

    def commit(self, items: Sequence[Item], prepared: Sequence[Prepared]) -> Added:
        """Write one group of products in one transaction: all of it is there then, or nothing.

        What is said about a product replaces what was said before; where nothing is said, that stays. A photo takes the
        place of the one that the same file held before.
        """
        moment = now()
        photos = list({p.photo.photo_id: p.photo for p in prepared if p.photo}.values())
        links = [
            ProductPhoto(p.sku, p.photo_id, self._source(p.path), p.version, p.path.view)
            for p in prepared
            if p.photo_id
        ]
        with self.catalog.transaction() as connection:
            new = self._new(connection, items, photos)
            self.catalog.put(schema.products, [_product(i) for i in items if i.fields], connection=connection)
            self.catalog.add(schema.products, [_product(i) for i in items if not i.fields], connection=connection)
            weights = [Weight(i.sku, i.fields["weight"], moment) for i in items if "weight" in i.fields]
            self.catalog.put(schema.weights, weights, connection=connection)
            self.catalog.put(schema.photos, photos, connection=connection)
            _forget_replaced(connection, links)
            self.catalog.put(schema.product_photos, _unique_links(links), connection=connection)
            labels = [
                Label(sku, attribute, value, TABLE, self.batch, moment)
                for sku, attribute, value in self._changed_labels(items)
            ]
            new_labels = self.catalog.add(schema.labels, labels, connection=connection)
            self.quarantine([p.problem for p in prepared if p.problem], connection)
        return replace(new, labels=new_labels)

    def _new(self, connection: sa.Connection, items: Sequence[Item], photos: Sequence[Photo]) -> Added:
        """How many of these are not in the catalog yet."""
        skus, photo_ids = [item.sku for item in items], [photo.photo_id for photo in photos]
        products = connection.scalars(sa.select(schema.products.c.sku).where(schema.products.c.sku.in_(skus)))
        known = connection.scalars(sa.select(schema.photos.c.photo_id).where(schema.photos.c.photo_id.in_(photo_ids)))
        return Added(len(set(skus) - set(products)), len(set(photo_ids) - set(known)))

    def _source(self, path: PhotoPath) -> str:
        return f"{self.photos.url}/{path.path}"

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
    run = Intake(photos, catalog, blobs, cleaning, place)
    run.quarantine(items.problems)
    products, done, added = list(items.by_sku.values()), 0, Added()
    seen = before = after = 0
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(products), _PRODUCTS_PER_COMMIT):
            group = products[start : start + _PRODUCTS_PER_COMMIT]
            prepared = run.prepare(group, pool)
            added += run.commit(group, prepared)
            seen += sum(1 for p in prepared if p.photo_id)
            before += sum(p.photo.bytes_before for p in prepared if p.photo)
            after += sum(p.photo.bytes_after for p in prepared if p.photo)
            done += len(group)
            on_progress(done, len(products))
    remaining = run.forget_mended()
    return IngestReport(len(products), added.products, seen, added.photos, added.labels, remaining, before, after)


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


def _forget_replaced(connection: sa.Connection, links: Sequence[ProductPhoto]) -> None:
    """A file that holds another photo now shows the one it held before no more."""
    table = schema.product_photos
    other = table.c.photo_id != sa.bindparam("now_shown")
    replaced = (table.c.sku == sa.bindparam("of_sku")) & (table.c.source == sa.bindparam("of_source")) & other
    if links:
        keys = [{"of_sku": one.sku, "of_source": one.source, "now_shown": one.photo_id} for one in links]
        connection.execute(sa.delete(table).where(replaced), keys)


def _unique_links(links: Sequence[ProductPhoto]) -> list[ProductPhoto]:
    return list({(link.sku, link.photo_id): link for link in links}.values())
