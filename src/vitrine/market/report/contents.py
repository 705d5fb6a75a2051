"""Gather what the page shows: champions and their scorecards, who is at risk and why, routes, segments, drift."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from markupsafe import Markup

from vitrine.errors import VitrineError
from vitrine.learn.promote import champion_history, champion_of
from vitrine.market.drift import Drift, drift
from vitrine.market.jobs import judged_rows, models, scorecard
from vitrine.market.model import Model
from vitrine.market.report import plots
from vitrine.market.score import latest_rows, scored
from vitrine.market.segment_jobs import load_segments, members
from vitrine.market.tasks import TASKS, Task, line
from vitrine.market.words import feature_words, said, subject_of

if TYPE_CHECKING:
    from vitrine.market.home import Market

_MOST_ROWS, _MOST_ROUTES, _MOST_DRIFTS, _LEAST_ORDERS = 25, 20, 8, 3
_SHOWN_REASONS = 3


@dataclass(frozen=True, slots=True)
class AtRisk:
    """One scored entity: its score and its strongest reasons as (words, value, pushes up)."""

    entity: str
    seller_id: str
    score: float
    reasons: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, slots=True)
class Route:
    """Open orders from one state to another: how many, and the late ones expected."""

    seller_state: str
    customer_state: str
    orders: int
    expected: float


@dataclass(frozen=True, slots=True)
class Section:
    """What the page says about one task whose champion was trained here."""

    task: Task
    model: str
    card: Mapping[str, Any]
    at: date | None
    top: Sequence[AtRisk]
    scored: int
    expected: float
    months: Markup
    calibration: Markup
    profit: Markup
    features: Sequence[tuple[str, Drift]]
    score_months: Sequence[Drift]


@dataclass(frozen=True, slots=True)
class Map:
    """The segments: map, table and why this many."""

    model: str
    drawn: Markup
    segments: Sequence[Any]
    tried: Sequence[Any]
    thinned: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything on the page; `thinned` says why nothing on it is a result."""

    sections: Sequence[Section]
    routes: Sequence[Route]
    map: Map | None
    history: Sequence[Mapping[str, Any]]
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
    return Contents(sections, routes, segmented, _history(market), thinned)


def _section(market: "Market", task: Task, model: Model) -> Section:
    card = scorecard(market, model.model_id)
    kept = scored(market, task.name, model.model_id)
    at = max(kept, default=None)
    table = kept[at] if at else None
    later = judged_rows(market, model.model_id)
    return Section(
        task=task,
        model=model.model_id,
        card=card,
        at=at,
        top=_top(table),
        scored=table.num_rows if table else 0,
        expected=float(np.sum(table.column("score").to_numpy())) if table else 0.0,
        months=plots.by_month(card["months"], card["later_from"]),
        calibration=plots.calibration(card["calibration"]),
        profit=plots.profit(card["profit"]),
        features=_moved(market, model, later) if at else (),
        score_months=_score_months(later, kept),
    )


def _top(table: pa.Table | None) -> list[AtRisk]:
    if table is None:
        return []
    return [
        AtRisk(row["entity"], row["seller_id"], row["score"], _in_words(json.loads(row["reasons"])))
        for row in table.slice(0, _MOST_ROWS).to_pylist()
    ]


def _in_words(reasons: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str, bool], ...]:
    """Reasons that differ only in their window are one: parts of log-odds add up, the strongest window speaks."""
    pushes: dict[str, float] = defaultdict(float)
    speaker: dict[str, Mapping[str, Any]] = {}
    for one in reasons:
        subject = subject_of(one["feature"], one["value"])
        pushes[subject] += one["part"]
        speaker.setdefault(subject, one)
    strongest = sorted(pushes, key=lambda subject: -abs(pushes[subject]))[:_SHOWN_REASONS]
    return tuple((*said(speaker[s]["feature"], speaker[s]["value"]), pushes[s] > 0) for s in strongest)


def _moved(market: "Market", model: Model, later: pa.Table) -> list[tuple[str, Drift]]:
    """The numbers that moved most between the rows the champion was judged on and those it scores now."""
    try:
        _, rows = latest_rows(market, model)
    except VitrineError:  # the features were rebuilt since: the page says more without this table than not at all
        return []
    found = []
    for name in model.encoding.numbers:
        if name in rows.column_names:
            sides = [table.column(name).cast(pa.float64()).to_numpy() for table in (later, rows)]
            found.append((feature_words(name), drift(name, *(np.where(np.isfinite(s), s, np.nan) for s in sides))))
    return sorted(found, key=lambda one: -one[1].psi)[:_MOST_DRIFTS]


def _score_months(later: pa.Table, kept: Mapping[date, pa.Table]) -> list[Drift]:
    """Scores of each month against all scores the champion was judged on."""
    time = (later.schema.metadata or {})[b"time"].decode()
    then = later.column("score").to_numpy()
    months = later.column(time).to_numpy().astype("datetime64[M]")
    found = [drift(str(month), then, then[months == month]) for month in np.unique(months)]
    return found + [
        drift(f"scored {day}", then, table.column("score").to_numpy()) for day, table in kept.items() if table.num_rows
    ]


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
    return Map(found, drawn, segments.segments, segments.tried, origin["thinned"])


def _history(market: "Market") -> list[dict[str, Any]]:
    """Every promotion and rollback of every task, newest first."""
    found = []
    for one in sorted({row["line"] for row in models(market)}):
        for entry in champion_history(market.catalog, line=one):
            evidence = json.loads(entry.evidence)
            found.append(
                {
                    "task": one.removeprefix("market-"),
                    "model": entry.model_id,
                    "action": entry.action,
                    "why": _why(evidence),
                    "at": entry.promoted_at,
                }
            )
    return sorted(found, key=lambda one: one["at"], reverse=True)


def _why(evidence: Mapping[str, Any]) -> str:
    if "gain" in evidence:
        low, high = evidence["interval"]
        return f"AUC {evidence['gain']:+.3f} ({low:+.3f} to {high:+.3f}, n = {evidence['n']:,})"
    if "auc" in evidence:
        low, high = evidence["interval"]
        return f"the first one, AUC {evidence['auc']:.3f} ({low:.3f} to {high:.3f}, n = {evidence['n']:,})"
    if "stability" in evidence:
        return f"stability {evidence['stability']:.2f}, before {evidence['stability_before']:.2f}"
    return str(evidence.get("reason", ""))
