"""Train, promote and go back in a market: the stages joined with the catalog and MLflow."""

import json
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from vitrine.errors import NotFound, Refused
from vitrine.learn.promote import Proof, champion_of, promote, roll_back
from vitrine.market.abt import Abt
from vitrine.market.base_table import BaseTable
from vitrine.market.drift import Reference
from vitrine.market.make_abt import PLANS, make_abt
from vitrine.market.model import Model
from vitrine.market.profit import Costs
from vitrine.market.proof import against_chance, compare_auc
from vitrine.market.queries import sql, sql_id
from vitrine.market.segment_jobs import compare_stability
from vitrine.market.tasks import line, task
from vitrine.market.thinned import LABEL, thinned
from vitrine.market.train import Trained, train
from vitrine.records import ModelRecord, now
from vitrine.stores import schema
from vitrine.stores.whole import whole

if TYPE_CHECKING:
    from vitrine.market.home import Market

Progress = Callable[[int, int], None]
_AGAIN = "free some space and run vitrine market train again"


def run_training(
    market: "Market",
    name: str,
    *,
    given: BaseTable | None = None,
    horizon_days: int | None = None,
    costs: Costs,
    trials: int,
    seed: int,
    on_progress: Progress,
) -> dict[str, Any]:
    """Train a task on its base table, made anew from the features, or on a `given` one; keep and log the model.

    The first model of a task that is better than chance becomes its champion, a later one is a challenger. Returns the
    report.
    """
    from vitrine.tracking import CHALLENGER, CHAMPION

    if given is not None:
        abt, rows_as_given, note = given.abt, given.rows_as_given, ""
    else:
        abt = make_abt(market.data / "abt", market.features, task(name).name, horizon_days=horizon_days).abt
        rows_as_given, note = abt, thinned(market.sources.manifest)
    trained = train(
        abt, rows_as_given=rows_as_given, features_id="" if given else features_id(name), costs=costs, trials=trials,
        seed=seed, threads=market.settings.learn.threads, thinned=note, on_progress=on_progress,
    )  # fmt: skip
    folder = _keep(market, trained, abt)
    model = trained.model
    run_id = market.tracker.log(
        f"train {model.model_id}",
        parameters={"task": name, "abt": abt.abt_id, "kind": model.scorer.kind, **model.settings},
        metrics=_metrics(trained.scorecard),
        folder=folder,
    )
    not_promoted = ""
    if champion_of(market.catalog, line=line(name)) is None:
        try:
            promote(market.catalog, model.model_id, against_chance(trained.scorecard), line=line(name))
        except Refused as refused:
            not_promoted = refused.message
    promoted = champion_of(market.catalog, line=line(name)) == model.model_id
    alias = CHAMPION if promoted else CHALLENGER
    market.tracker.register(line(name), run_id, alias=alias, tags={"model_id": model.model_id})
    report = _report(trained, promoted=promoted)
    return report | ({"not_promoted": not_promoted} if not_promoted else {})


def run_promotion(market: "Market", name: str, model_id: str | None) -> dict[str, Any]:
    """Promote a model of the task (the newest by default) if it is proven better than the champion. Raises Refused."""
    from vitrine.tracking import CHAMPION

    challenger = model_id or newest_model(market, name)
    champion = champion_of(market.catalog, line=line(name))
    comparison: Proof | None = None
    if name == "segments":
        comparison = compare_stability(market, challenger, champion) if champion else None
    elif champion is None:
        comparison = against_chance(scorecard(market, challenger))
    elif champion != challenger:
        later = judged_rows(market, challenger)
        keys = [(later.schema.metadata or {})[key].decode() for key in (b"time", b"group")]
        models = [Model.load(market.data / "models", one) for one in (challenger, champion)]
        comparison = compare_auc(models[0], models[1], later, keys=(keys[0], keys[1]))
    entry = promote(market.catalog, challenger, comparison, line=line(name))
    market.tracker.point(line(name), CHAMPION, "model_id", challenger)
    return asdict(entry)


def run_rollback(market: "Market", name: str, *, champion: str | None = None) -> dict[str, Any]:
    """Make the task's champion before the present one champion again; Refused where that is no longer `champion`."""
    from vitrine.tracking import CHAMPION

    if champion not in (None, present := champion_of(market.catalog, line=line(task(name).name))):
        raise Refused(f"{champion} is no longer the champion of {name}: {present} is", hint="vitrine market models")
    entry = roll_back(market.catalog, line=line(task(name).name))
    market.tracker.point(line(name), CHAMPION, "model_id", entry.model_id)
    return asdict(entry)


def champion(market: "Market", name: str) -> Model:
    """The task's champion; NotFound before the first training."""
    found = champion_of(market.catalog, line=line(task(name).name))
    if found is None:
        hint = f"vitrine market train {name} makes the first one, if it is better than chance"
        raise NotFound(f"there is no champion of {name} yet", hint=hint)
    return Model.load(market.data / "models", found)


def task_of(market: "Market", model_id: str) -> str:
    """The task that a model answers; NotFound where the marketplace has no such model."""
    found = [row["line"] for row in models(market) if row["model_id"] == model_id]
    if not found:
        raise NotFound(f"the marketplace has no model {model_id}", hint="vitrine market models lists those there are")
    return str(found[0]).removeprefix(line(""))


def newest_model(market: "Market", name: str) -> str:
    """The task's model trained last; NotFound before the first training."""
    table = schema.models
    query = sa.select(table.c.model_id).where(table.c.line == line(task(name).name))
    found = market.catalog.read(query.order_by(table.c.created_at.desc(), table.c.model_id).limit(1))
    if not found.num_rows:
        raise NotFound(f"there is no model of {name} yet", hint=f"vitrine market train {name} makes one")
    return str(found.column("model_id")[0].as_py())


def models(market: "Market", name: str | None = None) -> list[dict[str, Any]]:
    """All models of the marketplace, or of one task, oldest first: model_id, line, dataset_id (the ABT's), created_at."""
    table = schema.models
    chosen = table.c.line == line(task(name).name) if name else table.c.line.startswith("market-")
    rows: list[dict[str, Any]] = market.catalog.rows(
        sa.select(table).where(chosen).order_by(table.c.line, table.c.created_at)
    )
    return rows


def scorecard(market: "Market", model_id: str) -> dict[str, Any]:
    """The scorecard that training wrote for a model."""
    path = _folder(market, model_id) / "scorecard.json"
    if not path.is_file():
        raise NotFound(f"{model_id} has no scorecard", hint="vitrine market models lists those there are")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def judged_rows(market: "Market", model_id: str) -> pa.Table:
    """The later rows that a model was judged on: key, label, features, `score`; the metadata name time, group and entity."""
    return pq.read_table(_folder(market, model_id) / "later.parquet")


def references(market: "Market", model_id: str) -> dict[str, Reference]:
    """How what a model reads and says was distributed where it learnt; empty for a model of before this was kept."""
    path = _folder(market, model_id) / "references.json"
    if not path.is_file():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {name: Reference.from_json(one) for name, one in kept.items()}


def features_id(name: str) -> str:
    """The identity of the SQL that makes a task's features today."""
    plan = PLANS[name]
    if not plan.query:
        return sql_id()
    text = "".join(sql(one) for one in (plan.query, plan.images) if one)
    return f"sql-{sha256(text.encode()).hexdigest()[:16]}"


def _folder(market: "Market", model_id: str) -> Path:
    return market.data / "models" / model_id


def _keep(market: "Market", trained: Trained, abt: Abt) -> Path:
    model = trained.model
    folder = _folder(market, model.model_id)
    later = trained.later.replace_schema_metadata({"time": abt.time, "group": abt.group, "entity": abt.entity})
    with whole(folder / "later.parquet", hint=_AGAIN) as temporary:
        pq.write_table(later, temporary, compression="zstd")
    with whole(folder / "references.json", hint=_AGAIN) as temporary:
        kept = {name: one.to_json() for name, one in trained.references.items()}
        temporary.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
    with whole(folder / "scorecard.json", hint=_AGAIN) as temporary:
        temporary.write_text(json.dumps(trained.scorecard, indent=1, ensure_ascii=False), encoding="utf-8")
    model.save(market.data / "models")
    record = ModelRecord(model.model_id, model.origin.abt_id, None, None, now(), line(model.origin.task))
    market.catalog.add(schema.models, [record])
    return folder


def _metrics(scorecard: dict[str, Any]) -> dict[str, float]:
    found = {}
    for part in ("test", "later", "later_new_groups"):
        for name in ("auc", "pr_auc", "brier", "log_loss", "precision_top_tenth"):
            value = scorecard[part][name]["mean"]
            if value is not None:
                found[f"{part}_{name}"] = value
    for name, one in scorecard["baselines"].items():
        if one["auc"]["mean"] is not None:
            found[f"baseline_auc.{name}"] = one["auc"]["mean"]
    if scorecard["leak_tax"]["auc"] is not None:
        found["leak_tax_auc"] = scorecard["leak_tax"]["auc"]
    return found


def _report(trained: Trained, *, promoted: bool) -> dict[str, Any]:
    card = trained.scorecard
    report = {
        "task": card["task"],
        "rows": card["rows"],
        "sellers": card["groups"],
        "auc": _figure(card["test"], "auc"),
        "auc_out_of_time": {**_figure(card["later"], "auc"), "from": card["later_from"]},
        "auc_out_of_time_new_sellers": _figure(card["later_new_groups"], "auc"),
        "baselines": {name: _figure(one, "auc") for name, one in card["baselines"].items()},
        "model": card["model"],
        "promoted": promoted,
        "kind": card["kind"],
        "metrics_out_of_time": {name: card["later"][name] for name in ("pr_auc", "brier", "log_loss", "precision_top_tenth")},
        "leak_tax": {
            "claimed": _figure(card["leak_tax"]["careless"], "auc"),
            "claimed_same_months": _figure(card["leak_tax"]["careless_later"], "auc"),
            "auc": card["leak_tax"]["auc"],
        },
        "profit": {name: value for name, value in card["profit"].items() if name != "curve"},
        "parts": card["parts"],
        "suspects": card["suspects"],
    }  # fmt: skip
    if card["thinned"]:
        report["warning"] = f"{LABEL}: {card['thinned']}"
    return report


def _figure(one: dict[str, Any], name: str) -> dict[str, Any]:
    return {**one[name], "n": one["n"]}
