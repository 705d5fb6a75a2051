"""Augmentation: every picture by its own draw, the same seed the same pictures, nothing outside 0..255."""

import pytest

pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrine.finetune.augment import Augmentation, augment
from vitrine.finetune.mix import mix
from vitrine.finetune.rand_augment import OPERATIONS, draw

NOTHING = Augmentation(least_area=1.0, mirror=False, jitter=0.0)


def some_pictures(n: int = 6, side: int = 24) -> torch.Tensor:
    return torch.randint(0, 256, (n, 3, side, side), generator=torch.Generator().manual_seed(3)).float()


def test_without_settings_a_picture_stays_as_it_is() -> None:
    assert torch.equal(augment(some_pictures(), NOTHING), some_pictures())


@settings(max_examples=25, deadline=None)
@given(
    st.builds(
        Augmentation,
        least_area=st.floats(0.1, 1.0),
        mirror=st.booleans(),
        jitter=st.floats(0, 0.5),
        operations=st.integers(0, 3),
        magnitude=st.floats(0, 1),
    ),
    st.integers(0, 1000),
)
def test_any_settings_give_pictures_of_the_same_shape_within_the_range(what: Augmentation, seed: int) -> None:
    torch.manual_seed(seed)
    made = augment(some_pictures(), what)
    torch.manual_seed(seed)
    assert torch.equal(made, augment(some_pictures(), what))
    assert made.shape == (6, 3, 24, 24)
    assert float(made.min()) >= 0 and float(made.max()) <= 255


def test_about_half_of_the_pictures_are_mirrored_and_the_others_untouched() -> None:
    torch.manual_seed(0)
    pictures = some_pictures(n=200)
    made = augment(pictures, Augmentation(least_area=1.0, mirror=True, jitter=0.0))
    turned = torch.isclose(made, pictures.flip(3), atol=0.05).flatten(1).all(1)
    kept = torch.isclose(made, pictures, atol=0.05).flatten(1).all(1)
    assert (turned ^ kept).all()
    assert 70 < int(turned.sum()) < 130


def test_jitter_leaves_gray_gray() -> None:
    torch.manual_seed(0)
    gray = torch.rand(8, 1, 16, 16).mul(255).expand(8, 3, 16, 16)
    made = augment(gray, Augmentation(least_area=1.0, mirror=False, jitter=0.4))
    assert float((made.amax(1) - made.amin(1)).max()) < 0.1
    assert not torch.allclose(made, gray)


def test_a_crop_shows_a_part_of_the_picture_and_nothing_else() -> None:
    torch.manual_seed(0)
    ramp = torch.linspace(0, 255, 64).view(1, 1, 1, 64).expand(32, 3, 64, 64)
    made = augment(ramp, Augmentation(least_area=0.3, mirror=False, jitter=0.0))
    shown = made[:, 0, 0, -1] - made[:, 0, 0, 0]
    assert (shown > 255 * 0.3 * 0.75).all() and (shown <= 255).all()
    assert float(shown.std()) > 10


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != "identity"])
def test_every_operation_of_randaugment_changes_what_draws_it_and_nothing_else(operation: str) -> None:
    torch.manual_seed(1)
    pictures = some_pictures(n=400, side=16).mul(0.6).add(20)
    settings = Augmentation(least_area=1.0, mirror=False, jitter=0.0, operations=1, magnitude=0.5)
    torch.manual_seed(2)
    drawn = draw(400, 1, 0.5)
    torch.manual_seed(2)
    made = augment(pictures, settings)
    changed = (made - pictures).abs().flatten(1).amax(1) > 0.1
    assert changed[drawn.of(operation)].all()
    assert not changed[drawn.of("identity")].any()


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 2.0), st.booleans(), st.integers(0, 500))
def test_mixing_keeps_the_share_it_names(alpha: float, cuts: bool, seed: int) -> None:
    torch.manual_seed(seed)
    flat = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 3, 16, 16)
    mixed = mix(flat, mixup=0.0 if cuts else alpha, cutmix=alpha if cuts else 0.0)
    level = mixed.values.mean((1, 2, 3))
    wanted = mixed.share * torch.arange(8.0) + (1 - mixed.share) * mixed.other.float()
    assert torch.allclose(level, wanted, atol=1e-4)
