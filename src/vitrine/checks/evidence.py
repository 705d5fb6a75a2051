"""What checks look at: the catalog's tables and the photos' vectors, each read when it is first asked for."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from vitrine.config import Settings
from vitrine.embed.embedder import Embedder
from vitrine.embed.embeddings import Embeddings
from vitrine.intake.labels import current_labels, spoken_labels
from vitrine.intake.measure import LEAST_CONTRAST, LEAST_SHARPNESS, LEAST_SIDE
from vitrine.learn.dataset import snapshot
from vitrine.learn.split import split
from vitrine.stores import schema
from vitrine.taxonomy import Taxonomy

if TYPE_CHECKING:
    from vitrine.workspace import Workspace


_FIGURES = ("width_before", "height_before", "bytes_before", "bytes_after", "steps", "contrast", "sharpness")
_ABOUT_PHOTOS = frozenset({"unreadable", "missing", "forbidden", "bad-path", "no-product", "not-a-photo"})


@dataclass(frozen=True, slots=True)
class PutAside:
    """A quarantined row; `place` names the table and the row as a person would.

    Where the row is about a photo, `photo` is its file and `reason` does not repeat it; `attribute` is that of a cell.
    """

    place: str
    code: str
    sku: str | None
    photo: str | None
    attribute: str | None
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A product that a photo shows, and the file as the table names it."""

    sku: str
    file: str


@dataclass(frozen=True, slots=True)
class SamePicture:
    """Photo `other` is the picture that `first` is; `first` is the one with the lesser sku and file.

    `kind` is "copy" (the same bytes) or that of the twins, "exact" or "near"; `score` is theirs, in 0..1. `pictures`
    are the photo_ids, that of `other` first; a copy has one.
    """

    kind: str
    score: float
    first: Shown
    other: Shown
    pictures: tuple[str, ...]


class Evidence:
    """All there is to know about a workspace's photos and labels; nothing in it changes the catalog."""

    def __init__(self, workspace: "Workspace", *, on_embed: Callable[[int, int], None]) -> None:
        self._workspace = workspace
        self._on_embed = on_embed

    # tables

    @property
    def settings(self) -> Settings:
        """The workspace's settings."""
        return self._workspace.settings

    @property
    def taxonomy(self) -> Taxonomy:
        """The taxonomy as it is now."""
        return self._workspace.taxonomy

    @cached_property
    def products(self) -> pa.Table:
        """All products."""
        return self._read(schema.products)

    @cached_property
    def links(self) -> pa.Table:
        """Which photo stands under which product: sku, photo_id, source, view."""
        table = schema.product_photos
        columns = (table.c.sku, table.c.photo_id, table.c.source, table.c.view)
        return self._read(sa.select(*columns).order_by(table.c.sku, table.c.source, table.c.photo_id))

    @cached_property
    def shown(self) -> pa.Table:
        """Links with the file's name and the photo's figures: sku, photo_id, file, view and `_FIGURES`."""
        table = schema.photos
        figures = self._read(sa.select(table.c.photo_id, *(table.c[name] for name in _FIGURES)))
        files = pa.array([self.files[key] for key in self._link_keys], pa.string())
        named = self.links.drop_columns(["source"]).append_column("file", files)
        joined = named.join(figures, "photo_id", join_type="inner")
        return joined.sort_by([("sku", "ascending"), ("file", "ascending"), ("photo_id", "ascending")])

    @cached_property
    def labels(self) -> pa.Table:
        """The labels that hold now: sku, attribute, value, source, conflict."""
        return current_labels(self._all_labels)

    @cached_property
    def twins(self) -> pa.Table:
        """Confirmed twins: photo_a, photo_b, kind, score."""
        return self._read(schema.twins)

    @cached_property
    def members(self) -> pa.Table:
        """Families and parts as they were stored by the last training."""
        return self._read(schema.members)

    @cached_property
    def dataset(self) -> pa.Table:
        """Every product with a photo: sku, family_id, photo_ids and a nullable column per attribute."""
        return snapshot(self.products, self.links, self._placed, self._all_labels, self.taxonomy)

    @cached_property
    def quarantine(self) -> list[PutAside]:
        """What ingest put aside, in the order of the tables' rows."""
        table = schema.quarantine
        rows = self._read(sa.select(table).order_by(table.c.place, table.c.row, table.c.code, table.c.value))
        return [_put_aside(row) for row in rows.to_pylist()]

    def put_aside(self, code: str) -> Iterator[PutAside]:
        """What ingest put aside under one code."""
        return (row for row in self.quarantine if row.code == code)

    # by key

    @cached_property
    def files(self) -> Mapping[tuple[str, str], str]:
        """(sku, photo_id) → the file, relative to the folder that all photos share."""
        sources = self.links.column("source").to_pylist()
        folders = [source.split("/")[:-1] for source in sources]
        # commonpath() knows only local paths; the sources may be URLs
        pairs = zip(min(folders, default=[]), max(folders, default=[]), strict=False)
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        names = ("/".join(source.split("/")[shared:]) for source in sources)
        return dict(zip(self._link_keys, names, strict=True))

    @cached_property
    def shows(self) -> Mapping[str, list[Shown]]:
        """photo_id → the products it stands under."""
        shows: dict[str, list[Shown]] = defaultdict(list)
        for (sku, photo_id), file in self.files.items():
            shows[photo_id].append(Shown(sku, file))
        return shows

    @cached_property
    def photos_of(self) -> Mapping[str, list[str]]:
        """sku → its photo_ids, in order of their files."""
        photos: dict[str, list[str]] = defaultdict(list)
        for sku, photo_id in self._link_keys:
            photos[sku].append(photo_id)
        return photos

    @cached_property
    def family_of(self) -> Mapping[str, str]:
        """sku → its family, also for products that no training has placed yet."""
        columns = (self._placed.column(name).to_pylist() for name in ("sku", "family_id"))
        return dict(zip(*columns, strict=True))

    @cached_property
    def counts(self) -> Mapping[str, Counter[str]]:
        """attribute → how many products with a photo have each value; contradictions do not count."""
        columns = {name: self.dataset.column(name).to_pylist() for name in self.taxonomy.attributes}
        return {name: Counter(value for value in column if value) for name, column in columns.items()}

    def sound(self, photo_ids: Sequence[str]) -> list[str]:
        """Those of the photos that show something: not blank, not out of focus, not too small."""
        return [photo_id for photo_id in photo_ids if photo_id not in self._unsound]

    def same_pictures(self) -> Iterator[SamePicture]:
        """One photo under several products, then twins, each pair once.

        A photo's products are paired with its first one only: a placeholder can stand under thousands.
        """
        for photo_id, (first, *others) in self.shows.items():
            yield from (SamePicture("copy", 1.0, first, other, (photo_id,)) for other in others)
        for twin in self.twins.to_pylist():
            if twin["photo_a"] in self.shows and twin["photo_b"] in self.shows:
                pair = ((self.shows[photo_id][0], photo_id) for photo_id in (twin["photo_a"], twin["photo_b"]))
                (first, first_id), (other, other_id) = sorted(pair, key=lambda one: (one[0].sku, one[0].file))
                yield SamePicture(twin["kind"], twin["score"], first, other, (other_id, first_id))

    # vectors

    @property
    def embedder(self) -> Embedder:
        """What turns photos into vectors. Raises MissingPart where it cannot be built."""
        return self._workspace.embedder

    def vectors(self, photo_ids: Sequence[str]) -> Embeddings:
        """The vectors of these photos; those that are missing are computed."""
        return self._workspace.embed(photo_ids, on_progress=self._on_embed)

    # inside

    @cached_property
    def _unsound(self) -> set[str]:
        side = pc.min_element_wise(pc.field("width_before"), pc.field("height_before"))
        poor = (pc.field("contrast") < LEAST_CONTRAST) | (pc.field("sharpness") < LEAST_SHARPNESS)
        return set(self.shown.filter(poor | (side < LEAST_SIDE)).column("photo_id").to_pylist())

    @cached_property
    def _placed(self) -> pa.Table:
        return split(self.products, self.links, twins=self.twins, previous=self.members).members

    @cached_property
    def _all_labels(self) -> pa.Table:
        return spoken_labels(self._workspace.catalog)

    @cached_property
    def _link_keys(self) -> list[tuple[str, str]]:
        return list(zip(*(self.links.column(name).to_pylist() for name in ("sku", "photo_id")), strict=True))

    def _read(self, query: sa.Select[tuple[object, ...]] | sa.Table) -> pa.Table:
        return self._workspace.catalog.read(query)


def _put_aside(row: Mapping[str, Any]) -> PutAside:
    value, reason = row["value"], row["reason"]
    photo = value if row["code"] in _ABOUT_PHOTOS else None
    if photo:  # ingest writes it in front of the reason
        reason = reason.removeprefix(f"{photo}: ").removeprefix(f"photo '{photo}' ")
    attribute = reason.partition(": ")[0] if row["code"] == "off-taxonomy" else None  # ingest writes it there
    place = f"{_last(row['place'])} row {row['row']}"
    return PutAside(place, row["code"], row["sku"], photo, attribute, value, reason)


def _last(place: str) -> str:
    return place.rstrip("/").rpartition("/")[2]
