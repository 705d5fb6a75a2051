"""Train, evaluate, promote and roll back inside a workspace: the stages joined with the stores and MLflow."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from vitrine.desk.change_taxonomy import history
from vitrine.desk.journal import DECIDED
from vitrine.errors import NotFound, Refused
from vitrine.finetune.card import check_unseen
from vitrine.intake.labels import current_decisions
from vitrine.intake.retell import tell_answers
from vitrine.learn.certify import Certificate
from vitrine.learn.evaluate import evaluate
from vitrine.learn.leak_tax import leak_tax
from vitrine.learn.promote import Comparison, Unanswered, champion_of, compare, promote, roll_back
from vitrine.learn.train import Trained, train
from vitrine.records import PHOTOS
from vitrine.stores import schema
from vitrine.stores.whole import whole

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

Progress = Callable[[int, int], None]
_REGISTERED = "vitrine"


def run_training(
    workspace: "Workspace", *, attributes: Sequence[str] | None, on_embed: Progress, on_train: Progress
) -> dict[str, Any]:
    """Freeze, embed, train, certify, keep, log; the first model becomes the champion. Returns the report.

    With `attributes` only those are learnt; the others keep the champion's heads.
    """
    from vitrine.tracking import CHALLENGER, CHAMPION

    dataset = workspace.freeze()
    check_unseen(dataset, workspace.settings.embedder.sha256, workspace.data / "networks")
    take = workspace.take(dataset, on_progress=on_embed)
    trained = train(
        dataset,
        workspace.taxonomy,
        take,
        embedder_id=workspace.embedding_id,
        blocks=[(block.start, block.stop) for block in workspace.embedder.blocks],
        settings=workspace.settings.learn,
        attributes=attributes,
        basis=workspace.basis() if attributes else None,
        on_progress=on_train,
    )
    model = trained.model
    folder = workspace.save_model(model, trained.learnt)
    run_id = workspace.tracker.log(
        f"train {model.model_id}",
        parameters={
            "dataset": model.dataset_id,
            "embedder": model.embedder_id,
            **workspace.settings.learn.model_dump(),
        },
        metrics=_training_metrics(trained),
        folder=folder,
    )
    first = champion_of(workspace.catalog) is None
    alias = CHAMPION if first else CHALLENGER
    workspace.tracker.register(_REGISTERED, run_id, alias=alias, tags={"model_id": model.model_id})
    if first:
        promote(workspace.catalog, model.model_id, None)
    return _training_report(trained, champion=first or champion_of(workspace.catalog) == model.model_id)


def run_evaluation(workspace: "Workspace", model_id: str | None, *, on_progress: Progress) -> dict[str, Any]:
    """Evaluate a model (the one trained last by default), keep its answers, scorecard and report; returns the scorecard."""
    from vitrine.learn.report.write import write_report

    model = workspace.model(model_id or workspace.newest_model())
    dataset = workspace.dataset(model.dataset_id)
    take = workspace.take(dataset, on_progress=on_progress)
    tax = leak_tax(model, dataset, take, workspace.settings.learn)
    uses = workspace.count_test_use(model)
    evaluation = evaluate(model, dataset, take, test_uses=uses, leak_tax=tax)
    scorecard = evaluation.scorecard
    again = "free some space and run vitrine evaluate again"
    with whole(workspace.evaluation_path(model.model_id, "parquet"), hint=again) as temporary:
        pq.write_table(evaluation.rows, temporary)
    with whole(workspace.evaluation_path(model.model_id, "json"), hint=again) as temporary:
        text = json.dumps(scorecard, ensure_ascii=False, indent=1, default=float)
        temporary.write_text(text, encoding="utf-8")
    write_report(workspace, scorecard, evaluation.rows, workspace.report_path(f"scorecard-{model.model_id}"))
    workspace.tracker.log(
        f"evaluate {model.model_id}",
        parameters={"model": model.model_id, "dataset": dataset.dataset_id, "test_uses": uses},
        metrics=_test_metrics(scorecard),
    )
    return scorecard


def run_promotion(workspace: "Workspace", model_id: str | None) -> dict[str, Any]:
    """Promote a model (the one trained last by default) if it is proven better on the champion's test rows.

    The champion is evaluated on the challenger's test part where it was not yet. Raises Refused without proof.
    """
    from vitrine.tracking import CHAMPION

    challenger = model_id or workspace.newest_model()
    champion = champion_of(workspace.catalog)
    comparison = None
    if champion is not None and champion != challenger:
        comparison = _compare(workspace, challenger, champion)
    entry = promote(workspace.catalog, challenger, comparison)
    workspace.tracker.point(_REGISTERED, CHAMPION, "model_id", challenger)
    return asdict(entry)


def run_retraining(
    workspace: "Workspace", *, attributes: Sequence[str] | None, if_new: int, on_embed: Progress, on_train: Progress
) -> dict[str, Any]:
    """Learn from what was said since the last model, evaluate, and promote if that is proven; returns what happened.

    With fewer than `if_new` new labels nothing is done. A challenger that proves nothing is kept and the champion stays;
    the report says why (`refused`). Labels are what people and tables say: what a machine published is never among them.
    """
    new = new_labels(workspace)
    report: dict[str, Any] = {"new_labels": new, "trained": None, "promoted": False, "refused": None}
    if new < if_new:
        return report
    trained = run_training(workspace, attributes=attributes, on_embed=on_embed, on_train=on_train)
    report |= {"trained": trained, "promoted": trained["champion"]}
    report["evaluation"] = run_evaluation(workspace, trained["model"], on_progress=on_embed)
    if not trained["champion"]:
        try:
            report["promotion"] = run_promotion(workspace, trained["model"])
            report["promoted"] = True
        except Refused as refused:
            report["refused"] = refused.message
    return report


def new_labels(workspace: "Workspace") -> int:
    """How many labels came in, from tables and people, since the newest model was made; all of them without one."""
    models, labels = schema.models, schema.labels
    made = workspace.catalog.read(
        sa.select(sa.func.max(models.c.created_at, type_=models.c.created_at.type).label("at")).where(
            models.c.line == PHOTOS
        )
    )
    since = made.column("at").to_pylist()[0]
    entered = current_decisions().where(schema.decisions.c.outcome == DECIDED)
    told = sa.select(labels.c.sku)
    if since is not None:
        entered = entered.where(schema.decisions.c.decided_at > since)
        told = told.where(labels.c.recorded_at > since)
    return workspace.catalog.count(entered) + workspace.catalog.count(told)


def run_rollback(workspace: "Workspace") -> dict[str, Any]:
    """Go back to the champion before."""
    from vitrine.tracking import CHAMPION

    entry = roll_back(workspace.catalog)
    workspace.tracker.point(_REGISTERED, CHAMPION, "model_id", entry.model_id)
    return asdict(entry)


def _compare(workspace: "Workspace", challenger: str, champion: str) -> Comparison | Unanswered:
    """Both on common test answers; a champion of an earlier taxonomy by the answers it gave, told in today's, if any."""
    names = (challenger, champion)
    if workspace.model_record(champion).taxonomy_id == workspace.taxonomy.id:
        return compare(_rows_of(workspace, challenger), _rows_of(workspace, champion), names=names)
    try:
        stored = workspace.evaluation_rows(champion)
    except NotFound:
        return Unanswered(*names)
    told = tell_answers(history(workspace.catalog), stored, workspace.model_record(champion).created_at)
    known = pa.array(list(workspace.taxonomy.attributes))
    told = told.filter(pc.is_in(told["attribute"], known))
    return replace(compare(_rows_of(workspace, challenger), told, names=names), retired=True)


def _rows_of(workspace: "Workspace", model_id: str) -> Any:
    try:
        return workspace.evaluation_rows(model_id)
    except NotFound:
        run_evaluation(workspace, model_id, on_progress=lambda done, total: None)
        return workspace.evaluation_rows(model_id)


def _training_report(trained: Trained, *, champion: bool) -> dict[str, Any]:
    model = trained.model
    attributes = {}
    for name, certificates in model.certificates.items():
        chosen = next(one for one in model.reports[name] if one["chosen"])
        attributes[name] = {
            **chosen,
            "coverage": certificates.own.coverage,
            "certificate": certificates.own.sentence(),
            "coverage_all_together": certificates.together.coverage,
            "tried": model.reports[name],
        }
    sentences = [one.own for one in model.certificates.values()] + ([model.product] if model.product else [])
    return {
        "model": model.model_id,
        "dataset": model.dataset_id,
        "champion": champion,
        "attributes": attributes,
        "certificates": [_certificate(one) for one in sentences],
        "left_out": dict(trained.left_out),
    }


def _certificate(certificate: Certificate) -> dict[str, Any]:
    return {
        "attribute": certificate.attribute,
        "coverage": certificate.coverage,
        "precision": certificate.precision,
        "confidence": certificate.confidence,
        "families": certificate.n_families,
        "labels_needed": certificate.labels_needed,
        "sentence": certificate.sentence(),
    }


def _training_metrics(trained: Trained) -> dict[str, float]:
    metrics = {}
    for name, report in trained.model.reports.items():
        chosen = next(one for one in report if one["chosen"])
        key = _metric_name(name)
        metrics[f"oof_accuracy.{key}"] = chosen["accuracy"]
        metrics[f"oof_macro_f1.{key}"] = chosen["macro_f1"]
        metrics[f"certified_coverage.{key}"] = trained.model.certificates[name].own.coverage
    return metrics


def _test_metrics(scorecard: dict[str, Any]) -> dict[str, float]:
    metrics = {}
    for name, score in scorecard["attributes"].items():
        for figure in ("accuracy", "macro_f1", "coverage", "published_accuracy"):
            if score[figure] is not None:
                metrics[f"test_{figure}.{_metric_name(name)}"] = score[figure]
    return metrics


def _metric_name(attribute: str) -> str:
    """MLflow allows only some characters in a metric's name."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-. /") else "_" for c in attribute)
