"""Score everybody a task asks about at the latest reference date, by the champion, under the training's population rule.

Scores go to a Parquet data set (one folder a date and model, written whole) and to the catalog (one row an entity, date
and model, in one transaction). Scoring twice gives the same rows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from vitrine.errors import NotFound, Refused
from vitrine.learn.promote import champion_of
from vitrine.market.jobs import champion, features_id
from vitrine.market.make_abt import PLANS, check_population, to_score
from vitrine.market.model import Model
from vitrine.market.reasons import reasons
from vitrine.market.segment_jobs import load_segments
from vitrine.market.tasks import line
from vitrine.market.thinned import LABEL
from vitrine.records import Score, now, to_table
from vitrine.stores import schema
from vitrine.stores.whole import whole

if TYPE_CHECKING:
    from vitrine.market.home import Market

_AGAIN = "free some space and run vitrine market score again"


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What was scored, by which model, and the Parquet file that holds it."""

    task: str
    reference_date: date
    rows: int
    model: str
    output: Path
    warning: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = {
            "task": self.task, "reference_date": self.reference_date.isoformat(), "rows": self.rows,
            "model": self.model, "output": str(self.output),
        }  # fmt: skip
        return found | ({"warning": self.warning} if self.warning else {})


def score(market: "Market", task: str, *, model_id: str | None = None) -> ScoreReport:
    """Score the population of `task` at the last reference date built, by the champion or a model of that id.

    Raises Refused when today's features are made by another SQL than the model's, or a column is absent; NotFound where
    there is no champion or no features.
    """
    if task == "segments":
        return _segments(market, model_id)
    model = Model.load(market.data / "models", model_id) if model_id else champion(market, task)
    check_origin(model, task)
    at = _latest(market)
    rows = to_score(market.features, task, at=at, horizon_days=model.origin.horizon_days)
    check_population(task, rows, horizon_days=model.origin.horizon_days)
    table = _scores(model, rows, PLANS[task].entity, at)
    path = _keep(market, table, task, at, model.model_id)
    warning = f"{LABEL}: {model.origin.thinned}" if model.origin.thinned else ""
    return ScoreReport(task, at, table.num_rows, model.model_id, path, warning)


def _segments(market: "Market", model_id: str | None) -> ScoreReport:
    """Each seller's segment: the score is its number, the reason its name."""
    chosen = model_id or champion_of(market.catalog, line=line("segments"))
    if chosen is None:
        raise NotFound("there is no segmentation yet", hint="vitrine market train segments makes the first one")
    segments, origin = load_segments(market, chosen)
    at = _latest(market)
    rows = to_score(market.features, "segments", at=at)
    keys = rows.column("seller_id").to_pylist()
    moment = now()
    found = [
        Score("segments", key, at, chosen, key, float(number), json.dumps(segments.segments[number].name), moment)
        for key, number in zip(keys, segments.assign(rows).tolist(), strict=True)
    ]
    path = _keep(market, to_table(Score, found), "segments", at, chosen)
    warning = f"{LABEL}: {origin['thinned']}" if origin["thinned"] else ""
    return ScoreReport("segments", at, len(found), chosen, path, warning)


def check_origin(model: Model, task: str) -> None:
    """Refuse a model of another task, or one whose features were made by another SQL than today's."""
    if model.origin.task != task:
        raise Refused(f"{model.model_id} answers {model.origin.task}, not {task}")
    today = features_id(task)
    if model.origin.features_id != today:
        made = model.origin.features_id or "a table given by hand"
        raise Refused(
            f"{model.model_id} was trained on features of {made}, and today's are of {today}",
            hint=f"vitrine market train {task}, then vitrine market promote {task}",
        )


def scored(market: "Market", task: str, model_id: str) -> dict[date, pa.Table]:
    """All scores of a model kept so far (schema `Score`), by reference date."""
    files = sorted((market.data / "scores" / task).glob(f"reference_date=*/{model_id}.parquet"))
    return {date.fromisoformat(path.parent.name.partition("=")[2]): _read(path) for path in files}


def latest_rows(market: "Market", model: Model) -> tuple[date, pa.Table]:
    """The features of those who are scored at the last reference date."""
    at = _latest(market)
    return at, to_score(market.features, model.origin.task, at=at, horizon_days=model.origin.horizon_days)


def _read(path: Path) -> pa.Table:
    return pq.read_table(path, partitioning=None)


def _scores(model: Model, rows: pa.Table, entity: str, at: date) -> pa.Table:
    if not rows.num_rows:
        return to_table(Score, [])
    probability = model.probability(rows)
    why = reasons(model, rows)
    moment = now()
    keys, sellers = rows.column(entity).to_pylist(), rows.column("seller_id").to_pylist()
    found: Sequence[Score] = [
        Score(
            task=model.origin.task,
            entity=key,
            reference_date=at,
            model_id=model.model_id,
            seller_id=seller,
            score=round(float(p), 6),
            reasons=json.dumps([reason.as_dict() for reason in of_row], ensure_ascii=False),
            scored_at=moment,
        )
        for key, seller, p, of_row in zip(keys, sellers, probability, why, strict=True)
    ]
    table = to_table(Score, found)
    order = pc.sort_indices(table, sort_keys=[("score", "descending"), ("entity", "ascending")])
    return table.take(order)


def _latest(market: "Market") -> date:
    found: date = market.features.read(columns=["reference_date"]).column("reference_date")[-1].as_py()
    return found


def _keep(market: "Market", table: pa.Table, task: str, at: date, model_id: str) -> Path:
    """Write the Parquet file whole, then the catalog's rows; a stop between the two is mended by the next run."""
    path = _path(market, task, at, model_id)
    with whole(path, hint=_AGAIN) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    _enter(market, table, task, at, model_id)
    return path


def _path(market: "Market", task: str, at: date, model_id: str) -> Path:
    return market.data / "scores" / task / f"reference_date={at.isoformat()}" / f"{model_id}.parquet"


def _enter(market: "Market", table: pa.Table, task: str, at: date, model_id: str) -> None:
    """Replace what this model said of this date: who left the population since must not stay."""
    own = schema.scores.c
    old = (own.task == task) & (own.reference_date == at) & (own.model_id == model_id)
    with market.catalog.transaction() as connection:
        connection.execute(sa.delete(schema.scores).where(old))
        market.catalog.put(schema.scores, table.to_pylist(), connection=connection)
