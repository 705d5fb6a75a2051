"""Judge a model on the test part: the only function that reads test labels; every use is counted and shown.

The scorecard holds counts, accuracies with intervals (`interval`), macro-F1, what would be published and
how right it is, per attribute and value and for whole products, and the leak tax.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri, stdtrit

from vitrine.errors import Refused
from vitrine.learn.answers import WHOLE_PRODUCT
from vitrine.learn.certify import Certificate
from vitrine.learn.dataset import Dataset
from vitrine.learn.model import Model
from vitrine.learn.train import Take, project

_DRAWS = 1_000
_TAIL = 0.025  # of a 95 % interval, on either side
_NO_SCATTER = 1e-12  # of families that all have the same share, but for rounding
ROWS = pa.schema(
    [
        pa.field("sku", pa.string(), nullable=False),
        pa.field("family_id", pa.string(), nullable=False),
        pa.field("attribute", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
        pa.field("published", pa.bool_(), nullable=False),
        pa.field("learnable", pa.bool_(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scorecard (JSON values) and the per-row answers behind it (schema `ROWS`)."""

    scorecard: dict[str, Any]
    rows: pa.Table


def evaluate(model: Model, dataset: Dataset, take: Take, *, test_uses: int, leak_tax: Mapping[str, Any]) -> Evaluation:
    """Score `model` on the test part of `dataset`; `test_uses` counts the looks at it, this one included.

    Raises Refused when the test part has no labelled product.
    """
    rows = np.flatnonzero(dataset.parts == "test")
    if not len(rows):
        raise Refused(
            "the test part has no product yet",
            hint="ingest more products; a sixth of the families is for test",
        )
    projected = project(model.predictor.projection, rows, take)
    decided = model.predictor.decide_projected(projected)
    tables = {}
    for name, one in decided.items():
        values = np.array(model.predictor.grammar.values[name], dtype=object)
        tables[name] = _attribute_rows(model, dataset, rows, name, values[one.value_index], one.confidence)
    everything = pa.concat_tables(list(tables.values()))
    if not everything.num_rows:
        raise Refused("no product of the test part is labelled", hint="label some products and ingest the table again")
    scorecard = {
        "dataset": dataset.dataset_id,
        "model": model.model_id,
        "taxonomy": model.taxonomy_id,
        "embedder": model.embedder_id,
        "parts": {part: int((dataset.parts == part).sum()) for part in ("train", "calibrate", "test")},
        "split": "by family; test read only here",
        "test_uses": test_uses,
        "attributes": {name: _score_attribute(model, name, table) for name, table in tables.items()},
        "product": _score_products(model, tables),
        "grammar": _grammar(model, decided, model.predictor.probabilities(projected)),
        "leak_tax": dict(leak_tax),
    }
    return Evaluation(scorecard, everything)


def interval(flags: NDArray[Any], families: NDArray[Any]) -> tuple[float, float]:
    """95 % interval of the share of `flags` (n,) that are true (or 1); `families` (n,) says whose they are.

    Korn and Graubard 1998 ("Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data", Survey Methodology 24): the exact interval of Clopper and Pearson on
    as many independent rows as the scatter between families amounts to. Where all rows agree nothing
    scatters, and every family counts as one row. `flags` must have a row.

    >>> interval(np.ones(100), np.arange(100))
    (0.9638, 1.0)
    """
    _, index = np.unique(families, return_inverse=True)
    sums, sizes = np.bincount(index, weights=flags), np.bincount(index)
    share = float(sums.sum() / sizes.sum())
    n = _independent_rows(sums, sizes, share)
    right, wrong = share * n, (1 - share) * n
    low = betaincinv(right, wrong + 1, _TAIL) if right else 0.0
    high = betaincinv(right + 1, wrong, 1 - _TAIL) if wrong else 1.0
    return round(float(low), 4), round(float(high), 4)


def _independent_rows(sums: NDArray[Any], sizes: NDArray[Any], share: float) -> float:
    """How many independent rows would say as much about `share` as these families do, at most all rows."""
    families, rows = len(sizes), sizes.sum()
    scatter = float(((sums - share * sizes) ** 2).sum()) / rows**2
    if families == 1 or scatter < _NO_SCATTER:
        return float(families)
    variance = scatter * families / (families - 1)
    # the variance itself is estimated, from few families badly
    known = (ndtri(_TAIL) / stdtrit(families - 1, _TAIL)) ** 2
    return float(min(rows, share * (1 - share) / variance) * known)


def interval_of_difference(differences: NDArray[Any], families: NDArray[Any]) -> tuple[float, float]:
    """95 % interval of the mean of `differences` (n,) between -1 and 1; `families` (n,) says whose they are.

    Bootstrap over families, 1,000 draws. Where all families are alike (no answer differs, say) it would have
    no width and claim certainty: there, by Clopper and Pearson (1934) on one product a family,
    0.025 ** (1 / families) or more of all families are like those seen; the rest may be anything.
    `differences` must have a row.

    >>> interval_of_difference(np.zeros(100), np.arange(100))
    (-0.0362, 0.0362)
    """
    _, index = np.unique(families, return_inverse=True)
    sums, sizes = np.bincount(index, weights=differences), np.bincount(index)
    mean = float(sums[0] / sizes[0])
    if np.allclose(sums / sizes, mean):
        like = _TAIL ** (1 / len(sizes))
        ends = [like * mean - (1 - like), like * mean + (1 - like)]
    else:
        ends = np.quantile(_drawn_means(sums, sizes), (_TAIL, 1 - _TAIL)).tolist()
    return round(ends[0], 4), round(ends[1], 4)


def _drawn_means(sums: NDArray[Any], sizes: NDArray[Any]) -> NDArray[np.float64]:
    """The mean over rows in each of 1,000 draws of as many families as there are, with replacement."""
    # to the mean, families with the same sum and size are the same: draw only how many there are of each kind
    kinds, counts = np.unique(np.column_stack([sums, sizes]), axis=0, return_counts=True)
    total = int(counts.sum())
    drawn = np.random.default_rng(0).multinomial(total, counts / total, size=_DRAWS)
    return np.asarray((drawn @ kinds[:, 0]) / (drawn @ kinds[:, 1]))


def _attribute_rows(
    model: Model,
    dataset: Dataset,
    rows: NDArray[np.intp],
    name: str,
    values: NDArray[np.object_],
    confidence: NDArray[np.float64],
) -> pa.Table:
    labels = np.array(dataset.strings(name), dtype=object)[rows]
    labelled = np.flatnonzero(labels != "")
    published = model.certificates[name].own.rule.published(values, confidence)
    known = model.predictor.grammar.values[name]
    return pa.table(
        {
            "sku": np.array(dataset.skus, dtype=object)[rows][labelled],
            "family_id": np.array(dataset.strings("family_id"), dtype=object)[rows][labelled],
            "attribute": [name] * len(labelled),
            "label": labels[labelled],
            "value": values[labelled],
            "confidence": confidence[labelled],
            "published": published[labelled],
            "learnable": np.isin(labels[labelled].astype(str), known),
        },
        schema=ROWS,
    )


def _columns(table: pa.Table) -> dict[str, NDArray[Any]]:
    return {name: np.array(table.column(name).to_pylist()) for name in table.column_names}


def _score_attribute(model: Model, name: str, table: pa.Table) -> dict[str, Any]:
    certificates = model.certificates[name]
    own, together = certificates.own, certificates.together
    score: dict[str, Any] = {
        "n": 0,
        "threshold": _least_threshold(own),
        "precision": own.precision,
        "confidence": own.confidence,
        "certificate": own.sentence(),
        "all_together": {"coverage": together.coverage, "certificate": together.sentence()},
        "head_id": model.head_ids[name],
        "training": model.reports[name],
    }
    if not table.num_rows:
        unknown = dict.fromkeys(("accuracy", "macro_f1", "coverage", "published_accuracy"))
        return score | unknown | {"values": {}}
    columns = _columns(table)
    right = columns["label"] == columns["value"]
    learnable, published = columns["learnable"], columns["published"]
    families = columns["family_id"]
    values = _per_value(columns, model.predictor.grammar.values[name], certificates.values)
    tested = [value for value in values.values() if value["n"]]
    return score | {
        "n": int(learnable.sum()),
        "n_rare": int((~learnable).sum()),
        "accuracy": _mean(right[learnable]),
        "accuracy_interval": _interval(right[learnable], families[learnable]),
        "macro_f1": _mean(np.array([value["f1"] for value in tested])),
        "coverage": _mean(published),
        "coverage_interval": _interval(published, families),
        "published": int(published.sum()),
        "published_accuracy": _mean(right[published]),
        "published_interval": _interval(right[published], families[published]),
        "values": values,
    }


def _per_value(
    columns: Mapping[str, NDArray[Any]], known: Sequence[str], certificates: Mapping[str, Certificate]
) -> dict[str, Any]:
    """Counts and rates of each learnable value, over the rows whose label is learnable."""
    label, value = (columns[name][columns["learnable"]] for name in ("label", "value"))
    scores = {}
    for one in known:
        n, given = int((label == one).sum()), int((value == one).sum())
        hits = int(((label == one) & (value == one)).sum())
        scores[one] = {
            "n": n,
            "precision": hits / given if given else None,
            "recall": hits / n if n else None,
            "f1": 2 * hits / (n + given) if n + given else None,
            "certificate": certificates[one].sentence() if one in certificates else None,
        }
    return scores


def _score_products(model: Model, tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    """Whole products: only those labelled in every attribute count, and all of it must be right."""
    right: dict[str, list[bool]] = {}
    confidence: dict[str, float] = {}
    family: dict[str, str] = {}
    for table in tables.values():
        for row in table.to_pylist():
            right.setdefault(row["sku"], []).append(row["label"] == row["value"])
            confidence[row["sku"]] = min(confidence.get(row["sku"], 1.0), row["confidence"])
            family[row["sku"]] = row["family_id"]
    skus = [sku for sku, answers in right.items() if len(answers) == len(tables)]
    if not skus or model.product is None:
        return {"n": len(skus), "coverage": None, "published_accuracy": None}
    score = np.array([confidence[sku] for sku in skus])
    correct = np.array([all(right[sku]) for sku in skus])
    published = model.product.rule.published([WHOLE_PRODUCT] * len(skus), score)
    families = np.array([family[sku] for sku in skus])
    return {
        "n": len(skus),
        "accuracy": _mean(correct),
        "accuracy_interval": _interval(correct, families),
        "coverage": _mean(published),
        "coverage_interval": _interval(published, families),
        "published": int(published.sum()),
        "published_accuracy": _mean(correct[published]),
        "published_interval": _interval(correct[published], families[published]),
        "certificate": model.product.sentence(),
    }


def _grammar(model: Model, decided: Mapping[str, Any], alone: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Contradictions per 1,000 products in the answers (none, by construction), and if every head had answered alone."""
    grammar = model.predictor.grammar
    together = {name: [grammar.values[name][i] for i in one.value_index] for name, one in decided.items()}
    each = {name: [grammar.values[name][i] for i in proba.argmax(axis=1)] for name, proba in alone.items()}
    n = max(1, len(next(iter(together.values()))))
    return {
        "products": n,
        "contradictions_per_1000": 1000 * grammar.contradictions(together) / n,
        "contradictions_per_1000_without": 1000 * grammar.contradictions(each) / n,
    }


def _least_threshold(certificate: Certificate) -> float | None:
    """The lowest confidence that is published, over the values; None where nothing is."""
    return min(certificate.rule.thresholds.values(), default=None)


def _mean(flags: NDArray[Any]) -> float | None:
    return float(np.mean(flags)) if len(flags) else None


def _interval(flags: NDArray[Any], families: NDArray[Any]) -> list[float] | None:
    return list(interval(flags, families)) if len(flags) else None
