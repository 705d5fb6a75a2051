"""Train a model: projection, heads, calibrators on the train part; certificates on the calibrate part.

Everything that is chosen is chosen on train, by family-grouped out-of-fold predictions. The calibrate labels are read
once, by `certify`. The test part is not touched.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitrine.config import LearnSettings
from vitrine.errors import InputError, sentence
from vitrine.learn.answers import ANSWERS, WHOLE_PRODUCT, whole_products
from vitrine.learn.calibrate import fit_calibrator
from vitrine.learn.certify import Certificate, certify, certify_values
from vitrine.learn.dataset import Dataset
from vitrine.learn.grammar import Decoded
from vitrine.learn.head import fit_classifier
from vitrine.learn.learnt import Basis, Learnt
from vitrine.learn.model import Certificates, Model
from vitrine.learn.predictor import Predictor
from vitrine.learn.projection import Projection, fit_projection
from vitrine.taxonomy import Taxonomy

Vectors = NDArray[np.float32]
Take = Callable[[NDArray[np.intp]], Vectors]
_PROJECTION_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model, what its heads learnt, why some attributes are not in it, and what it was certified with.

    `out_of_fold` holds, per attribute, calibrated probabilities (train rows, values).
    """

    model: Model
    learnt: Mapping[str, Learnt]
    left_out: Mapping[str, str]
    out_of_fold: Mapping[str, NDArray[np.float64]]


def train(
    dataset: Dataset,
    taxonomy: Taxonomy,
    take: Take,
    *,
    embedder_id: str,
    blocks: Sequence[tuple[int, int]],
    settings: LearnSettings,
    attributes: Sequence[str] | None = None,
    basis: Basis | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Trained:
    """Learn every attribute (or those named) of `dataset`; `take(rows)` gives the fused vectors (n, dim) of its rows.

    With a `basis` the other attributes keep the heads they have there, and all read its projection; everything is
    certified anew, because all heads decide together. Raises InputError when no attribute has two values with enough
    labelled products in the train part.
    """
    names = list(attributes or taxonomy.attributes)
    for name in names:
        taxonomy.attribute(name)
    known, left_out = learnable(dataset, names, settings.min_rows)
    if not known:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        hint = sentence("label more products, or lower [learn] min_rows")
        raise InputError(sentence("nothing to learn ({reasons})", reasons=reasons), hint=hint)
    train_rows, calibrate_rows = (np.flatnonzero(dataset.parts == part) for part in ("train", "calibrate"))
    if basis is None:
        learnt: dict[str, Learnt] = {}
        projection = fit_projection(take(_some(train_rows, settings.seed)), embedder_id=embedder_id, blocks=blocks)
    else:
        learnt, lost = basis.kept(taxonomy, names)
        left_out |= lost
        projection = basis.projection
    projected = project(projection, train_rows, take)
    for done, (name, values) in enumerate(known.items()):
        on_progress(done, len(known) + 1)
        learnt[name] = learn_attribute(dataset, train_rows, projected, name, values, projection.id, settings)
    on_progress(len(known), len(known) + 1)
    learnt = {name: learnt[name] for name in taxonomy.attributes if name in learnt}
    classifiers = {name: one.classifier for name, one in learnt.items()}
    calibrators = {name: one.calibrator for name, one in learnt.items()}
    predictor = Predictor.build(projection, classifiers, calibrators, taxonomy)
    unseen = out_of_fold(dataset, train_rows, projected, predictor, learnt)
    certificates, product = _certify(dataset, train_rows, calibrate_rows, predictor, unseen, take, settings)
    model = Model(
        dataset_id=dataset.dataset_id,
        embedder_id=embedder_id,
        taxonomy_id=taxonomy.id,
        predictor=predictor,
        certificates=certificates,
        product=product,
        reports={name: list(one.report) for name, one in learnt.items()},
    )
    on_progress(len(known) + 1, len(known) + 1)
    return Trained(model, learnt, left_out, unseen)


def learnable(
    dataset: Dataset, names: Sequence[str], min_rows: int
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Per attribute the values with enough labelled train products, in order of name; and why others are left out."""
    in_train = dataset.parts == "train"
    known, left_out = {}, {}
    for name in names:
        labels = np.array(dataset.strings(name))[in_train]
        counts = Counter(labels[labels != ""].tolist())
        values = tuple(sorted(value for value, count in counts.items() if count >= min_rows))
        if len(values) >= 2:
            known[name] = values
        else:
            left_out[name] = (
                f"{len(values)} of {len(counts)} values have {min_rows} labelled products in the train part"
                if counts
                else "no product in the train part is labelled"
            )
    return known, left_out


def _some(rows: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """At most 20,000 rows: more do not change the components, but memory would grow with the catalog."""
    if len(rows) <= _PROJECTION_ROWS:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, _PROJECTION_ROWS, replace=False))


def project(projection: Projection, rows: NDArray[np.intp], take: Take) -> Vectors:
    """Projected vectors (len(rows), d') of data set rows, read in chunks."""
    chunks = [
        projection.apply(take(rows[start : start + 4_096]), embedder_id=projection.embedder_id)
        for start in range(0, len(rows), 4_096)
    ]
    return np.concatenate(chunks) if chunks else np.zeros((0, 0), dtype=np.float32)


def learn_attribute(
    dataset: Dataset,
    train_rows: NDArray[np.intp],
    projected: Vectors,
    name: str,
    values: tuple[str, ...],
    projection_id: str,
    settings: LearnSettings,
) -> Learnt:
    """One attribute's classifier and calibrator from the labelled train rows whose value is learnable."""
    labels = np.array(dataset.strings(name))[train_rows]
    usable = np.flatnonzero(np.isin(labels, values))
    families = np.array(dataset.strings("family_id"))[train_rows][usable].tolist()
    y = np.searchsorted(np.array(values), labels[usable])
    fitted = fit_classifier(
        projected[usable],
        y,
        values,
        families,
        attribute=name,
        projection_id=projection_id,
        kind=settings.head,
        seed=settings.seed,
        threads=settings.threads or os.cpu_count() or 1,
    )
    calibrator = fit_calibrator(fitted.oof_log_proba, y, families)
    skus = np.array(dataset.skus)[train_rows][usable].tolist()
    report = tuple(one.as_dict() for one in fitted.report)
    return Learnt(fitted.classifier, calibrator, report, tuple(skus), fitted.oof_log_proba)


def answers(dataset: Dataset, rows: NDArray[np.intp], name: str, decoded: Decoded, values: Sequence[str]) -> pa.Table:
    """Final answers of one attribute for data set rows, with whether a label agrees (schema `ANSWERS`)."""
    skus, families = np.array(dataset.skus)[rows], np.array(dataset.strings("family_id"))[rows]
    labels = np.array(dataset.strings(name), dtype=object)[rows]
    given = np.array(values, dtype=object)[decoded.value_index]
    return pa.table(
        {
            "sku": skus,
            "family_id": families,
            "value": given,
            "confidence": np.minimum(decoded.confidence, 1.0),
            "correct": pa.array((labels == given).tolist(), mask=np.asarray(labels == "", dtype=bool)),
        },
        schema=ANSWERS,
    )


def out_of_fold(
    dataset: Dataset,
    train_rows: NDArray[np.intp],
    projected: Vectors,
    predictor: Predictor,
    learnt: Mapping[str, Learnt],
) -> dict[str, NDArray[np.float64]]:
    """Per head, calibrated probabilities of every train row by a classifier that has not seen the row's label."""
    proba = predictor.probabilities(projected)
    row_of = {sku: row for row, sku in enumerate(np.array(dataset.skus)[train_rows].tolist())}
    for name, one in learnt.items():
        rows = np.array([row_of.get(sku, -1) for sku in one.skus])
        here = rows >= 0
        proba[name][rows[here]] = one.calibrator.apply(one.oof_log_proba[here])
    return proba


def _certify(
    dataset: Dataset,
    train_rows: NDArray[np.intp],
    calibrate_rows: NDArray[np.intp],
    predictor: Predictor,
    out_of_fold: Mapping[str, NDArray[np.float64]],
    take: Take,
    settings: LearnSettings,
) -> tuple[dict[str, Certificates], Certificate | None]:
    values = predictor.grammar.values
    trained = predictor.grammar.decode(out_of_fold)
    decided = predictor.decide_projected(project(predictor.projection, calibrate_rows, take))
    on_train = {name: answers(dataset, train_rows, name, one, values[name]) for name, one in trained.items()}
    on_calibrate = {name: answers(dataset, calibrate_rows, name, one, values[name]) for name, one in decided.items()}
    certificates = {
        name: _certificates(on_train[name], on_calibrate[name], name, len(values), settings) for name in values
    }
    product = certify(
        whole_products(on_train),
        whole_products(on_calibrate),
        attribute=WHOLE_PRODUCT,
        precision=settings.precision,
        confidence=settings.confidence,
    )
    return certificates, product


def _certificates(
    on_train: pa.Table, on_calibrate: pa.Table, name: str, attributes: int, settings: LearnSettings
) -> Certificates:
    precision, confidence = settings.precision, settings.confidence
    common = partial(certify, on_train, on_calibrate, attribute=name, precision=precision, confidence=confidence)
    values = certify_values(on_train, on_calibrate, attribute=name, precision=precision, confidence=confidence)
    return Certificates(own=common(), values=values, together=common(tests=attributes))
