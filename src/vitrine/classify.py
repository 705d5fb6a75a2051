"""The machine's daily work: the champion's answers for every product, as a Parquet data set and in the catalog.

The history is one run over all products, and what came in the last minute another one on the same road over those that
have no answer of this model for the photos they have now. A run is named by what goes in (model and products with their
photos), its pieces are written one by one and whole, and the catalog is filled in one transaction at the end. So a run that
was killed continues, and running twice changes nothing. Who writes the pieces, this process or workers on many machines,
is chosen by an engine; all of them call `write_piece`.
"""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vitrine.errors import InputError, StorageError, sentence
from vitrine.intake.discontinue import discontinued_skus
from vitrine.learn.fuse import PhotoVectors, fuse
from vitrine.learn.grammar import Decoded
from vitrine.learn.model import Model
from vitrine.records import Answered, Prediction, check_table, now, schema
from vitrine.stores import schema as tables
from vitrine.stores.catalog import Catalog
from vitrine.stores.objects import Objects

PUBLISHED = "published"
TO_REVIEW = "to_review"
_ALTERNATIVES = 3
_LOOKED_UP = 5_000  # products looked up by key; the answers of more are read as a whole
_DONE = "_SUCCESS"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ClassifyReport:
    """What one run did; `output` is the folder of the Parquet data set, None where nothing was decided or none is kept.

    `known` products had their answers before.
    """

    run_id: str | None
    model_id: str
    known: int
    products: int
    photos: int
    predictions: int
    published: int
    to_review: int
    photos_per_second: float
    output: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """What all pieces of a run have in common; `place` is the folder or prefix of its files."""

    run_id: str
    place: str
    stopped: tuple[str, ...]
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class Piece:
    """Some products of a run with their photos (sku → photo_ids): what is decided at a time and written as one file."""

    number: int
    photos_of: dict[str, list[str]]

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"part-{self.number:05d}.parquet"

    @property
    def photo_ids(self) -> list[str]:
        """The photos of all its products."""
        return [photo_id for photo_ids in self.photos_of.values() for photo_id in photo_ids]


Embed = Callable[[Sequence[str]], PhotoVectors]
# writes these pieces of the run and yields each that is there
WritePieces = Callable[[Run, Sequence[Piece]], Iterator[Piece]]


def classify(
    model: Model,
    photos_of: dict[str, list[str]],
    write_pieces: WritePieces,
    *,
    catalog: Catalog,
    runs: str,
    products_a_piece: int,
    stopped: Collection[str] = (),
    only_due: bool = False,
    keep: bool = True,
    on_progress: Progress = lambda done, total: None,
) -> ClassifyReport:
    """Decide the products of `photos_of` (sku → photo_ids) and publish what the certificates allow.

    With `only_due` those alone that have no answer of this model for these photos. Of the attributes that an audit has
    `stopped` nothing is published.

    The run's files lie in a folder of its own under `runs`, a folder or an object store's URL; without `keep` they go once
    their answers are in the catalog, where they stand as well. Raises InputError when all
    were asked for and there are none, StorageError when a disk is full or a store lost; what was finished stays and the same
    call continues.
    """
    if not photos_of and not only_due:
        hint = "vitrine ingest PHOTOS --table labels.csv"
        raise InputError(sentence("the catalog has no product with a photo"), hint=hint)
    started = time.perf_counter()
    basis = {sku: _basis(model.model_id, photos, stopped) for sku, photos in photos_of.items()}
    due = _due(catalog, basis)
    known = len(photos_of) - len(due)
    skus = sorted(due if only_due else photos_of)
    if not skus:
        return ClassifyReport(None, model.model_id, known, 0, 0, 0, 0, 0, 0.0, None)
    run_id = _run_id(skus, basis, products_a_piece)
    output = Objects(f"{runs}/{run_id}")
    if not output.has(_DONE):
        run = Run(run_id, output.url, tuple(sorted(stopped)), now())
        _write_missing(run, _pieces(skus, photos_of, products_a_piece), write_pieces, output, on_progress)
        output.put(_DONE, b"")  # written last: its presence means that all pieces are there
    if due:
        _load(output, [Answered(sku, basis[sku], run_id) for sku in skus], catalog)
    seconds = time.perf_counter() - started
    decisions = [piece.column("decision") for piece in _read_pieces(output, ["decision"])]
    predictions = sum(len(piece) for piece in decisions)
    published = sum(pc.sum(pc.equal(piece, PUBLISHED)).as_py() for piece in decisions)
    photos = sum(len(photos_of[sku]) for sku in skus)
    if not keep:
        remove_run(output)
    return ClassifyReport(
        run_id, model.model_id, known, len(skus), photos, predictions, published, predictions - published,
        photos / seconds, output.url if keep else None,
    )  # fmt: skip


def remove_run(output: Objects) -> None:
    """Take a run's files away; what a kill leaves of them does not pass for a whole run."""
    output.remove(_DONE)
    output.clear()


def write_piece(piece: Piece, run: Run, model: Model, embed: Embed) -> None:
    """Photos to rows: decide the products of a piece and keep the answers as one file of the run.

    `embed(photo_ids)` makes sure that the photos have vectors and gives them. Whoever calls this for the same piece and run,
    once or twice, here or on another machine, writes the same bytes to the same name.
    """
    vectors = fuse(list(piece.photos_of.values()), embed(piece.photo_ids))
    answers = decide_products(model, list(piece.photos_of), vectors, run_id=run.run_id, moment=run.begun_at)
    answers = withhold(answers, run.stopped)
    written = pa.BufferOutputStream()
    pq.write_table(answers, written, write_page_checksum=True)
    Objects(run.place).put(piece.name, written.getvalue().to_pybytes())


def decide_products(
    model: Model, skus: Sequence[str], vectors: NDArray[np.float32], *, run_id: str, moment: datetime
) -> pa.Table:
    """The final answers for n products from their fused vectors (n, dim): one row per product and attribute.

    The table has the schema of `vitrine.records.Prediction`.
    """
    with threadpool_limits(limits=1, user_api="blas"):  # else the last digit hangs on how many cores a machine has
        decided = model.predictor.decide(vectors)
    tables = [_decide_attribute(model, name, one, skus, run_id, moment) for name, one in decided.items()]
    return pa.concat_tables(tables)


def withhold(answers: pa.Table, stopped: Collection[str]) -> pa.Table:
    """The same answers, with those of `stopped` attributes sent to review."""
    of_stopped = pc.is_in(answers.column("attribute"), pa.array(stopped, pa.string()))
    decision = pc.if_else(of_stopped, TO_REVIEW, answers.column("decision"))
    return answers.set_column(answers.column_names.index("decision"), answers.schema.field("decision"), decision)


def _decide_attribute(
    model: Model, name: str, one: Decoded, skus: Sequence[str], run_id: str, moment: datetime
) -> pa.Table:
    n = len(skus)
    known = model.predictor.grammar.values[name]
    given = np.array(known, dtype=object)[one.value_index]
    published = model.certificates[name].own.rule.published(given, one.confidence)
    columns = {
        "sku": list(skus),
        "attribute": [name] * n,
        "value": given,
        "confidence": np.round(np.minimum(one.confidence, 1.0), 6),
        "decision": np.where(published, PUBLISHED, TO_REVIEW),
        "alternatives": _alternatives(known, one),
        "head_id": [model.head_ids[name]] * n,
        "model_id": [model.model_id] * n,
        "run_id": [run_id] * n,
        "predicted_at": [moment] * n,
    }
    return pa.table(columns, schema=schema(Prediction))


def _alternatives(known: Sequence[str], one: Decoded) -> list[str]:
    """Per row, the next likely values with their probabilities, as a JSON object."""
    marginal = one.marginal.copy()
    rows = np.arange(len(marginal))
    marginal[rows, one.value_index] = -1.0
    ranked = np.argsort(-marginal, axis=1)[:, : min(_ALTERNATIVES, len(known) - 1)]
    quoted = [json.dumps(value, ensure_ascii=False) for value in known]
    shares = np.round(marginal[rows[:, None], ranked], 4)
    return [
        "{" + ", ".join(f"{quoted[i]}: {share}" for i, share in zip(places, row, strict=True)) + "}"
        for places, row in zip(ranked.tolist(), shares.tolist(), strict=True)
    ]


def _basis(model_id: str, photo_ids: Sequence[str], stopped: Collection[str]) -> str:
    """What an answer rests on: another one is due where this has changed."""
    return hashlib.sha256("|".join([model_id, *sorted(stopped), *photo_ids]).encode()).hexdigest()[:16]


def _due(catalog: Catalog, basis: Mapping[str, str]) -> list[str]:
    """Those products whose answers in the catalog rest on something else, or that have none."""
    table = tables.answered
    some = sa.select(table.c.sku, table.c.basis)
    if len(basis) <= _LOOKED_UP:
        some = some.where(table.c.sku.in_(list(basis)))
    rows = catalog.read(some)
    answered = dict(zip(rows.column("sku").to_pylist(), rows.column("basis").to_pylist(), strict=True))
    return [sku for sku, rests_on in basis.items() if answered.get(sku) != rests_on]


def _run_id(skus: Sequence[str], basis: Mapping[str, str], products_a_piece: int) -> str:
    digest = hashlib.sha256(str(products_a_piece).encode())
    for sku in skus:
        digest.update(f"{sku}|{basis[sku]}\n".encode())
    return f"run-{digest.hexdigest()[:12]}"


def _pieces(skus: Sequence[str], photos_of: dict[str, list[str]], products_a_piece: int) -> list[Piece]:
    return [
        Piece(number, {sku: photos_of[sku] for sku in skus[start : start + products_a_piece]})
        for number, start in enumerate(range(0, len(skus), products_a_piece))
    ]


def _write_missing(
    run: Run, pieces: Sequence[Piece], write_pieces: WritePieces, output: Objects, on_progress: Progress
) -> None:
    there = set(output.names())
    missing = [piece for piece in pieces if piece.name not in there]
    total = sum(len(piece.photos_of) for piece in pieces)
    done = total - sum(len(piece.photos_of) for piece in missing)
    for piece in write_pieces(run, missing):
        done += len(piece.photos_of)
        on_progress(done, total)
    lost = {piece.name for piece in pieces} - set(output.names())
    if lost:
        raise StorageError(
            f"{len(lost)} of {len(pieces)} pieces were written but are not in {output.url}, the first is {min(lost)}",
            hint="set runs under [storage] in vitrine.toml to a store that all machines reach",
        )


def _load(output: Objects, answered: Sequence[Answered], catalog: Catalog) -> None:
    """All predictions of the run in one transaction: readers see the run as a whole or not at all.

    A product that left the range while the run went on gets none.
    """
    with catalog.transaction() as connection:
        gone = discontinued_skus(connection)
        for piece in _read_pieces(output):
            check_table(piece, Prediction, key=("sku", "attribute", "head_id"), where=output.url)
            rows = [row for row in piece.to_pylist() if row["sku"] not in gone]
            catalog.put(tables.predictions, rows, connection=connection)
        catalog.put(tables.answered, [one for one in answered if one.sku not in gone], connection=connection)


def _read_pieces(output: Objects, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The pieces of a run that is whole; one that was damaged since is taken away, so that the same run writes it again."""
    for name in output.names():
        if not name.startswith("part-"):
            continue
        source = pa.BufferReader(output.get(name))
        try:
            yield pq.read_table(source, columns=columns, page_checksum_verification=True)
        except (pa.ArrowException, OSError) as error:
            output.remove(_DONE)
            output.remove(name)
            raise StorageError(
                f"{output.url}/{name} is damaged: {error}", hint="vitrine classify again writes it anew"
            ) from error
