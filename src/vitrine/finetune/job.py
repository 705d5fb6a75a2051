"""Fine-tune inside a workspace: examples, training, export, card, MLflow, and the embedder's settings."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrine.embed.build import propose_network
from vitrine.embed.describe import describe
from vitrine.embed.weights import file_sha256
from vitrine.finetune.backbone import EMBEDDING
from vitrine.finetune.card import Card, check_unseen, load_card, save_card
from vitrine.finetune.examples import Examples, examples
from vitrine.finetune.export import export, prove
from vitrine.finetune.fit import Fitted, fit
from vitrine.finetune.pixels import Pixels, keep_pixels
from vitrine.finetune.recipe import Recipe
from vitrine.finetune.report import write_report
from vitrine.finetune.start import Start, open_start
from vitrine.finetune.use import use_network
from vitrine.intake.ingest import blob_key
from vitrine.intake.photo import read_photo
from vitrine.learn.dataset import Dataset
from vitrine.records import now
from vitrine.training.loop import Training

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

Progress = Callable[[int, int], None]

_PROVEN_ON = 16


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a training needs; `run_id` follows from it, so the same call finds the same training again."""

    workspace: "Workspace"
    dataset: Dataset
    start: str
    start_sha256: str
    rows: Examples
    pixels: Pixels
    left_out: dict[str, str]

    def identity(self, recipe: Recipe) -> dict[str, Any]:
        """What decides the outcome of a training, as plain values."""
        return {
            "dataset": self.dataset.dataset_id,
            "attributes": {name: list(values) for name, values in self.rows.values.items()},
            "cleaning": self.workspace.cleaning.contract_id,
            "start": self.start_sha256,
            "recipe": json.loads(json.dumps(recipe.as_dict())),
        }

    def run_id(self, recipe: Recipe) -> str:
        """`ft-` and a hash of the identity."""
        text = json.dumps(self.identity(recipe), sort_keys=True, ensure_ascii=False)
        return f"ft-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def folder(self, recipe: Recipe) -> Path:
        """Where the training keeps its checkpoints."""
        return self.workspace.data / "finetune" / self.run_id(recipe)

    def open(self, recipe: Recipe) -> Start:
        """The network before fine-tuning, as fresh as it came."""
        return open_start(self.start, size=recipe.size, seed=recipe.seed)

    def fit(
        self,
        recipe: Recipe,
        *,
        on_epoch: Callable[[Training], object] = lambda training: None,
        on_photos: Progress = lambda done, total: None,
    ) -> Fitted:
        """Train by a recipe, or continue."""
        return fit(
            self.open(recipe), self.rows, self.pixels, recipe, self.folder(recipe), identity=self.identity(recipe),
            on_epoch=on_epoch, on_photos=on_photos,
        )  # fmt: skip


def prepare(
    workspace: "Workspace",
    dataset: Dataset,
    start: str,
    recipe: Recipe,
    *,
    attributes: Sequence[str] | None = None,
    on_photos: Progress = lambda done, total: None,
) -> Prepared:
    """Open the start and decode the photos of the train part; nothing else of the data set is looked at.

    Refused where the start was made here and has learnt from products of the other parts.
    """
    opened = open_start(start, size=recipe.size, seed=recipe.seed)
    check_unseen(dataset, opened.sha256, workspace.data / "networks")
    side = opened.backbone.size
    min_rows = workspace.settings.learn.min_rows
    rows, left_out = examples(dataset, workspace.taxonomy, min_rows=min_rows, attributes=attributes)

    def load(photo_id: str) -> Pixels:
        cleaned = workspace.photos.get(blob_key(photo_id, workspace.cleaning))
        return np.asarray(read_photo(cleaned, at_least=side).image)

    pixels = keep_pixels(
        rows.photo_ids, load, side=side, cleaning_id=workspace.cleaning.contract_id,
        folder=workspace.data / "finetune", on_progress=on_photos,
    )  # fmt: skip
    return Prepared(workspace, dataset, start, opened.sha256, rows, pixels, left_out)


def finish(prepared: Prepared, recipe: Recipe, fitted: Fitted, *, use: bool) -> dict[str, Any]:
    """Export the network, prove the file, write card and page, log to MLflow; with `use` make it the embedder."""
    workspace, history = prepared.workspace, fitted.training.history
    networks = workspace.data / "networks"
    written = prepared.folder(recipe) / "network.onnx"
    export(fitted.network.backbone, written)
    some = np.linspace(0, len(prepared.pixels) - 1, min(_PROVEN_ON, len(prepared.pixels))).astype(np.intp)
    proof = prove(fitted.network.backbone, written, prepared.pixels[some])
    sha256 = file_sha256(written)
    path = networks / f"{sha256}.onnx"
    networks.mkdir(parents=True, exist_ok=True)
    written.replace(path)
    card = _card(prepared, recipe, fitted, sha256, asdict(proof))
    save_card(card, networks)
    settings = embedder_settings(path, workspace.folder)
    if use:
        use_network(workspace.folder, settings)
    report: dict[str, Any] = {
        **{name: value for name, value in asdict(card).items() if name != "skus"},
        "products": len(card.skus),
        "network": str(path),
        "bytes": path.stat().st_size,
        "embedder": settings,
        "used": use,
        "left_out": prepared.left_out,
        "history": [asdict(epoch) for epoch in history],
        "finished": fitted.training.finished,
    }
    report["report"] = str(write_report(report, workspace.report_path(f"finetune-{card.run_id}")))
    workspace.tracker.log(
        f"finetune {sha256[:12]}",
        parameters={"start": card.start, "dataset": card.dataset_id, "run": card.run_id, **card.recipe},
        metrics=_metrics({"score": card.score, **card.figures}),
        history=[_metrics({"loss": one.loss, "epoch_score": one.score, "rate": one.rate}) for one in history],
    )
    return report


def embedder_settings(path: Path, folder: Path) -> dict[str, Any]:
    """The [embedder] settings of a network made here: its embedding, and what `describe` proposes beside a pooled vector."""
    outputs = describe(path).outputs
    read = outputs if EMBEDDING in outputs else (EMBEDDING,)
    proposed = propose_network(path)
    return {**proposed, "model": str(path.relative_to(folder)), "output": ",".join(read)}


def _card(prepared: Prepared, recipe: Recipe, fitted: Fitted, sha256: str, proof: dict[str, float]) -> Card:
    begun = load_card(prepared.start_sha256, prepared.workspace.data / "networks")
    best = fitted.training.best
    assert best is not None  # a training has at least one epoch
    return Card(
        sha256=sha256,
        run_id=prepared.run_id(recipe),
        start=prepared.start,
        start_sha256=prepared.start_sha256,
        dataset_id=prepared.dataset.dataset_id,
        taxonomy_id=prepared.dataset.taxonomy_id,
        attributes={name: len(values) for name, values in prepared.rows.values.items()},
        recipe=recipe.as_dict(),
        epoch=best.epoch,
        epochs=len(fitted.training.history),
        score=best.score,
        figures=dict(best.figures),
        proof=proof,
        photos=len(prepared.rows.photo_ids),
        judged=fitted.judged,
        skus=tuple(sorted({*prepared.rows.sku, *(begun.skus if begun else ())})),
        made_at=now().isoformat(),
    )


def _metrics(figures: Mapping[str, float]) -> dict[str, float]:
    """MLflow allows only some characters in a metric's name."""

    def allowed(name: str) -> str:
        return "".join(c if c.isascii() and (c.isalnum() or c in "_-. /") else "_" for c in name)

    return {allowed(name): value for name, value in figures.items()}
