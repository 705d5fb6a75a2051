"""Gather what the page shows: champions and their scorecards, who is at risk and why, routes, segments, drift."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from markupsafe import Markup
from numpy.typing import NDArray

from vitrine.errors import VitrineError
from vitrine.learn.promote import champion_of
from vitrine.market.at_risk import Scored, at_risk
from vitrine.market.champions import Change, champions
from vitrine.market.clusters import Choice, Segment
from vitrine.market.drift import SCORE, Drift, drift_by_month
from vitrine.market.jobs import judged_rows, references, scorecard
from vitrine.market.model import Model
from vitrine.market.report import plots
from vitrine.market.score import latest_rows, scored
from vitrine.market.segment_jobs import load_segments, members
from vitrine.market.tasks import TASKS, Task, line
from vitrine.market.words import feature_words

if TYPE_CHECKING:
    from vitrine.market.home import Market

_MOST_ROWS, _MOST_ROUTES, _LEAST_ORDERS, _MOST_POINTS = 25, 200, 3, 800
_MOST_DRIFTS, _MOST_MOVED = 8, 20


@dataclass(frozen=True, slots=True)
class Route:
    """Open orders from one state to another: how many, and the late ones expected."""

    seller_state: str
    customer_state: str
    orders: int
    expected: float


@dataclass(frozen=True, slots=True)
class DriftMonth:
    """The (n,) values of each feature and of the score in one month."""

    name: str
    n: int
    columns: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class DriftTable:
    """How far the scores (`said`) and the features that moved most (`read`) are from training, in each of `months`.

    `rows` counts the rows of each month; of `checked` features so many have `moved` in some month.
    """

    months: Sequence[str]
    rows: Sequence[int]
    said: Sequence[Drift]
    read: Sequence[tuple[str, Sequence[Drift]]]
    checked: int
    moved: int


@dataclass(frozen=True, slots=True)
class Section:
    """What the page says about one task whose champion was trained here."""

    task: Task
    model: str
    card: Mapping[str, Any]
    at: date | None
    top: Sequence[Scored]
    scored: int
    expected: float
    months: Markup
    calibration: Markup
    profit: Markup
    drift: DriftTable


@dataclass(frozen=True, slots=True)
class Map:
    """The segments: map, table and why this many."""

    model: str
    drawn: Markup
    segments: Sequence[Segment]
    tried: Sequence[Choice]
    thinned: str
    points: Sequence[tuple[float, float, int]]


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything on the page; `thinned` says why nothing on it is a result."""

    sections: Sequence[Section]
    routes: Sequence[Route]
    map: Map | None
    history: Sequence[Change]
    thinned: str


def contents(market: "Market") -> Contents:
    """What the market's catalog, models and scores have to show; tasks without a champion are left out."""
    sections, routes = [], []
    for name, task in TASKS.items():
        found = champion_of(market.catalog, line=line(name))
        if found is None or name == "segments":
            continue
        model = Model.load(market.data / "models", found)
        sections.append(_section(market, task, model))
        if name == "delay":
            routes = _routes(market, model)
    segmented = _map(market)
    thinned = next((one.card["thinned"] for one in sections if one.card["thinned"]), "")
    thinned = thinned or (segmented.thinned if segmented else "")
    return Contents(sections, routes, segmented, champions(market.catalog).history, thinned)


def _section(market: "Market", task: Task, model: Model) -> Section:
    card = scorecard(market, model.model_id)
    kept = scored(market, task.name, model.model_id)
    at = max(kept, default=None)
    table = kept[at] if at else None
    return Section(
        task=task,
        model=model.model_id,
        card=card,
        at=at,
        top=at_risk(market.catalog, task.name, limit=_MOST_ROWS).rows,
        scored=table.num_rows if table else 0,
        expected=float(np.sum(table.column("score").to_numpy())) if table else 0.0,
        months=plots.by_month(card["months"], card["later_from"]),
        calibration=plots.calibration(card["calibration"]),
        profit=plots.profit(card["profit"]),
        drift=_drift(market, model, kept),
    )


def _drift(market: "Market", model: Model, kept: Mapping[date, pa.Table]) -> DriftTable:
    """What the model reads and says, in each month it was judged on and where it scored last, against where it learnt."""
    learnt = references(market, model.model_id)
    later = judged_rows(market, model.model_id)
    months = [
        DriftMonth(month, rows.num_rows, {**model.encoding.codes(rows), SCORE: rows.column(SCORE).to_numpy()})
        for month, rows in _by_month(later)
    ]
    months += _scored_now(market, model, kept)
    found = drift_by_month(learnt, [month.columns for month in months]) if learnt else []
    said = [one for one in found if one.name == SCORE]
    read = [one for one in found if one.name != SCORE]
    most = max(_MOST_DRIFTS, min(_MOST_MOVED, sum(one.moved for one in read)))
    return DriftTable(
        months=[month.name for month in months],
        rows=[month.n for month in months],
        said=said[0].months if said else (),
        read=[(feature_words(one.name), one.months) for one in read[:most]],
        checked=len(read),
        moved=sum(one.moved for one in read),
    )


def _by_month(later: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    months = later.column((later.schema.metadata or {})[b"time"].decode()).to_numpy().astype("datetime64[M]")
    for month in np.unique(months):
        yield str(month), later.filter(pa.array(months == month))


def _scored_now(market: "Market", model: Model, kept: Mapping[date, pa.Table]) -> list[DriftMonth]:
    if not kept:
        return []
    try:
        at, rows = latest_rows(market, model)
        columns = model.encoding.codes(rows)
    except VitrineError:  # the features were rebuilt since: the page says more without this month than not at all
        return []
    if at not in kept or not rows.num_rows:
        return []
    return [DriftMonth(at.isoformat(), rows.num_rows, {**columns, SCORE: kept[at].column(SCORE).to_numpy()})]


def _routes(market: "Market", model: Model) -> list[Route]:
    """Routes with open orders, those with the most late orders expected first."""
    kept = scored(market, "delay", model.model_id)
    if not kept:
        return []
    scores = kept[max(kept)]
    of_order = dict(zip(scores.column("entity").to_pylist(), scores.column("score").to_pylist(), strict=True))
    try:
        _, rows = latest_rows(market, model)
    except VitrineError:
        return []
    names = [
        next((n for n in rows.column_names if n.endswith(end)), None) for end in ("seller_state", "customer_state")
    ]
    if None in names:
        return []
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    columns = [rows.column(str(name)).to_pylist() for name in names]
    for order, seller, customer in zip(rows.column("order_id").to_pylist(), *columns, strict=True):
        if order in of_order:
            found[seller or "?", customer or "?"].append(of_order[order])
    routes = [Route(*key, len(of), sum(of)) for key, of in found.items() if len(of) >= _LEAST_ORDERS]
    return sorted(routes, key=lambda route: -route.expected)[:_MOST_ROUTES]


def _map(market: "Market") -> Map | None:
    found = champion_of(market.catalog, line=line("segments"))
    if found is None:
        return None
    segments, origin = load_segments(market, found)
    table = members(market, found)
    x, y, of_row = (table.column(name).to_numpy() for name in ("x", "y", "segment"))
    drawn = plots.segments(x, y, of_row, len(segments.segments))
    some = np.linspace(0, len(x) - 1, min(_MOST_POINTS, len(x))).astype(np.intp)
    points = [(round(float(x[row]), 2), round(float(y[row]), 2), int(of_row[row])) for row in some]
    return Map(found, drawn, segments.segments, segments.tried, origin["thinned"], points)
