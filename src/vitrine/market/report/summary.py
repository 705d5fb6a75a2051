"""What the report says in numbers, kept beside it as JSON: what the app's page shows without computing it again."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from vitrine.errors import StorageError
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
class Reason:
    """One reason of a score, in words, with its value, and whether it pushes the probability up."""

    words: str
    value: str
    up: bool


@dataclass(frozen=True, slots=True)
class Scored:
    """One seller with the probability that a model gives."""

    seller_id: str
    score: float
    reasons: list[Reason]


@dataclass(frozen=True, slots=True)
class Moved:
    """How far something has moved (population stability index); `chance` is what sampling alone gives."""

    name: str
    psi: float
    chance: float
    moved: bool


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
    features: list[Moved]
    scores: list[Moved]


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """Open orders from state to state, and how many of them are expected to come late."""

    seller_state: str
    customer_state: str
    orders: int
    expected: float


@dataclass(frozen=True, slots=True)
class SegmentSummary:
    """One kind of sellers: how many and which share of them, and how stable it is (mean Jaccard)."""

    words: str
    sellers: int
    share: float
    stability: float


@dataclass(frozen=True, slots=True)
class Change:
    """One promotion or rollback."""

    task: str
    model: str
    action: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MarketSummary:
    """The marketplace as the last report saw it; `thinned` says why nothing in it is a result."""

    written_at: datetime
    thinned: str
    tasks: list[TaskSummary]
    routes: list[RouteSummary]
    segments: list[SegmentSummary]
    history: list[Change]


_JSON = TypeAdapter(MarketSummary)


def summary(found: Contents) -> MarketSummary:
    """The numbers of a report's contents."""
    return MarketSummary(
        written_at=now(),
        thinned=found.thinned,
        tasks=[_task(one) for one in found.sections],
        routes=[RouteSummary(r.seller_state, r.customer_state, r.orders, r.expected) for r in found.routes],
        segments=[
            SegmentSummary(one.words, one.rows, one.share, one.stability)
            for one in (found.map.segments if found.map else ())
        ],
        history=[Change(**one) for one in found.history],
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
        top=[Scored(one.seller_id, one.score, [Reason(*reason) for reason in one.reasons]) for one in section.top],
        features=[Moved(words, of.psi, of.chance, of.moved) for words, of in section.features],
        scores=[Moved(of.name, of.psi, of.chance, of.moved) for of in section.score_months],
    )
