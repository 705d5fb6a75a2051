"""What the report says in numbers, kept beside it as JSON: what the app's page shows without computing it again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vitrine.errors import StorageError
from vitrine.market.at_risk import Scored
from vitrine.market.clusters import Choice
from vitrine.market.drift import Drift
from vitrine.market.report.contents import Contents, Section
from vitrine.records import now


@dataclass(frozen=True, slots=True)
class Auc:
    """AUC with its 95 % interval on `n` rows; None where they are of one class."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class MonthAuc:
    """The AUC of one month; `later` months are after everything that the model learnt from."""

    month: str
    auc: Auc
    later: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """One column's population stability index in one month; `chance` is what sampling alone may give."""

    psi: float
    chance: float
    moved: bool


@dataclass(frozen=True, slots=True)
class MovedFeature:
    """One feature, month by month."""

    name: str
    months: list[Moved]


@dataclass(frozen=True, slots=True)
class DriftSummary:
    """How far scores and features of each month are from where the model learnt; of `checked` features so many moved."""

    months: list[str]
    rows: list[int]
    scores: list[Moved]
    features: list[MovedFeature]
    checked: int
    moved: int


@dataclass(frozen=True, slots=True)
class ProfitSummary:
    """What contacting those above `threshold` earns for each 1,000 out of time, with its 95 % interval.

    `threshold` is None where no contact pays. `curve` has the share contacted and the profit of each 1,000.
    """

    contact_cost: float
    loss: float
    saved: float
    threshold: float | None
    contacted: float
    mean: float
    low: float
    high: float
    curve: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """One task: its champion, how good it is out of time, whom it scored last, and what has moved since."""

    task: str
    model: str
    kind: str
    auc: Auc
    later_from: str
    months: list[MonthAuc]
    at: date | None
    scored: int
    expected: float
    bad: bool
    top: list[Scored]
    profit: ProfitSummary
    drift: DriftSummary


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """Open orders from state to state, and how many of them are expected to come late."""

    seller_state: str
    customer_state: str
    orders: int
    expected: float


@dataclass(frozen=True, slots=True)
class SegmentSummary:
    """One kind of sellers: how many and which share of them, how stable it is (mean Jaccard), and its medians."""

    words: str
    sellers: int
    share: float
    stability: float
    medians: dict[str, float]


@dataclass(frozen=True, slots=True)
class MarketSummary:
    """The marketplace as the last report saw it; `thinned` says why nothing in it is a result."""

    written_at: datetime
    thinned: str
    tasks: list[TaskSummary]
    routes: list[RouteSummary]
    segments: list[SegmentSummary]
    tried: list[Choice]
    points: list[tuple[float, float, int]]


_JSON = TypeAdapter(MarketSummary)


def summary(found: Contents) -> MarketSummary:
    """The numbers of a report's contents."""
    return MarketSummary(
        written_at=now(),
        thinned=found.thinned,
        tasks=[_task(one) for one in found.sections],
        routes=[RouteSummary(r.seller_state, r.customer_state, r.orders, r.expected) for r in found.routes],
        segments=[
            SegmentSummary(one.words, one.rows, one.share, one.stability, one.medians)
            for one in (found.map.segments if found.map else ())
        ],
        tried=list(found.map.tried) if found.map else [],
        points=list(found.map.points) if found.map else [],
    )


def to_json(one: MarketSummary) -> str:
    """The text that `read` takes back."""
    return _JSON.dump_json(one, indent=1).decode()


def read(path: Path) -> MarketSummary | None:
    """What was kept at `path`; None where no report was written yet. StorageError when it is damaged."""
    if not path.is_file():
        return None
    try:
        return _JSON.validate_json(path.read_bytes())
    except ValidationError as error:
        raise StorageError(f"{path} is damaged: {error}", hint="vitrine market report writes it again") from error


def _task(section: Section) -> TaskSummary:
    card = section.card
    return TaskSummary(
        task=section.task.name,
        model=section.model,
        kind=card["kind"],
        auc=Auc(**card["later"]["auc"], n=card["later"]["n"]),
        later_from=card["later_from"],
        months=[MonthAuc(m["month"], Auc(**m["auc"], n=m["n"]), m["part"] == "later") for m in card["months"]],
        at=section.at,
        scored=section.scored,
        expected=section.expected,
        bad=section.task.bad,
        top=list(section.top),
        profit=profit(card),
        drift=DriftSummary(
            months=list(section.drift.months),
            rows=list(section.drift.rows),
            scores=_moved(section.drift.said),
            features=[MovedFeature(words, _moved(of)) for words, of in section.drift.read],
            checked=section.drift.checked,
            moved=section.drift.moved,
        ),
    )


def _moved(months: Sequence[Drift]) -> list[Moved]:
    return [Moved(one.psi, one.chance, one.moved) for one in months]


def profit(scorecard: Mapping[str, Any]) -> ProfitSummary:
    """What a model's scorecard says of acting on its scores."""
    card = scorecard["profit"]
    share, gain = card["curve"]
    return ProfitSummary(
        **{name: card[name] for name in ("contact_cost", "loss", "saved", "threshold", "contacted")},
        **card["profit_per_1000"],
        curve=[(round(x, 4), round(1000 * y, 2)) for x, y in zip(share, gain, strict=True)],
    )
