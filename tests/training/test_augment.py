"""Augmentation of a whole batch: each picture by its own draw, the same again for the same generator."""

import pytest

pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")

import torch

from vitrine.training.augment import erase, flip, shift


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def pictures(rows: int = 200) -> torch.Tensor:
    return torch.rand(rows, 1, 9, 9, generator=torch.Generator().manual_seed(1))


def test_flip_mirrors_about_half_and_leaves_the_others() -> None:
    x = pictures()
    y = flip(x, generator())
    kept = (y == x).flatten(1).all(1)
    mirrored = (y == x.flip(-1)).flatten(1).all(1)
    assert bool((kept ^ mirrored).all()) and 70 < int(mirrored.sum()) < 130


def test_shift_moves_each_picture_as_a_whole_and_by_every_distance() -> None:
    x = torch.zeros(200, 1, 9, 9)
    x[:, :, 4, 4] = 1.0
    places = shift(x, generator(), by=2).flatten(1).argmax(1)
    assert {(int(p) // 9 - 4, int(p) % 9 - 4) for p in places} == {(a, b) for a in range(-2, 3) for b in range(-2, 3)}


def test_shift_fills_with_the_rim() -> None:
    x = torch.full((50, 2, 9, 9), 0.7)
    assert torch.equal(shift(x, generator(), by=3), x)


def test_erase_changes_a_share_of_the_pictures_in_one_rectangle_each() -> None:
    x = pictures()
    changed = (erase(x, generator(), share=0.5, largest=0.5) != x)[:, 0]
    touched = changed.flatten(1).any(1)
    assert 60 < int(touched.sum()) < 110  # some rectangles are empty
    for one in changed[touched]:
        rows, columns = one.any(1).nonzero(), one.any(0).nonzero()
        area = (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
        assert int(one.sum()) == int(area)


@pytest.mark.parametrize(
    "change", [flip, lambda x, g: shift(x, g, by=2), lambda x, g: erase(x, g, share=0.5, largest=0.5)]
)
def test_the_same_draws_give_the_same_pictures(change) -> None:
    assert torch.equal(change(pictures(), generator()), change(pictures(), generator()))
