"""What is known of a model: its certificates and, once evaluated, its figures on the test part."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from vitrine.errors import NotFound, Refused, sentence
from vitrine.learn.promote import Comparison, champion_history, champion_of, compare, earlier_champion
from vitrine.records import PHOTOS
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Promise:
    """A certificate's figures; `coverage` is None where nothing could be certified, `labels_needed` None if no n helps."""

    attribute: str
    precision: float
    confidence: float
    coverage: float | None
    families: int
    labels_needed: int | None
    upper_bound: float


@dataclass(frozen=True, slots=True)
class Score:
    """One attribute on the test part; `right` among the published is None where nothing was published."""

    attribute: str
    n: int
    accuracy: float | None
    accuracy_interval: tuple[float, float] | None
    macro_f1: float | None
    coverage: float | None
    right: float | None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model; `evaluated` is False while it has no scorecard."""

    model_id: str
    dataset_id: str
    embedder_id: str
    taxonomy_id: str
    created_at: datetime
    champion: bool
    evaluated: bool
    test_uses: int
    accuracy: float | None
    published: float | None
    scores: list[Score]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change of champion with its evidence."""

    position: int
    model_id: str
    replaces: str | None
    action: str
    evidence: dict[str, Any]
    promoted_at: datetime


@dataclass(frozen=True, slots=True)
class Models:
    """All models, the newest first, and how the champion changed, the last change first."""

    champion: str | None
    can_roll_back: bool
    models: list[ModelCard]
    history: list[HistoryEntry]


@dataclass(frozen=True, slots=True)
class Side:
    """One attribute under two models."""

    attribute: str
    left: Score | None
    right: Score | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models on the same test products; `refused` says why there is no verdict."""

    left: ModelCard
    right: ModelCard
    gain: float | None
    interval: tuple[float, float] | None
    n: int
    proven: bool
    drops: list[str]
    refused: str | None
    sides: list[Side]


class Scorecards:
    """Where models and evaluations lie, read by the ids that the catalog knows."""

    def __init__(self, models: Path, evaluations: Path) -> None:
        self._models = models
        self._evaluations = evaluations

    def promises(self, model_id: str) -> dict[str, Promise]:
        """The certificates of a model by attribute; empty where its files are gone."""
        manifest = self._json(self._models / model_id / "model.json")
        heads = manifest.get("heads", {})
        return {name: _promise(head["certificate"]) for name, head in heads.items()}

    def scorecard(self, model_id: str) -> dict[str, Any]:
        """The scorecard as `evaluate` wrote it; empty where there is none."""
        return self._json(self._evaluations / f"{model_id}.json")

    @staticmethod
    def _json(path: Path) -> dict[str, Any]:
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return data


def models(catalog: Catalog, scorecards: Scorecards) -> Models:
    """All models with their scores and the champion's history."""
    table = schema.models
    rows = catalog.rows(_photo_models().order_by(table.c.created_at.desc(), table.c.model_id))
    champion = champion_of(catalog)
    promotions = champion_history(catalog)
    history = [_entry(entry) for entry in promotions]
    return Models(
        champion=champion,
        can_roll_back=earlier_champion(promotions) is not None,
        models=[_card(row, scorecards.scorecard(row["model_id"]), champion) for row in rows],
        history=history[::-1],
    )


def model(catalog: Catalog, scorecards: Scorecards, model_id: str) -> ModelCard:
    """One model; NotFound for an id that the catalog does not have."""
    rows = catalog.rows(_photo_models().where(schema.models.c.model_id == model_id))
    if not rows:
        raise NotFound(
            sentence("there is no model {model!r}", model=model_id), hint=sentence("vitrine models lists them")
        )
    return _card(rows[0], scorecards.scorecard(model_id), champion_of(catalog))


def compare_models(
    catalog: Catalog, scorecards: Scorecards, left: str, right: str, rows_of: Callable[[str], pa.Table]
) -> Compared:
    """`left` as challenger against `right`, by the same test that a promotion demands; `rows_of` gives stored answers."""
    cards = model(catalog, scorecards, left), model(catalog, scorecards, right)
    verdict, refused = _verdict(left, right, rows_of)
    ours, theirs = ({score.attribute: score for score in card.scores} for card in cards)
    return Compared(
        left=cards[0],
        right=cards[1],
        gain=verdict.gain if verdict else None,
        interval=verdict.interval if verdict else None,
        n=verdict.n if verdict else 0,
        proven=bool(verdict and verdict.proven),
        drops=list(verdict.drops) if verdict else [],
        refused=refused,
        sides=[Side(name, ours.get(name), theirs.get(name)) for name in dict.fromkeys([*ours, *theirs])],
    )


def _verdict(left: str, right: str, rows_of: Callable[[str], pa.Table]) -> tuple[Comparison | None, str | None]:
    try:
        return compare(rows_of(left), rows_of(right), names=(left, right)), None
    except (NotFound, Refused) as error:
        return None, error.message


def _promise(certificate: dict[str, Any]) -> Promise:
    return Promise(
        attribute=certificate["attribute"],
        precision=certificate["precision"],
        confidence=certificate["confidence"],
        coverage=certificate["coverage"] if certificate["rule"]["level"] is not None else None,
        families=certificate["n_families"],
        labels_needed=certificate["labels_needed"],
        upper_bound=certificate["upper_bound"],
    )


def _photo_models() -> sa.Select[Any]:
    """The models of the photo line, with the columns of a card."""
    table = schema.models
    columns = (table.c.model_id, table.c.dataset_id, table.c.embedder_id, table.c.taxonomy_id, table.c.created_at)
    return sa.select(*columns).where(table.c.line == PHOTOS)


def _card(row: dict[str, Any], scorecard: dict[str, Any], champion: str | None) -> ModelCard:
    scores = [_score(name, score) for name, score in scorecard.get("attributes", {}).items()]
    measured = [score for score in scores if score.accuracy is not None]
    answers = sum(score.n for score in measured)
    return ModelCard(
        **row,
        champion=row["model_id"] == champion,
        evaluated=bool(scores),
        test_uses=scorecard.get("test_uses", 0),
        accuracy=sum(score.n * (score.accuracy or 0) for score in measured) / answers if answers else None,
        published=sum(score.n * (score.coverage or 0) for score in measured) / answers if answers else None,
        scores=scores,
    )


def _score(name: str, score: dict[str, Any]) -> Score:
    interval = score.get("accuracy_interval")
    return Score(
        attribute=name,
        n=score["n"],
        accuracy=score["accuracy"],
        accuracy_interval=(interval[0], interval[1]) if interval else None,
        macro_f1=score["macro_f1"],
        coverage=score["coverage"],
        right=score["published_accuracy"],
    )


def _entry(entry: Any) -> HistoryEntry:
    return HistoryEntry(
        entry.position,
        entry.model_id,
        entry.replaces,
        entry.action,
        json.loads(entry.evidence),
        entry.promoted_at,
    )
