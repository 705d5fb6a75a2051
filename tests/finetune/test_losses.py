"""Losses: what is not labelled teaches nothing, and neighbors that are alike cost less."""

import pytest

pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")

import torch

from vitrine.finetune.examples import MISSING
from vitrine.finetune.losses import ProxyAnchor, attribute_loss, contrastive_loss, distance


def test_a_row_without_a_label_changes_neither_loss_nor_gradient() -> None:
    torch.manual_seed(0)
    logits = torch.randn(5, 3, requires_grad=True)
    targets = torch.tensor([[0], [1], [MISSING], [2], [MISSING]])
    loss = attribute_loss([logits], targets, smoothing=0.1)
    (gradient,) = torch.autograd.grad(loss, logits)
    labelled = attribute_loss([logits[[0, 1, 3]]], targets[[0, 1, 3]], smoothing=0.1)
    assert torch.isclose(loss, labelled)
    assert (gradient[[2, 4]] == 0).all() and (gradient[[0, 1, 3]] != 0).all()


def test_an_attribute_with_one_label_weighs_as_much_as_one_with_many() -> None:
    logits = [torch.tensor([[2.0, 0.0]] * 4), torch.tensor([[2.0, 0.0]] * 4)]
    targets = torch.tensor([[0, 1], [0, MISSING], [0, MISSING], [0, MISSING]])
    first = attribute_loss(logits[:1], targets[:, :1], smoothing=0.0)
    second = attribute_loss(logits[1:], targets[:1, 1:].expand(4, 1), smoothing=0.0)
    assert torch.isclose(attribute_loss(logits, targets, smoothing=0.0), (first + second) / 2)


def test_a_batch_without_any_label_teaches_nothing() -> None:
    logits = torch.randn(3, 4, requires_grad=True)
    loss = attribute_loss([logits], torch.full((3, 1), MISSING), smoothing=0.1)
    loss.backward()
    assert loss == 0 and (logits.grad == 0).all()


@pytest.mark.parametrize("objective", ["contrastive", "proxy"])
def test_groups_come_together_and_apart_from_others(objective: str) -> None:
    torch.manual_seed(0)
    embeddings = torch.randn(40, 8, requires_grad=True)
    groups = torch.arange(40) % 4
    groups[36:] = MISSING
    proxy = ProxyAnchor(4, 8)
    learnt = [embeddings, *proxy.parameters()]
    optimizer = torch.optim.Adam(learnt, lr=0.05)
    lonely = embeddings.detach()[36:].clone()
    for _ in range(300):
        optimizer.zero_grad()
        loss = proxy(embeddings, groups) if objective == "proxy" else contrastive_loss(embeddings[:36], groups[:36])
        loss.backward()
        optimizer.step()
    unit = torch.nn.functional.normalize(embeddings.detach()[:36], dim=1)
    alike = unit @ unit.T
    same = groups[:36, None] == groups[None, :36]
    assert float(alike[same].mean()) > 0.7 > 0.2 > float(alike[~same].mean())
    assert torch.equal(embeddings.detach()[36:], lonely)


def test_a_batch_in_which_nobody_is_alike_has_no_loss() -> None:
    embeddings = torch.randn(3, 4, requires_grad=True)
    loss = contrastive_loss(embeddings, torch.tensor([0, 1, MISSING]))
    loss.backward()
    assert loss == 0 and torch.isfinite(embeddings.grad).all()


def test_the_distance_to_a_teacher_is_none_for_the_same_direction() -> None:
    taught = torch.randn(6, 5)
    assert float(distance(3 * taught, taught)) == pytest.approx(0, abs=1e-6)
    assert float(distance(-taught, taught)) == pytest.approx(2, abs=1e-6)
