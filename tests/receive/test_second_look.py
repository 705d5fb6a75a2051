"""A photo that lies on its side, or shows two brands, is asked for again; one that does not is left alone."""

from collections import Counter

import numpy as np
import pytest

from vitrine.demo.draw import draw
from vitrine.demo.product import Shot, product
from vitrine.receive.checks import checks_key, make_checks
from vitrine.receive.second_look import second_look
from vitrine.receive.verify import SEVERAL_BRANDS, TURNED
from vitrine.workspace import Workspace

SEED = 11  # of the drawn catalog that all tests share


@pytest.fixture(autouse=True)
def category_as_brand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn catalog shows no brands; its categories stand in for them."""
    monkeypatch.setenv("VITRINE_RECEIVE__BRAND", "category")
    for rate in ("FALSE_ALARMS", "FALSE_MATCHES", "STRANGERS"):
        monkeypatch.setenv(f"VITRINE_RECEIVE__{rate}", "0.2")


def delivered(number: int) -> np.ndarray:
    """A new photo of a drawn product, which the catalog has not seen."""
    return np.asarray(draw(product(SEED, number), Shot(7, "side", "side", (SEED, 99, number, 7)), 320)[0])


def other(number: int) -> int:
    category = product(SEED, number).values["category"]
    return next(n for n in range(number + 1, number + 60) if product(SEED, n).values["category"] != category)


@pytest.mark.slow
def test_turned_photos_and_pairs_are_seen_and_upright_ones_left_alone(trained: Workspace) -> None:
    checks = make_checks(trained, checks_key(trained))
    assert checks.brand is not None and checks.predictor is not None
    embed = trained.embedder.embed
    said: dict[str, Counter[str]] = {name: Counter() for name in ("upright", "quarter", "upside down", "pair")}
    for number in range(0, 80, 4):
        photo = delivered(number)
        pair = np.concatenate([photo, delivered(other(number))], axis=1)
        for name, pixels in zip(said, (photo, np.rot90(photo), np.rot90(photo, 2), pair), strict=True):
            pixels = np.ascontiguousarray(pixels)
            seen = checks.brand.see(checks.predictor, embed([pixels]))
            answer = checks.brand.compare(seen, product(SEED, number).values["category"]).answer
            said[name][second_look(checks.brand, checks.predictor, embed, pixels, seen, answer)] += 1
    assert said["upright"][""] >= 18
    assert said["quarter"][TURNED] >= 14 and said["upside down"][TURNED] >= 14
    assert said["pair"][SEVERAL_BRANDS] >= 5 and said["upright"][SEVERAL_BRANDS] <= 1
