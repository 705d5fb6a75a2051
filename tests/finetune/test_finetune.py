"""`vitrine finetune` on a drawn catalog with a network of 32 × 32 pixels: from labels to the embedder in use."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")

import torch

from vitrine import config
from vitrine.cli.main import app
from vitrine.embed.embeddings import Embeddings
from vitrine.errors import InputError, Refused
from vitrine.finetune.augment import Augmentation
from vitrine.finetune.card import load_card
from vitrine.finetune.examples import MISSING, examples, hold_out
from vitrine.finetune.job import Prepared, finish, prepare
from vitrine.finetune.recipe import FAMILY, Metric, Recipe, Stage
from vitrine.finetune.study import search
from vitrine.finetune.use import use_network
from vitrine.jobs import run_training
from vitrine.stores import schema
from vitrine.training.loop import Training
from vitrine.workspace import Workspace
from vitrine.workspace import open as open_workspace

SMALL = Recipe(stages=(Stage(1, 0), Stage(2, 3), Stage(1, None)), size=32, batch=32, views=2)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def workspace(catalog_folder: Path, tmp_path: Path) -> Workspace:
    return Workspace(Path(shutil.copytree(catalog_folder, tmp_path / "workspace")))


def prepared(workspace: Workspace, recipe: Recipe = SMALL) -> Prepared:
    return prepare(workspace, workspace.freeze(), "scratch", recipe)


def run(*arguments: str, folder: Path) -> dict[str, Any]:
    """What the command reports; a VitrineError is raised as it is."""
    result = CliRunner().invoke(app, ["finetune", *arguments, "--workspace", str(folder), "--json"])
    if result.exception is not None:
        raise result.exception
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_only_the_train_part_is_learnt_from_and_whole_families_are_held_out(workspace: Workspace) -> None:
    dataset = workspace.freeze()
    rows, _ = examples(dataset, workspace.taxonomy, min_rows=5)
    part_of = dict(zip(dataset.skus, dataset.parts, strict=True))
    assert {part_of[sku] for sku in rows.sku} == {"train"}
    learning, judging = hold_out(rows, seed=0)
    assert not set(rows.family[learning]) & set(rows.family[judging])
    assert sorted([*learning, *judging]) == list(range(len(rows)))


def test_not_applicable_is_a_value_and_an_unknown_label_is_missing(workspace: Workspace) -> None:
    dataset = workspace.freeze()
    rows, _ = examples(dataset, workspace.taxonomy, min_rows=5)
    column = list(rows.values).index("heel_covering")
    labels = dict(zip(dataset.skus, dataset.strings("heel_covering"), strict=True))
    told = {name: [labels[s] for s, t in zip(rows.sku, rows.targets[:, column], strict=True) if t == place]
            for place, name in enumerate(rows.values["heel_covering"])}  # fmt: skip
    assert set(told["not applicable"]) == {"not applicable"} and len(told["not applicable"]) >= 5
    missing = {labels[s] for s, t in zip(rows.sku, rows.targets[:, column], strict=True) if t == MISSING}
    assert not missing & set(rows.values["heel_covering"])


def test_the_command_ends_with_an_embedder_that_train_uses(workspace: Workspace) -> None:
    options = ["--from", "scratch", "--size", "32", "--stage", "1:0", "--stage", "1:all", "--batch", "32", "--use"]
    report = run(*options, folder=workspace.folder)
    opened = open_workspace(workspace.folder)
    assert opened.settings.embedder.model == f".vitrine/networks/{report['sha256']}.onnx"
    assert opened.settings.embedder.sha256 == report["sha256"]
    assert report["proof"]["cosine"] > 0.9999
    assert 0 < report["bytes"] < 8_000_000
    trained = run_training(
        opened, attributes=["category", "heel_covering"], on_embed=lambda *_: None, on_train=lambda *_: None
    )
    assert trained["champion"]
    vectors = Embeddings(opened.data / "embeddings", opened.embedding_id, opened.embedder.dim)
    assert len(vectors) > 100 and opened.embedder.dim > 1280
    page = Path(report["report"]).read_text(encoding="utf-8")
    assert page.count("<svg") == 3 and "heel_covering" in page and "<script" not in page


def test_the_same_photo_gives_the_same_vector_in_torch_and_in_the_workspace(workspace: Workspace) -> None:
    made = prepared(workspace)
    fitted = made.fit(SMALL, on_epoch=lambda training: None)
    report = finish(made, SMALL, fitted, use=True)
    opened = open_workspace(workspace.folder)
    photo_id = made.rows.photo_ids[3]
    vector = opened.embedder.embed([opened.pixels(photo_id)])[0]
    block = next(block for block in opened.embedder.blocks if block.name.endswith("embedding"))
    with torch.no_grad():
        backbone = fitted.network.backbone
        picture = torch.from_numpy(made.pixels[[3]].copy()).permute(0, 3, 1, 2).float()
        wanted = backbone(backbone.normalize(picture)).numpy()[0]
    ours = vector[block.start : block.stop]
    cosine = float(ours @ wanted / np.linalg.norm(ours) / np.linalg.norm(wanted))
    assert cosine > (0.999 if opened.settings.embedder.precision == "f32" else 0.99)
    assert load_card(report["sha256"], opened.data / "networks") is not None


@pytest.mark.parametrize("epochs", [1, 3])
def test_interrupted_after_any_epoch_the_same_call_ends_with_the_same_network(
    workspace: Workspace, epochs: int
) -> None:
    """Also where the kept views were lost: they are drawn again as they were. (`test_loop.py` kills with signal 9.)"""
    made = prepared(workspace)
    straight = made.fit(SMALL, on_epoch=lambda training: None)
    shutil.rmtree(made.folder(SMALL))

    def interrupt(training: Training) -> None:
        if len(training.history) == epochs:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.fit(SMALL, on_epoch=interrupt)
    for kept in made.folder(SMALL).glob("base-*"):
        kept.unlink()
    resumed = prepared(Workspace(workspace.folder)).fit(SMALL, on_epoch=lambda training: None)
    assert [epoch.loss for epoch in resumed.training.history] == [epoch.loss for epoch in straight.training.history]
    weights = straight.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in resumed.network.state_dict().items())
    assert not list(made.folder(SMALL).glob("base-*"))


def test_a_network_is_refused_where_a_product_it_learnt_from_stands_in_test(workspace: Workspace) -> None:
    made = prepared(workspace)
    finish(made, SMALL, made.fit(SMALL, on_epoch=lambda training: None), use=True)
    opened = open_workspace(workspace.folder)
    members = schema.members
    family = sa.select(members.c.family_id).where(members.c.sku == made.rows.sku[0]).scalar_subquery()
    with opened.catalog.transaction() as connection:  # as after a restart with another salt
        connection.execute(members.update().values(part="test").where(members.c.family_id == family))
    with pytest.raises(Refused, match="has learnt from"):
        run_training(opened, attributes=None, on_embed=lambda *_: None, on_train=lambda *_: None)


@pytest.mark.parametrize(
    "changed",
    [
        {"metric": Metric("contrastive", FAMILY)},
        {"metric": Metric("proxy", "category")},
        {"metric": Metric("proxy", FAMILY), "views": 0},
        {"keep": 1.0, "balanced": True, "views": 0},
        {"augmentation": Augmentation(mixup=0.2, cutmix=1.0, operations=2), "optimizer": "sgd", "schedule": "plateau"},
        {"bf16": True, "accumulate": 2, "optimizer": "adamax"},
        {"optimizer": "rmsprop", "rate": 1e-4},
        {"optimizer": "nadam"},
    ],
    ids=str,
)
def test_every_way_to_learn_lowers_the_loss(workspace: Workspace, changed: dict[str, object]) -> None:
    recipe = replace(SMALL, stages=(Stage(2, 0), Stage(3, 2)), **changed)
    training = prepared(workspace, recipe).fit(recipe, on_epoch=lambda training: None).training
    losses = [epoch.loss for epoch in training.history]
    assert min(losses[2:]) < losses[0]
    assert "recall@1.fine" in training.history[-1].figures


def test_a_search_tries_the_given_recipe_first_prunes_and_adds_nothing_when_called_again(workspace: Workspace) -> None:
    recipe = replace(SMALL, stages=(Stage(4, 0),))
    made = prepared(workspace, recipe)
    found = search(made, recipe, trials=7)
    assert found.trials == 7
    first = made.fit(recipe, on_epoch=lambda training: None).training.best
    assert first is not None and found.score >= first.score
    began = time.perf_counter()
    again = search(made, recipe, trials=7)
    assert again == found and time.perf_counter() - began < 2
    best = made.fit(found.recipe, on_epoch=lambda training: None).training.best
    assert best is not None and best.score == found.score


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from", "scratch", "--size", "33"], "32 divides"),
        (["--from", "nothing.npz"], "do not exist"),
        (["--from", "scratch", "--stage", "two"], "EPOCHS:BLOCKS"),
        (["--from", "scratch", "--stage", "2:all", "--stage", "2:1", "--size", "32"], "freezes blocks"),
        (["--from", "scratch", "--optimizer", "lion"], "adamw"),
        (["--from", "scratch", "--metric", "triplet"], "contrastive, proxy"),
        (["--from", "scratch", "--attribute", "hat"], "not in the taxonomy"),
    ],
)
def test_wrong_use_names_the_mistake_and_a_way_out(workspace: Workspace, options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        run(*options, folder=workspace.folder)
    assert raised.value.exit_status == 2


def test_a_metric_over_an_attribute_that_is_not_learnt_is_refused(workspace: Workspace) -> None:
    recipe = replace(SMALL, metric=Metric("proxy", "season"))
    with pytest.raises(InputError, match="'season'"):
        prepared(workspace, recipe).fit(recipe, on_epoch=lambda training: None)


def test_using_a_network_keeps_every_other_line_of_the_settings(workspace: Workspace) -> None:
    path = workspace.folder / "vitrine.toml"
    text = path.read_text(encoding="utf-8")
    mine = "[embedder]\nmirror = true  # mine\nsize = 96\nmean = [1.0, 2.0, 3.0]\n"
    path.write_text(text.replace("[embedder]\n", mine), encoding="utf-8")
    use_network(workspace.folder, {"model": "a.onnx", "sha256": "0" * 64, "output": "embedding", "precision": "f32"})
    after = path.read_text(encoding="utf-8")
    settings = config.load(workspace.folder).embedder
    assert (settings.model, settings.size, settings.mean, settings.mirror) == ("a.onnx", None, None, True)
    assert "# mine" in after and [line for line in text.splitlines() if line not in after] == []
