"""The machine's daily work: the champion's answers for every product, as a Parquet data set and in the catalog.

The history is one run over all products, and what came in the last minute another one on the same road over those that
have no answer of this model for the photos they have now. A run is named by what goes in (model and products with their
photos), its parts are written one by one and whole, and the catalog is filled in one transaction at the end. So a run that
was killed continues, and running twice changes nothing.
"""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.learn.fuse import PhotoVectors, fuse
from vitrine.learn.grammar import Decoded
from vitrine.learn.model import Model
from vitrine.records import Answered, Prediction, check_table, now, schema
from vitrine.stores import schema as tables
from vitrine.stores.catalog import Catalog
from vitrine.stores.whole import whole

PUBLISHED = "published"
TO_REVIEW = "to_review"
_PRODUCTS_PER_PART = 4_096
_ALTERNATIVES = 3
_LOOKED_UP = 5_000  # products looked up by key; the answers of more are read as a whole
_DONE = "_SUCCESS"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ClassifyReport:
    """What one run did; `output` is the folder of the Parquet data set, None where there was nothing to decide.

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


def classify(
    model: Model,
    photos_of: dict[str, list[str]],
    embed: Callable[[Sequence[str]], PhotoVectors],
    *,
    catalog: Catalog,
    folder: Path,
    stopped: Collection[str] = (),
    only_due: bool = False,
    on_progress: Progress = lambda done, total: None,
) -> ClassifyReport:
    """Decide the products of `photos_of` (sku → photo_ids) and publish what the certificates allow.

    With `only_due` those alone that have no answer of this model for these photos. Of the attributes that an audit has
    `stopped` nothing is published.

    `embed(photo_ids)` makes sure that the photos have vectors and gives them. Raises InputError when there is nothing to
    classify, StorageError when a disk is full; what was finished stays and the same call continues.
    """
    if not photos_of:
        raise InputError("the catalog has no product with a photo", hint="vitrine ingest PHOTOS --table labels.csv")
    started = time.perf_counter()
    basis = {sku: _basis(model.model_id, photos, stopped) for sku, photos in photos_of.items()}
    due = _due(catalog, basis)
    known = len(photos_of) - len(due)
    skus = sorted(due if only_due else photos_of)
    if not skus:
        return ClassifyReport(None, model.model_id, known, 0, 0, 0, 0, 0, 0.0, None)
    run_id = _run_id(skus, basis)
    output = folder / run_id
    if not (output / _DONE).exists():

        def decide(some: Sequence[str], vectors: NDArray[np.float32]) -> pa.Table:
            return withhold(decide_products(model, some, vectors, run_id=run_id), stopped)

        _write_parts(decide, skus, photos_of, embed, output, on_progress)
        (output / _DONE).touch()
    if due:
        _load(output, [Answered(sku, basis[sku], run_id) for sku in skus], catalog)
    seconds = time.perf_counter() - started
    parts = [pq.ParquetFile(path).read(columns=["decision"]).column("decision") for path in _parts(output)]
    decided = sum(len(part) for part in parts)
    published = sum(pc.sum(pc.equal(part, PUBLISHED)).as_py() for part in parts)
    photos = sum(len(photos_of[sku]) for sku in skus)
    return ClassifyReport(
        run_id, model.model_id, known, len(skus), photos, decided, published, decided - published,
        photos / seconds, str(output),
    )  # fmt: skip


def decide_products(model: Model, skus: Sequence[str], vectors: NDArray[np.float32], *, run_id: str) -> pa.Table:
    """The final answers for n products from their fused vectors (n, dim): one row per product and attribute.

    The table has the schema of `vitrine.records.Prediction`.
    """
    decided = model.predictor.decide(vectors)
    tables = [_decide_attribute(model, name, one, skus, run_id) for name, one in decided.items()]
    return pa.concat_tables(tables)


def withhold(answers: pa.Table, stopped: Collection[str]) -> pa.Table:
    """The same answers, with those of `stopped` attributes sent to review."""
    of_stopped = pc.is_in(answers.column("attribute"), pa.array(stopped, pa.string()))
    decision = pc.if_else(of_stopped, TO_REVIEW, answers.column("decision"))
    return answers.set_column(answers.column_names.index("decision"), answers.schema.field("decision"), decision)


def _decide_attribute(model: Model, name: str, one: Decoded, skus: Sequence[str], run_id: str) -> pa.Table:
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
        "predicted_at": [now()] * n,
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


def _run_id(skus: Sequence[str], basis: Mapping[str, str]) -> str:
    digest = hashlib.sha256("\n".join(f"{sku}|{basis[sku]}" for sku in skus).encode())
    return f"run-{digest.hexdigest()[:12]}"


def _write_parts(
    decide: Callable[[Sequence[str], NDArray[np.float32]], pa.Table],
    skus: Sequence[str],
    photos_of: dict[str, list[str]],
    embed: Callable[[Sequence[str]], PhotoVectors],
    output: Path,
    on_progress: Progress,
) -> None:
    for start in range(0, len(skus), _PRODUCTS_PER_PART):
        part = skus[start : start + _PRODUCTS_PER_PART]
        path = output / f"part-{start // _PRODUCTS_PER_PART:05d}.parquet"
        if not path.exists():
            photo_ids = [photo_id for sku in part for photo_id in photos_of[sku]]
            vectors = fuse([photos_of[sku] for sku in part], embed(photo_ids))
            with whole(path, hint="free some space and run vitrine classify again; it continues") as temporary:
                pq.write_table(decide(part, vectors), temporary)
        on_progress(start + len(part), len(skus))


def _load(output: Path, answered: Sequence[Answered], catalog: Catalog) -> None:
    """All predictions of the run in one transaction: readers see the run as a whole or not at all."""
    with catalog.transaction() as connection:
        for batch in _batches(output):
            catalog.put(tables.predictions, batch, connection=connection)
        catalog.put(tables.answered, answered, connection=connection)


def _parts(output: Path) -> list[Path]:
    return sorted(output.glob("part-*.parquet"))


def _batches(output: Path) -> Iterator[list[dict[str, object]]]:
    for path in _parts(output):
        part = pq.read_table(path)
        yield check_table(part, Prediction, key=("sku", "attribute", "head_id"), where=str(path)).to_pylist()
