"""Brand and product checks on made-up vectors: what they answer, what they refuse, and that they keep their rates."""

import json
from pathlib import Path

import numpy as np
import pytest

from vitrine.learn.calibrate import fit_calibrator
from vitrine.learn.head import fit_classifier
from vitrine.receive.bound import Bound
from vitrine.receive.brand_check import BrandCheck, BrandSeen, Rows, cosines, fit_brand_check, nearness
from vitrine.receive.product_check import ProductCheck, fit_product_check
from vitrine.receive.verify import Compared, settle

BRANDS = ("alba", "boreal", "corisco")
RATES = {"false_alarms": 0.05, "false_matches": 0.05, "confidence": 0.95}
STRANGERS = 0.1


def photos(count: int, seed: int, *, spread: float = 0.9, stranger: bool = False) -> Rows:
    """Photos of three brands around three corners; a stranger's lie around a fourth one."""
    rng = np.random.default_rng(seed)
    brand = rng.integers(0, 3, count)
    centers = np.eye(8, dtype=np.float32)[:4] * 3
    z = centers[np.full(count, 3) if stranger else brand] + rng.normal(0, spread, (count, 8)).astype(np.float32)
    names = np.array([f"{seed}-{n}" for n in range(count)])
    return Rows(z.astype(np.float32), brand, names, names, names)


class Learnt:
    """A head and its calibrator on made-up photos, and the check made of them."""

    def __init__(self, calibrate: int = 200) -> None:
        train, held = photos(400, 1), photos(calibrate, 2)
        fitted = fit_classifier(
            train.z, train.brand, BRANDS, train.family.tolist(), attribute="brand", projection_id="p", kind="linear"
        )
        self.classifier = fitted.classifier
        self.calibrator = fit_calibrator(fitted.oof_log_proba, train.brand, train.family.tolist())
        oof = self.calibrator.apply(fitted.oof_log_proba)
        self.check = fit_brand_check("brand", BRANDS, train, oof, held, self.proba(held), strangers=STRANGERS, **RATES)

    def proba(self, rows: Rows) -> np.ndarray:
        return self.calibrator.apply(self.classifier.log_proba(rows.z))

    def see(self, rows: Rows) -> list[BrandSeen]:
        proba, near = self.proba(rows), nearness(rows.z, self.check.reference, 3)
        return [self.check.judge(proba[i], near[i], rows.z[i : i + 1]) for i in range(len(rows.z))]


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    return Learnt()


def test_new_photos_keep_the_promised_rates(learnt: Learnt) -> None:
    new = photos(2_000, 3)
    seen = learnt.see(new)
    right = [learnt.check.compare(one, BRANDS[b]).answer for one, b in zip(seen, new.brand, strict=True)]
    wrong = [learnt.check.compare(one, BRANDS[(b + 1) % 3]).answer for one, b in zip(seen, new.brand, strict=True)]
    assert np.mean([answer == "mismatch" for answer in right]) <= 0.05
    assert np.mean([answer == "match" for answer in wrong]) <= 0.05
    assert np.mean([answer == "match" for answer in right]) > 0.8
    assert np.mean([answer == "mismatch" for answer in wrong]) > 0.8


def test_a_brand_that_nobody_learnt_is_no_match_and_is_given_no_name(learnt: Learnt) -> None:
    seen = learnt.see(photos(400, 4, stranger=True, spread=0.4))
    answers = [learnt.check.compare(one, "alba").answer for one in seen]
    assert np.mean([answer == "match" for answer in answers]) < 0.05
    assert np.mean([one.brand is None for one in seen]) > 0.8
    assert learnt.check.compare(seen[0], "zephyr") == Compared("unknown", "brand_not_learnt")


def test_too_few_photos_prove_nothing_and_say_so() -> None:
    few = Learnt(calibrate=40)
    seen = few.see(photos(20, 5))
    assert {few.check.compare(one, "alba") for one in seen} == {Compared("unknown", "not_proven")}
    assert few.check.alarm.level is None and few.check.alarm.needed == 59


def test_a_check_is_the_same_after_it_was_kept(learnt: Learnt, tmp_path: Path) -> None:
    learnt.check.save(tmp_path / "check.npz")
    again = BrandCheck.load(learnt.check.to_json(), tmp_path / "check.npz")
    for one in learnt.see(photos(50, 6)):
        assert again.compare(one, "boreal") == learnt.check.compare(one, "boreal")
        assert again.nearest(one, 3) == learnt.check.nearest(one, 3)


def test_a_photo_is_not_near_its_own_family() -> None:
    rows = photos(30, 7)
    assert np.allclose(np.diag(cosines(rows.z, rows.z)), 1, atol=1e-5)
    assert nearness(rows.z, rows, 3, without=rows.family).max() < 0.9999


class Vectors:
    """Vectors of photos by id."""

    def __init__(self, made: dict[str, np.ndarray]) -> None:
        self.made = made

    def take(self, photo_ids: list[str]) -> np.ndarray:
        return np.stack([self.made[photo_id] for photo_id in photo_ids])


def test_products_are_told_apart_by_their_photos() -> None:
    rng = np.random.default_rng(8)
    products = {f"p{n}": [f"p{n}-{k}" for k in range(3)] for n in range(150)}
    made = {}
    for photo_ids in products.values():
        center = rng.normal(size=64)
        made |= {photo_id: (center + rng.normal(0, 0.3, 64)).astype(np.float32) for photo_id in photo_ids}
    blocks = [(0, 32), (32, 64)]
    check = fit_product_check(products, {sku: sku for sku in products}, lambda _: Vectors(made), blocks, **RATES)
    assert check.alarm.n == 150 and check.proven
    same = check.likeness(made["p1-0"], np.stack([made["p1-1"], made["p1-2"]])).max()
    other = check.likeness(made["p1-0"], np.stack([made["p2-1"], made["p2-2"]])).max()
    assert (check.answer(same), check.answer(other)) == ("match", "mismatch")
    again = ProductCheck.from_json(json.loads(json.dumps(check.to_json())))
    assert again.answer(same) == "match" and np.allclose(again.center, check.center)
    nothing = fit_product_check({"a": ["x"]}, {"a": "a"}, lambda _: Vectors({"x": np.ones(64)}), blocks, **RATES)
    assert not nothing.proven and nothing.answer(1.0) == "unknown"


def test_where_two_proofs_contradict_each_other_nothing_is_known() -> None:
    def bound(level: float) -> Bound:
        return Bound(0.05, 0.95, level, 100, 0, 0.03, 59)

    torn = ProductCheck(np.zeros(4), ((0, 4),), bound(0.8), bound(-0.2))
    assert [torn.answer(x) for x in (0.1, 0.5, 0.9)] == ["mismatch", "unknown", "match"]


def test_a_brand_alone_is_no_match_where_the_product_can_be_compared() -> None:
    match, unknown, mismatch = (Compared(answer, "r") for answer in ("match", "unknown", "mismatch"))
    assert settle(match, None) == match and settle(None, match) == match
    assert settle(match, unknown) == unknown
    assert settle(match, mismatch) == mismatch and settle(mismatch, match) == mismatch
    assert settle(None, None).reason == "nothing_to_compare"
