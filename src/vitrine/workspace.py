"""A workspace: the folder that holds a catalog and its models; the Python API, and the only place that builds stores.

>>> import vitrine
>>> vitrine.open("/no/such/workspace")
Traceback (most recent call last):
...
vitrine.errors.NotFound: /no/such/workspace is no Vitrine workspace: it has no vitrine.toml
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from numpy.typing import NDArray

from vitrine import classify, config, taxonomy
from vitrine.classify import Piece, Run, write_piece
from vitrine.desk import audit, draw, sample
from vitrine.desk.change_taxonomy import current_text
from vitrine.desk.fill import ask_about, fill
from vitrine.desk.surroundings import Surroundings, find_surroundings
from vitrine.embed.build import build
from vitrine.embed.embed_missing import embed_missing
from vitrine.embed.embedder import Embedder
from vitrine.embed.embeddings import Embeddings
from vitrine.engine import LOCAL, open_engine
from vitrine.errors import InputError, NotFound, StorageError, sentence
from vitrine.intake.clean import Cleaning
from vitrine.intake.discontinue import photos_in_range
from vitrine.intake.ingest import IngestReport, blob_key, describe_photo, ingest
from vitrine.intake.items import Items
from vitrine.intake.labels import current_labels, spoken_labels
from vitrine.intake.measure import LEAST_CONTRAST
from vitrine.intake.photo import read_photo
from vitrine.intake.source import PhotoSource
from vitrine.intake.twins import Fingerprint, Index, near
from vitrine.learn import dataset as datasets
from vitrine.learn import model as models
from vitrine.learn.fuse import fuse, photos_to_fuse
from vitrine.learn.learnt import Basis, Learnt
from vitrine.learn.promote import champion_of
from vitrine.lookalike import index as indexes
from vitrine.lookalike.build import space_of_looks, space_of_model
from vitrine.lookalike.collapse import collapsed
from vitrine.lookalike.evaluate import evaluate
from vitrine.lookalike.finder import Finder
from vitrine.lookalike.search import Found
from vitrine.lookalike.shelf import Shelf
from vitrine.lookalike.space import Space
from vitrine.lookalike.wanted import Wanted
from vitrine.records import PHOTOS, LookAtTest, ModelRecord, Photo, Product, now
from vitrine.records import schema as schema_of
from vitrine.stores import schema
from vitrine.stores.blobs import Blobs
from vitrine.stores.catalog import Catalog
from vitrine.stores.whole import whole

if TYPE_CHECKING:
    from vitrine.tracking import Tracker

Progress = Callable[[int, int], None]


_PHOTOS_COMPARED_AT_ONCE = 4_096
_SAMPLED = 5_000
_FETCHES = 16  # photos on their way from an object store, which answers late but many


def _silent(done: int, total: int) -> None:
    """Nobody watches."""


class Workspace:
    """An opened workspace; make one with `vitrine.open(folder)`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.settings = config.load(self.folder)
        self.cleaning = Cleaning(**self.settings.cleaning.model_dump())
        self._taxonomy: tuple[tuple[int, int], taxonomy.Taxonomy] | None = None
        self._loaded: models.Model | None = None
        self._finder: Finder | None = None

    # what it is made of

    @property
    def taxonomy(self) -> taxonomy.Taxonomy:
        """The taxonomy as `taxonomy.toml` says now, also when it was changed since the workspace was opened."""
        path = self.folder / "taxonomy.toml"
        try:
            seen = path.stat()
        except OSError:
            return taxonomy.load(path)
        version = (seen.st_mtime_ns, seen.st_ino)  # a file that was written whole is another one
        if self._taxonomy is None or self._taxonomy[0] != version:
            self._taxonomy = version, taxonomy.load(path)
        return self._taxonomy[1]

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog, migrated to this version; `taxonomy.toml` is as its last change left it."""
        (self.folder / ".vitrine").mkdir(exist_ok=True)
        opened = Catalog(config.inside(self.folder, self.settings.storage.catalog))
        if (path := self.folder / "taxonomy.toml").is_file():
            current_text(opened, path)
        return opened

    @cached_property
    def photos(self) -> Blobs:
        """The cleaned photos."""
        return Blobs(self.place(self.settings.storage.photos))

    @cached_property
    def embedder(self) -> Embedder:
        """What turns photos into vectors, as the settings say."""
        return build(self.settings.embedder, folder=self.folder)

    @cached_property
    def embeddings(self) -> Embeddings:
        """The vectors kept so far, of this embedder on photos cleaned as now."""
        return self.open_embeddings()

    def open_embeddings(self, looking_at: Sequence[str] | None = None) -> Embeddings:
        """The store of vectors, or of all its files those that are named (see `Embeddings.look_at`)."""
        place = self.place(self.settings.storage.embeddings)
        cache = self.data / "cache"
        return Embeddings(place, self.embedding_id, self.embedder.dim, cache=cache, looking_at=looking_at)

    @cached_property
    def embedding_id(self) -> str:
        """Whatever changes a vector changes this: the embedder's contract and the cleaning before it."""
        return f"{self.embedder.id}+{self.cleaning.contract_id}"

    @cached_property
    def tracker(self) -> "Tracker":
        """MLflow; imported only where something is logged, because that takes seconds."""
        from vitrine.tracking import Tracker

        return Tracker(config.inside(self.folder, self.settings.storage.tracking), self.data / "mlflow")

    @property
    def data(self) -> Path:
        """Where Vitrine keeps its files; nothing in it is meant to be edited."""
        return self.folder / ".vitrine"

    def place(self, url: str) -> str:
        """A folder or URL of the settings; relative folders are inside the workspace."""
        return url if "://" in url else str(self.folder / url)

    # photos and vectors

    def ingest(self, items: Items, source: PhotoSource, *, place: str, on_progress: Progress = _silent) -> IngestReport:
        """Bring products and photos in (see `vitrine.intake.ingest`)."""
        return ingest(
            items,
            source,
            catalog=self.catalog,
            blobs=self.photos,
            cleaning=self.cleaning,
            place=place,
            on_progress=on_progress,
        )

    def find_twins(self, *, on_progress: Progress = _silent) -> int:
        """Compare the photos that are new with all others; returns how many new pairs of twins there are.

        Several processes may do so at once: of two photos, whoever reads the one that came later finds the other there.
        """
        table = schema.photos
        # two photos that show nothing are alike, which says nothing about their products
        shows = table.c.contrast >= LEAST_CONTRAST
        if not self.catalog.count(sa.select(table.c.photo_id).where(~table.c.compared, shows)):
            return 0
        columns = sa.select(table.c.photo_id, table.c.fingerprint, table.c.compared).where(shows)
        photos = self.catalog.rows(columns.order_by(table.c.photo_id))
        new = [photo for photo in photos if not photo["compared"]]
        index = Index()
        _add(index, [photo for photo in photos if photo["compared"]])
        found = 0
        for start in range(0, len(new), _PHOTOS_COMPARED_AT_ONCE):
            some = new[start : start + _PHOTOS_COMPARED_AT_ONCE]
            photo_ids = [photo["photo_id"] for photo in some]
            pairs = near(photo_ids, [Fingerprint.from_bytes(photo["fingerprint"]) for photo in some], index)
            with self.catalog.transaction() as connection:
                found += self.catalog.add(schema.twins, pairs, connection=connection)
                # what was cleaned anew meanwhile looks otherwise now, and is still to be compared
                marks = [{"key": photo["photo_id"], "seen": photo["fingerprint"]} for photo in some]
                same = (table.c.photo_id == sa.bindparam("key")) & (table.c.fingerprint == sa.bindparam("seen"))
                connection.execute(sa.update(table).where(same).values(compared=True), marks)
            on_progress(start + len(some), len(new))
        return found

    def pixels(self, photo_id: str) -> NDArray[np.uint8]:
        """The cleaned photo as (height, width, 3) RGB."""
        return np.asarray(read_photo(self.photos.get(blob_key(photo_id, self.cleaning))).image)

    def _pixels_to_embed(self, photo_id: str) -> NDArray[np.uint8]:
        return self._embeddable(self.photos.get(blob_key(photo_id, self.cleaning)))

    def copy_photos(self, photo_ids: Sequence[str], folder: Path) -> None:
        """Copy cleaned photos into `folder` as `{photo_id}.jpg`; what is there already is kept."""
        folder.mkdir(parents=True, exist_ok=True)
        for photo_id in photo_ids:
            if not (copy := folder / f"{photo_id}.jpg").exists():
                with whole(copy, hint="free some space and run the same command again") as temporary:
                    temporary.write_bytes(self.photos.get(blob_key(photo_id, self.cleaning)))

    def _embeddable(self, cleaned: bytes) -> NDArray[np.uint8]:
        """What an embedder looks at: the one way from a cleaned photo's bytes to its pixels, in a batch and alone."""
        return np.asarray(read_photo(cleaned, at_least=self.embedder.side).image)

    def embed(self, photo_ids: Sequence[str], *, on_progress: Progress = _silent) -> Embeddings:
        """Make sure that these photos have vectors; those that have are not computed again.

        Where the settings name a cluster, it embeds what is too much for one worker.
        """
        missing = self.embeddings.missing(photo_ids)
        if len(missing) > self.settings.cluster.piece and (engine := self.settings.cluster.engine) != LOCAL:
            with open_engine(engine, self, None) as workers:
                workers.embed(missing, on_progress)
            missing = self.embeddings.missing(missing)
        report = embed_missing(
            missing,
            self._pixels_to_embed,
            self.embedder,
            self.embeddings,
            threads=_FETCHES if self.photos.remote else None,
            on_progress=on_progress,
        )
        if report.failed:
            photo_id, reason = report.failed[0]
            raise StorageError(
                f"{len(report.failed)} cleaned photos could not be read, the first is {photo_id}: {reason}",
                hint="run vitrine ingest again: it brings missing photos back",
            )
        return self.embeddings

    # learning

    def freeze(self) -> datasets.Dataset:
        """Freeze what is labelled now (see `vitrine.learn.dataset`)."""
        return datasets.freeze(self.catalog, self.taxonomy, self.data / "datasets", salt=self.settings.learn.salt)

    def take(
        self, dataset: datasets.Dataset, *, on_progress: Progress = _silent
    ) -> Callable[[NDArray[np.intp]], NDArray[np.float32]]:
        """A function from row numbers of `dataset` to fused vectors; embeds what is missing first."""
        photos_of: list[list[str]] = dataset.table.column("photo_ids").to_pylist()
        self.embed(sorted({photo for photos in photos_of for photo in photos}), on_progress=on_progress)
        return lambda rows: fuse([photos_of[row] for row in rows], self.embeddings)

    def save_model(self, model: models.Model, learnt: Mapping[str, Learnt]) -> Path:
        """Keep a model's files, with what its heads learnt, and enter it in the catalog."""
        path = models.save(model, learnt, self.data / "models")
        record = ModelRecord(model.model_id, model.dataset_id, model.embedder_id, model.taxonomy_id, now())
        self.catalog.add(schema.models, [record])
        return path

    def model(self, model_id: str | None = None) -> models.Model:
        """A model by id, by default the champion; NotFound when none was trained."""
        chosen = model_id or champion_of(self.catalog)
        if chosen is None:
            raise NotFound(sentence("there is no champion yet"), hint=sentence("vitrine train makes the first one"))
        model = models.load(chosen, self.data / "models", self.taxonomy)
        model.check_embedder(self.embedding_id)
        return model

    def basis(self) -> Basis | None:
        """The champion as a basis for learning some attributes anew; None without one, or on other vectors."""
        champion = champion_of(self.catalog)
        if champion is None:
            return None
        basis = models.load_basis(champion, self.data / "models")
        return basis if basis.projection.embedder_id == self.embedding_id else None

    def model_record(self, model_id: str) -> ModelRecord:
        """What the catalog says about a model; NotFound when it was never entered."""
        table = schema.models
        rows = self.catalog.rows(sa.select(table).where(table.c.model_id == model_id))
        if not rows:
            raise NotFound(f"there is no model {model_id}", hint="vitrine models lists those there are")
        return ModelRecord(**rows[0])

    def newest_model(self) -> str:
        """The id of the model trained last; NotFound when none was trained."""
        table = schema.models
        query = sa.select(table.c.model_id).where(table.c.line == PHOTOS)
        query = query.order_by(table.c.created_at.desc(), table.c.model_id).limit(1)
        found = self.catalog.read(query).column("model_id").to_pylist()
        if not found:
            raise NotFound("there is no model yet", hint="vitrine train makes one")
        return str(found[0])

    def dataset(self, dataset_id: str) -> datasets.Dataset:
        """A data set by id."""
        return datasets.load(dataset_id, self.data / "datasets")

    def count_test_use(self, model: models.Model) -> int:
        """Enter one more look at the test part of the model's data set; returns how many there were."""
        self.catalog.add(schema.test_uses, [LookAtTest(model.model_id, model.dataset_id, now())])
        table = schema.test_uses
        return self.catalog.count(sa.select(table).where(table.c.dataset_id == model.dataset_id))

    def evaluation_path(self, model_id: str, ending: str) -> Path:
        """Where the stored answers (`parquet`) or the scorecard (`json`) of an evaluation lie."""
        folder = self.data / "evaluations"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{model_id}.{ending}"

    def report_path(self, name: str) -> Path:
        """Where a report for people lies: `reports/<name>.html`."""
        folder = self.folder / "reports"
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.html"

    def evaluation_rows(self, model_id: str) -> pa.Table:
        """The stored test answers of a model; NotFound when it was not evaluated."""
        path = self.evaluation_path(model_id, "parquet")
        if not path.exists():
            raise NotFound(f"{model_id} was not evaluated yet", hint=f"vitrine evaluate --model {model_id}")
        return pq.read_table(path)

    # answers

    def classify(
        self,
        skus: Sequence[str] | None = None,
        *,
        only_due: bool = False,
        engine: str | None = None,
        on_progress: Progress = _silent,
    ) -> classify.ClassifyReport:
        """The champion's answers for all products (see `vitrine.classify`), and the questions they leave for people.

        With `only_due`, for those that lack an answer. With `skus`, for those of them that lack one: the cost is theirs,
        and their questions join those there are; of such a run, one a group of arrivals, no data set is kept.
        `engine` says who does it (see `vitrine.engine`), None as the settings say.
        """
        model = self._champion
        links = photos_in_range()
        if skus is not None:
            links = links.where(schema.product_photos.c.sku.in_(skus))
        report = classify.classify(
            model,
            photos_to_fuse(self.catalog.read(links)),
            partial(self._write_pieces, model, engine or self.settings.cluster.engine),
            catalog=self.catalog,
            runs=self.place(self.settings.storage.runs),
            products_a_piece=self.settings.cluster.piece,
            stopped=audit.stopped(self.catalog),
            only_due=only_due or skus is not None,
            keep=skus is None,
            on_progress=on_progress,
        )
        draw.begin(self.catalog, model)
        if skus is None:
            self.ask()
        else:
            ask_about(self.catalog, self.taxonomy, skus)
        return report

    def _write_pieces(self, model: models.Model, engine: str, run: Run, pieces: Sequence[Piece]) -> Iterator[Piece]:
        """By workers where there is more than one piece to share among them, else by this process."""
        if engine != LOCAL and len(pieces) > 1:
            with open_engine(engine, self, model) as workers:
                yield from workers.write_pieces(run, pieces)
            return
        for piece in pieces:
            write_piece(piece, run, model, self.embed)
            yield piece

    def ask(self) -> int:
        """Draw audits and the sample that are due and fill the queue anew; returns how many questions are open."""
        draw.draw(self.catalog, self.settings.audit)
        sample.draw(self.catalog, self.settings.audit.sample)
        return fill(self.catalog, self.taxonomy, self.surroundings)

    def audits(self) -> list[audit.AttributeAudit]:
        """How the promise of every attribute stands (see `vitrine.desk.audit`)."""
        return audit.status(self.catalog, self.taxonomy)

    # look-alikes

    def space(self) -> Space:
        """Where look-alikes are near: the champion's space, or looks alone where there is none yet."""
        folder = self.data / "lookalike"
        champion = champion_of(self.catalog)
        if champion is not None:
            model = self.model(champion)
            basis = models.load_basis(champion, self.data / "models")
            dataset = self.dataset(model.dataset_id)
            return space_of_model(model, basis, dataset, self.take(dataset), folder)
        blocks = [(block.start, block.stop) for block in self.embedder.blocks]
        return space_of_looks(self._some_vectors(), embedder_id=self.embedding_id, blocks=blocks)

    def _some_vectors(self) -> NDArray[np.float32]:
        """Fused vectors (n, dim) of an even sample of at most 10,000 products with photos."""
        photos_of = list(photos_to_fuse(self.catalog.read(schema.product_photos)).values())
        some = photos_of[:: max(1, len(photos_of) // _SAMPLED)]
        self.embed([photo_id for photos in some for photo_id in photos])
        return fuse(some, self.embeddings)

    def evaluate_look_alikes(self, *, attributes: Sequence[str] = (), change: str | None = None) -> dict[str, Any]:
        """Measure look-alikes on the test part (see `vitrine.lookalike.evaluate`); counted as a look at it."""
        model = self.model()
        dataset = self.dataset(model.dataset_id)
        self.count_test_use(model)
        return evaluate(self.space(), dataset, self.take(dataset), attributes=attributes, change=change)

    def open_finder(self) -> Finder:
        """What finds look-alikes (see `vitrine.lookalike`) by the champion of now; `refresh` fills it the first time."""
        space = self.space()
        settings = self.settings.lookalike
        shelf = Shelf(space, self.data / "lookalike")
        options: dict[str, Any] = {"rows": shelf.rows}
        if settings.index == "pgvector":
            options = {"url": self.catalog.url, "table": space.id.replace("-", "_")}
        elif settings.index == "ivf":
            options["file"] = self.data / "lookalike" / f"lists-{space.id}.npz"

        def points_of(photos_of: Sequence[Sequence[str]]) -> NDArray[np.float32]:
            self.embed([photo_id for photos in photos_of for photo_id in photos])
            return space.points(space.describe(fuse(photos_of, self.embeddings)))

        index = indexes.make(settings.index, space.dim, **options)
        alarm = collapsed(self._some_vectors())
        return Finder(self.catalog, shelf, index, points_of, attribute=settings.attribute, alarm=alarm)

    @property
    def finder(self) -> Finder:
        """What finds look-alikes; built anew when there is another champion."""
        champion = champion_of(self.catalog)
        if self._finder is None or self._finder.space.model_id != champion:
            self._finder = self.open_finder()
        return self._finder

    def similar(self, sku: str, wanted: Wanted | None = None) -> Found:
        """Products like one of the catalog (see `vitrine.lookalike.search`)."""
        return self.finder.of_product(sku, wanted or Wanted())

    def similar_to_photo(self, data: bytes, wanted: Wanted | None = None) -> Found:
        """Products like a new photo, from its bytes, without keeping it. Raises UnreadablePhoto."""
        return self.finder.of_photo(*self.look_at(data), wanted or Wanted())

    def look_at(self, data: bytes) -> tuple[Photo, NDArray[np.float32]]:
        """A new photo from its bytes, without keeping it: its record and its vector (1, dim). Raises UnreadablePhoto.

        The same road as a batch: clean, then embed.
        """
        photo, cleaned = describe_photo(data, self.cleaning)
        return photo, self.embedder.embed([self._embeddable(cleaned)])

    @property
    def surroundings(self) -> Surroundings:
        """The products around each product, of those that have photos with vectors (see `vitrine.desk.surroundings`)."""
        photos_of = photos_to_fuse(self.catalog.read(schema.product_photos))
        return find_surroundings(
            photos_of,
            self.embeddings,
            embedder_id=self.embedding_id,
            blocks=[(block.start, block.stop) for block in self.embedder.blocks],
            folder=self.data / "desk",
        )

    def classify_photo(self, data: bytes) -> list[dict[str, Any]]:
        """Attributes of one new photo from its bytes, without keeping it. Raises UnreadablePhoto."""
        photo, vectors = self.look_at(data)
        answers = classify.decide_products(self._champion, [photo.photo_id], vectors, run_id="one-photo", moment=now())
        answers = classify.withhold(answers, audit.stopped(self.catalog))
        rows = answers.select(["attribute", "value", "confidence", "decision", "alternatives", "head_id"]).to_pylist()
        return [{**row, "alternatives": json.loads(row["alternatives"])} for row in rows]

    @property
    def _champion(self) -> models.Model:
        """The champion, loaded once for as long as it is that."""
        model_id = champion_of(self.catalog)
        if self._loaded is None or (self._loaded.model_id, self._loaded.taxonomy_id) != (model_id, self.taxonomy.id):
            self._loaded = self.model(model_id)
        return self._loaded

    # reading

    def products(self) -> pa.Table:
        """All products (schema `vitrine.records.Product`)."""
        return self.catalog.read(sa.select(*(schema.products.c[name] for name in schema_of(Product).names)))

    def labels(self) -> pa.Table:
        """The labels that hold now: sku, attribute, value, source, conflict."""
        return current_labels(spoken_labels(self.catalog))

    def predictions(self, *, attribute: str | None = None) -> pa.Table:
        """The champion's predictions (schema `vitrine.records.Prediction`), of all attributes or one, as they stand now."""
        table = schema.predictions
        decision = audit.decision_now(audit.stopped(self.catalog))
        columns = [decision if column is table.c.decision else column for column in table.c]
        query = sa.select(*columns).where(table.c.model_id == champion_of(self.catalog))
        if attribute is not None:
            query = query.where(table.c.attribute == self.taxonomy.attribute(attribute).name)
        return self.catalog.read(query)


def _add(index: Index, photos: Sequence[dict[str, Any]]) -> None:
    index.add(
        [photo["photo_id"] for photo in photos],
        [Fingerprint.from_bytes(photo["fingerprint"]) for photo in photos],
    )


def open(folder: str | Path = ".") -> Workspace:
    """Open the workspace in `folder`; NotFound when there is none."""
    return Workspace(Path(folder))


def create(folder: Path, taxonomy_text: str, changes: dict[str, dict[str, Any]], *, force: bool = False) -> Workspace:
    """Write `vitrine.toml` and `taxonomy.toml` into `folder` and open it; InputError when they are there already."""
    for name in (config.FILE, "taxonomy.toml"):
        if (folder / name).exists() and not force:
            raise InputError(f"{folder / name} exists already", hint="edit it, or replace it with --force")
    taxonomy.parse(taxonomy_text)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "taxonomy.toml").write_text(taxonomy_text, encoding="utf-8")
    config.write(folder, changes)
    return Workspace(folder)
