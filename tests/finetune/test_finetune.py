"""`vitrine finetune` on a drawn catalog with a network of 32 × 32 pixels: from labels to the embedder in use."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")
pytest.importorskip("onnxscript", reason="the extra 'train' is not installed: make test EXTRAS=train")

import torch

from vitrine import config
from vitrine.cli.main import app
from vitrine.embed.embeddings import Embeddings
from vitrine.embed.weights import file_sha256
from vitrine.errors import InputError, Refused
from vitrine.finetune.card import Card, load_card, save_card
from vitrine.finetune.export import export
from vitrine.finetune.job import Prepared, finish, prepare
from vitrine.finetune.mobilenet_v2 import MobileNetV2
from vitrine.finetune.recipe import Recipe, Stage
from vitrine.finetune.use import use_network
from vitrine.jobs import run_training
from vitrine.stores import schema
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


def test_the_command_ends_with_an_embedder_that_train_uses(workspace: Workspace) -> None:
    options = ["--from", "scratch", "--size", "32", "--stage", "1:0", "--stage", "1:all", "--batch", "32", "--use"]
    report = run(*options, folder=workspace.folder)
    opened = open_workspace(workspace.folder)
    assert opened.settings.embedder.model == f".vitrine/networks/{report['sha256']}.onnx"
    assert opened.settings.embedder.sha256 == report["sha256"]
    assert report["proof"]["cosine"] > 0.999
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
    fitted = made.fit(SMALL)
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


@pytest.mark.slow
def test_a_network_is_refused_where_a_product_it_learnt_from_stands_in_test(workspace: Workspace) -> None:
    made = prepared(workspace)
    finish(made, SMALL, made.fit(SMALL), use=True)
    opened = open_workspace(workspace.folder)
    members = schema.members
    family = sa.select(members.c.family_id).where(members.c.sku == made.rows.sku[0]).scalar_subquery()
    with opened.catalog.transaction() as connection:  # as after a restart with another salt
        connection.execute(members.update().values(part="test").where(members.c.family_id == family))
    with pytest.raises(Refused, match="has learnt from"):
        run_training(opened, attributes=None, on_embed=lambda *_: None, on_train=lambda *_: None)


def test_a_network_that_goes_on_from_another_remembers_what_that_one_learnt_from(workspace: Workspace) -> None:
    torch.manual_seed(0)
    networks = workspace.data / "networks"
    networks.mkdir()
    export(MobileNetV2(size=32, normalized=False).eval(), networks / "first.onnx")
    dataset = workspace.freeze()
    known = {"sha256": file_sha256(networks / "first.onnx"), "run_id": "ft-first", "start": "scratch", "start_sha256": "0",
             "dataset_id": dataset.dataset_id, "taxonomy_id": "t", "attributes": {}, "recipe": {}, "epoch": 1, "epochs": 1,
             "score": 0.5, "figures": {}, "proof": {}, "photos": 1, "judged": 1, "made_at": "2026-01-01"}  # fmt: skip
    save_card(Card(**known, skus=("discontinued",)), networks)
    made = prepare(workspace, dataset, str(networks / "first.onnx"), SMALL)
    report = finish(made, SMALL, made.fit(SMALL), use=False)
    card = load_card(report["sha256"], networks)
    assert card is not None and set(card.skus) == {"discontinued", *made.rows.sku}
    assert report["embedder"]["output"] == "embedding,depth-2,depth-4,depth-8"

    judged = next(sku for sku, part in zip(dataset.skus, dataset.parts, strict=True) if part == "test")
    save_card(Card(**known, skus=(judged,)), networks)
    with pytest.raises(Refused, match=f"the first is {judged}"):
        prepare(workspace, dataset, str(networks / "first.onnx"), SMALL)


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
        (["--from", "scratch", "--metric", "proxy", "--mixup", "0.2"], "belongs to no group"),
    ],
)
def test_wrong_use_names_the_mistake_and_a_way_out(workspace: Workspace, options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        run(*options, folder=workspace.folder)
    assert raised.value.exit_status == 2


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
