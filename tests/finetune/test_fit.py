"""Learning from a drawn catalog with a network of 32 × 32 pixels: what it sees, every objective, interruptions, a search."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")

import torch

from vitrine.errors import InputError, Refused
from vitrine.finetune.augment import Augmentation
from vitrine.finetune.examples import MISSING, examples, hold_out
from vitrine.finetune.job import Prepared, prepare
from vitrine.finetune.recipe import FAMILY, Metric, Recipe, Stage
from vitrine.finetune.study import search
from vitrine.training.loop import Training
from vitrine.workspace import Workspace

SMALL = Recipe(stages=(Stage(1, 0), Stage(2, 3), Stage(1, None)), size=32, batch=32, views=2)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def workspace(catalog_folder: Path, tmp_path: Path) -> Workspace:
    return Workspace(Path(shutil.copytree(catalog_folder, tmp_path / "workspace")))


def prepared(workspace: Workspace, recipe: Recipe = SMALL) -> Prepared:
    return prepare(workspace, workspace.freeze(), "scratch", recipe)


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


@pytest.mark.parametrize("epochs", [1, 3])
def test_interrupted_after_any_epoch_the_same_call_ends_with_the_same_network(
    workspace: Workspace, epochs: int
) -> None:
    """Also where the kept views were lost: they are drawn again as they were. (`test_loop.py` kills with signal 9.)"""
    made = prepared(workspace)
    straight = made.fit(SMALL)
    shutil.rmtree(made.folder(SMALL))

    def interrupt(training: Training) -> None:
        if len(training.history) == epochs:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.fit(SMALL, on_epoch=interrupt)
    for kept in made.folder(SMALL).glob("base-*"):
        kept.unlink()
    resumed = prepared(Workspace(workspace.folder)).fit(SMALL)
    assert [epoch.loss for epoch in resumed.training.history] == [epoch.loss for epoch in straight.training.history]
    weights = straight.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in resumed.network.state_dict().items())
    assert not list(made.folder(SMALL).glob("base-*"))


@pytest.mark.parametrize(
    "changed",
    [
        {"metric": Metric("contrastive", FAMILY)},
        {"metric": Metric("proxy", "category")},
        {"metric": Metric("proxy", FAMILY), "views": 0},
        {"keep": 1.0, "balanced": True, "views": 0},
        {"augmentation": Augmentation(mixup=0.2, cutmix=1.0), "optimizer": "sgd", "rate": 0.05, "schedule": "plateau"},
        {"bf16": True, "accumulate": 2, "optimizer": "adamax"},
        {"optimizer": "rmsprop", "rate": 1e-4},
        {"optimizer": "nadam"},
    ],
    ids=str,
)
def test_every_way_to_learn_lowers_the_loss(workspace: Workspace, changed: dict[str, object]) -> None:
    recipe = replace(SMALL, stages=(Stage(2, 0), Stage(3, 2)), **changed)
    training = prepared(workspace, recipe).fit(recipe).training
    losses = [epoch.loss for epoch in training.history]
    assert min(losses[1:]) < losses[0]
    assert "recall@1.fine" in training.history[-1].figures


def test_a_search_tries_the_given_recipe_first_prunes_and_adds_nothing_when_called_again(workspace: Workspace) -> None:
    recipe = replace(SMALL, stages=(Stage(4, 0),))
    made = prepared(workspace, recipe)
    found = search(made, recipe, trials=7)
    assert found.trials == 7
    first = made.fit(recipe).training.best
    assert first is not None and found.score >= first.score
    began = time.perf_counter()
    again = search(made, recipe, trials=7)
    assert again == found and time.perf_counter() - began < 2
    best = made.fit(found.recipe).training.best
    assert best is not None and best.score == found.score


def test_a_metric_over_an_attribute_that_is_not_learnt_is_refused(workspace: Workspace) -> None:
    recipe = replace(SMALL, metric=Metric("proxy", "season"))
    with pytest.raises(InputError, match="'season'"):
        prepared(workspace, recipe).fit(recipe)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_epoch(workspace: Workspace) -> None:
    recipe = replace(SMALL, stages=(Stage(1, 0), Stage(3, None)), rate=1e30, optimizer="sgd")
    made = prepared(workspace, recipe)
    with pytest.raises(Refused, match="the loss is"):
        made.fit(recipe)


def test_progress_counts_every_photo_once_and_ends_at_the_whole(workspace: Workspace) -> None:
    made = prepared(workspace)
    seen: list[tuple[int, int]] = []
    made.fit(SMALL, on_photos=lambda done, total: seen.append((done, total)))
    done, totals = [one[0] for one in seen], {one[1] for one in seen}
    learning, _ = hold_out(made.rows, seed=SMALL.seed)
    # four epochs, one view kept for the heads' stage and two for the next
    assert totals == {(4 + 1 + 2) * len(learning)}
    assert done == sorted(set(done)) and done[-1] == totals.pop()
