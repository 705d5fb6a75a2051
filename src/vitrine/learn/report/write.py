"""Write the scorecard as one HTML page: certificates, leak tax, plots, confident mistakes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from vitrine.learn.calibrate import reliability
from vitrine.learn.report import plots
from vitrine.learn.report.confusion import Confusion, confusion
from vitrine.learn.report.gallery import Shop, gallery
from vitrine.report.write_html import write_html
from vitrine.taxonomy import Attribute, Taxonomy

_WORST = 12
_BINS = 10
_FEW = 10  # values with fewer test rows stand last among the worst: one row decides them


@dataclass(frozen=True, slots=True)
class Worst:
    """One value's figures on test; `certificate` is the sentence of its own certificate, where it has one."""

    value: str
    n: int
    precision: float | None
    recall: float | None
    f1: float | None
    certificate: str | None

    @property
    def few(self) -> bool:
        """Whether a single row decides the figures."""
        return self.n < _FEW


@dataclass(frozen=True, slots=True)
class Section:
    """What the page says about one attribute; plots and confusion are None where test has no row of it."""

    name: str
    attribute: Attribute
    score: Mapping[str, Any]
    risk: Markup | None
    reliability: Markup | None
    gap: float | None
    confusion: Confusion | None
    worst: Sequence[Worst]

    @property
    def certified(self) -> bool:
        """Whether anything of it may be published."""
        return self.score["threshold"] is not None

    @property
    def below(self) -> bool:
        """Whether what was published on test is less often right than wanted."""
        right = self.score["published_accuracy"]
        return right is not None and right < self.score["precision"]

    @property
    def values(self) -> int:
        """How many values the model can answer and test has labels of."""
        return sum(1 for value in self.score["values"].values() if value["n"])

    @property
    def own_certificates(self) -> list[str]:
        """The sentences of values that have a certificate of their own."""
        return [one["certificate"] for one in self.score["values"].values() if one["certificate"]]

    @property
    def train_rows(self) -> int | None:
        """How many labelled train products the head in use learnt from."""
        return next((one["rows"] for one in self.score["training"] if one["chosen"]), None)


def write_report(shop: Shop, scorecard: Mapping[str, Any], rows: pa.Table, path: Path) -> None:
    """Write the report of `scorecard` and its `rows` (schema `evaluate.ROWS`) to `path`, whole or not at all.

    Photos come from `shop`, a workspace. Raises StorageError when the file cannot be written.
    """
    sections = [_section(shop.taxonomy, name, score, rows) for name, score in scorecard["attributes"].items()]
    write_html(
        path,
        "vitrine.learn.report",
        "scorecard.html",
        hint="free some space and run vitrine evaluate again",
        card=scorecard,
        sections=sections,
        ranked=sorted(sections, key=lambda one: (not one.certified, -(one.score["coverage"] or 0))),
        pooled=_pooled(rows),
        attributes={section.name: section.attribute for section in sections},
        mistakes=gallery(shop, rows),
        wrong=int(pc.sum(pc.not_equal(rows.column("label"), rows.column("value"))).as_py() or 0),
    )


def _section(taxonomy: Taxonomy, name: str, score: Mapping[str, Any], rows: pa.Table) -> Section:
    attribute = taxonomy.attributes.get(name) or Attribute(name, ())
    own = rows.filter(pc.equal(rows.column("attribute"), name))
    if not own.num_rows:
        return Section(name, attribute, score, None, None, None, None, ())
    confidence = own.column("confidence").to_numpy()
    labels, answers = own.column("label").to_pylist(), own.column("value").to_pylist()
    right = np.array([label == answer for label, answer in zip(labels, answers, strict=True)])
    allowed = 1 - score["precision"]
    measured = reliability(confidence, right, bins=_BINS)
    return Section(
        name=name,
        attribute=attribute,
        score=score,
        risk=plots.risk_coverage(confidence, right, allowed=allowed, point=_point(score)),
        reliability=plots.reliability(measured),
        gap=measured.ece,
        confusion=confusion(labels, answers, known=list(score["values"])),
        worst=_worst(score["values"]),
    )


def _point(score: Mapping[str, Any]) -> plots.Point | None:
    """Where the certified rule landed on test; None where it published nothing."""
    if not score["coverage"]:
        return None
    error = score["published_interval"]
    return plots.Point(
        coverage=score["coverage"],
        error=1 - score["published_accuracy"],
        coverage_interval=tuple(score["coverage_interval"]) if score["coverage_interval"] else None,
        error_interval=(1 - error[1], 1 - error[0]) if error else None,
    )


def _worst(values: Mapping[str, Mapping[str, Any]]) -> list[Worst]:
    tested = [Worst(value, **figures) for value, figures in values.items() if figures["n"]]
    return sorted(tested, key=lambda one: (one.few, one.f1 or 0.0, -one.n))[:_WORST]


def _pooled(rows: pa.Table) -> dict[str, int]:
    """Answers of all attributes together: how many there are, are published, and are right among those."""
    published = rows.filter(rows.column("published"))
    right = pc.sum(pc.equal(published.column("label"), published.column("value"))).as_py() or 0
    return {"answers": rows.num_rows, "published": published.num_rows, "right": int(right)}
