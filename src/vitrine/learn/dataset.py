"""Freeze what is known today into an immutable data set: products, families, parts, photos and labels.

A data set is a Parquet file named by its content (`ds-…`): the same catalog gives the same file, and a head can always
say what it learnt from. Only people's and tables' labels are in it; what a machine published is not a label.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vitrine.errors import InputError, NotFound, sentence
from vitrine.intake.labels import chosen_by_models, current_labels, spoken_labels
from vitrine.learn.fuse import photos_to_fuse
from vitrine.learn.split import check_no_crossing, split, style_key
from vitrine.records import Move
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.stores.whole import whole
from vitrine.taxonomy import Taxonomy

_FIXED = ("sku", "family_id", "part", "style", "photo_ids")


@dataclass(frozen=True, slots=True)
class Dataset:
    """An immutable snapshot.

    `table` has one row a product that has a photo, sorted by sku: sku, family_id, part, style, photo_ids and one nullable
    string column per attribute. Labels that contradict each other are left out (the check names them).
    """

    dataset_id: str
    taxonomy_id: str
    table: pa.Table
    moves: tuple[Move, ...] = ()

    @property
    def skus(self) -> list[str]:
        """The products, in the table's order."""
        return self.strings("sku")

    @property
    def parts(self) -> NDArray[np.str_]:
        """Each product's part: train, calibrate or test."""
        return np.array(self.strings("part"))

    def strings(self, column: str) -> list[str]:
        """A text column as a list; unlabelled is an empty text."""
        values: list[str | None] = self.table.column(column).to_pylist()
        return [value or "" for value in values]


def freeze(catalog: Catalog, taxonomy: Taxonomy, folder: Path, *, salt: str = "") -> Dataset:
    """Place new families, write the snapshot under `folder` and return it.

    Raises InputError when there is nothing to learn from, Refused when a twin would cross the parts.
    """
    products = catalog.read(schema.products)
    links = catalog.read(schema.product_photos)
    if not links.num_rows:
        hint = "vitrine ingest PHOTOS --table labels.csv"
        raise InputError(sentence("the catalog has no photo yet"), hint=hint)
    twins = catalog.read(schema.twins)
    placed = split(products, links, twins=twins, previous=catalog.read(schema.members), salt=salt)
    check_no_crossing(placed.members, links, twins)
    with catalog.transaction() as connection:
        catalog.put(schema.members, placed.members.to_pylist(), connection=connection)
        catalog.add(schema.moves, placed.moves, connection=connection)
    chosen = chosen_by_models(catalog)
    table = snapshot(products, links, placed.members, spoken_labels(catalog), taxonomy, chosen=chosen)
    return _write(table, taxonomy.id, folder, placed.moves)


def load(dataset_id: str, folder: Path) -> Dataset:
    """A snapshot written before; NotFound when it is not there."""
    path = folder / f"{dataset_id}.parquet"
    if not path.is_file():
        raise NotFound(f"data set {dataset_id} is not in {folder}", hint="vitrine train freezes a new one")
    table = pq.read_table(path)
    return Dataset(dataset_id, table.schema.metadata[b"taxonomy_id"].decode(), table)


def snapshot(
    products: pa.Table,
    links: pa.Table,
    members: pa.Table,
    labels: pa.Table,
    taxonomy: Taxonomy,
    *,
    chosen: Collection[tuple[str, str]] = (),
) -> pa.Table:
    """The data set's table from the catalog's tables (see `Dataset.table`).

    Only the train part reads the labels of the (sku, attribute) in `chosen`: a model chose to ask for them, so they would
    make the other parts no fair sample.
    """
    photos = photos_to_fuse(links)
    said = _labels_by_sku(labels, taxonomy)
    names = dict(zip(products.column("sku").to_pylist(), products.column("name").to_pylist(), strict=True))
    words = color_words(taxonomy)
    rows = []
    for member in members.to_pylist():
        sku = member["sku"]
        if sku not in photos:
            continue
        own = said.get(sku, {})
        if member["part"] != "train":
            own = {name: value for name, value in own.items() if (sku, name) not in chosen}
        complete = taxonomy.infer_not_applicable(own)
        style = style_key(names.get(sku) or "", words) or member["family_id"]
        fixed = {**member, "style": style, "photo_ids": photos[sku]}
        rows.append(fixed | {name: complete.get(name) for name in taxonomy.attributes})
    rows.sort(key=lambda row: str(row["sku"]))
    return pa.Table.from_pylist(rows, schema=_schema(taxonomy))


def is_color(attribute: str) -> bool:
    """Whether an attribute tells colorways apart, by its name."""
    return "color" in attribute.lower() or "colour" in attribute.lower()


def color_words(taxonomy: Taxonomy) -> list[str]:
    """The words that tell colorways apart: every spelling of the values of the attributes that are colors."""
    words: set[str] = set()
    for attribute in taxonomy.attributes.values():
        if is_color(attribute.name):
            for value in attribute.values:
                words |= {value, *attribute.value_names.get(value, {}).values(), *attribute.synonyms.get(value, ())}
    return sorted(words)


def _labels_by_sku(labels: pa.Table, taxonomy: Taxonomy) -> dict[str, dict[str, str]]:
    said: dict[str, dict[str, str]] = {}
    for row in current_labels(labels).to_pylist():
        attribute = taxonomy.attributes.get(row["attribute"])
        if attribute and not row["conflict"] and row["value"] in attribute.values:
            said.setdefault(row["sku"], {})[row["attribute"]] = row["value"]
    return said


def _schema(taxonomy: Taxonomy) -> pa.Schema:
    fixed = [pa.field(name, pa.string(), nullable=False) for name in _FIXED[:-1]]
    photo_ids = pa.field("photo_ids", pa.list_(pa.string()), nullable=False)
    return pa.schema([*fixed, photo_ids, *(pa.field(name, pa.string()) for name in taxonomy.attributes)])


def _write(table: pa.Table, taxonomy_id: str, folder: Path, moves: Sequence[Move]) -> Dataset:
    dataset_id = f"ds-{_content_hash(table, taxonomy_id)}"
    path = folder / f"{dataset_id}.parquet"
    metadata: Mapping[str, str] = {"taxonomy_id": taxonomy_id, "dataset_id": dataset_id}
    if not path.exists():
        with whole(path, hint="free some space and run vitrine train again") as temporary:
            pq.write_table(table.replace_schema_metadata(metadata), temporary)
    return Dataset(dataset_id, taxonomy_id, table, tuple(moves))


def _content_hash(table: pa.Table, taxonomy_id: str) -> str:
    digest = hashlib.sha256(taxonomy_id.encode())
    for row in table.to_pylist():
        digest.update(repr(sorted(row.items())).encode())
    return digest.hexdigest()[:12]
