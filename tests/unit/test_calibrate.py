import json

import numpy as np
import pytest
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.learn.calibrate import Calibrator, fit_calibrator, reliability


def drawn(
    n: int, sharpness: float, bias: list[float], seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str]]:
    """Scores, and outcomes drawn from softmax(sharpness * score + bias)."""
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=(n, len(bias)))
    scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    true = np.exp(sharpness * scores + np.array(bias))
    true /= true.sum(axis=1, keepdims=True)
    y = (true.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return scores, y, [f"f{i}" for i in range(n)]


def mean_log_loss(proba: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    return float(-np.log(proba[np.arange(len(y)), y]).mean())


def test_overconfident_scores_are_cooled_to_the_true_temperature() -> None:
    scores, y, families = drawn(4000, 0.5, [0.0, 0.0, 0.0])
    calibrator = fit_calibrator(scores, y, families)
    assert calibrator.sharpness == pytest.approx(0.5, abs=0.05)
    fresh, fresh_y, _ = drawn(4000, 0.5, [0.0, 0.0, 0.0], seed=1)
    proba = calibrator.apply(fresh)
    before = reliability(np.exp(fresh).max(axis=1), fresh.argmax(axis=1) == fresh_y)
    after = reliability(proba.max(axis=1), proba.argmax(axis=1) == fresh_y)
    assert before.ece > 0.1
    assert after.ece < 0.03
    assert after.brier < before.brier


def test_a_bias_is_fitted_where_the_values_need_one_and_only_there() -> None:
    scores, y, families = drawn(4000, 1.0, [1.0, 0.0, -1.0])
    calibrator = fit_calibrator(scores, y, families)
    assert calibrator.kind == "temperature and bias"
    assert calibrator.bias[0] - calibrator.bias[2] == pytest.approx(2.0, abs=0.3)
    assert mean_log_loss(calibrator.apply(scores), y) < mean_log_loss(np.exp(scores), y)
    # few rows over many values: a bias for each would be noise
    scores, y, families = drawn(60, 1.0, [0.0] * 20)
    assert fit_calibrator(scores, y, families).kind == "temperature"


def test_rows_of_one_family_never_teach_and_judge_at_once() -> None:
    """One family with outcomes unlike its scores, repeated: folds across it would praise a bias."""
    scores, y, families = drawn(200, 1.0, [0.0, 0.0, 0.0])
    odd = np.tile(np.log([[0.6, 0.3, 0.1]]), (150, 1))
    scores, y = np.vstack([scores, odd]), np.concatenate([y, np.full(150, 2)])
    alone = fit_calibrator(scores, y, [*families, *[f"g{i}" for i in range(150)]])
    together = fit_calibrator(scores, y, [*families, *["g"] * 150])
    assert together.log_loss > alone.log_loss + 0.1


def test_scores_of_zero_probability_and_unseen_values_stay_finite() -> None:
    scores = np.array([[0.0, -np.inf, -np.inf], [-np.inf, 0.0, -np.inf]] * 20)
    y = np.array([0, 0] * 20)
    calibrator = fit_calibrator(scores, y, [str(i) for i in range(40)])
    proba = calibrator.apply(scores)
    assert np.isfinite(proba).all()
    assert proba.sum(axis=1) == pytest.approx(np.ones(40))


def test_a_calibrator_survives_json() -> None:
    scores, y, families = drawn(100, 0.7, [0.5, 0.0])
    calibrator = fit_calibrator(scores, y, families)
    again = Calibrator.from_json(json.loads(json.dumps(calibrator.to_json())))
    assert again == calibrator
    assert (again.apply(scores) == calibrator.apply(scores)).all()


@pytest.mark.parametrize(
    ("scores", "y", "message"),
    [
        (np.zeros((0, 2)), np.zeros(0, dtype=int), r"\(0, 2\)"),
        (np.zeros((2, 2)), np.array([0]), r"\(1,\)"),
        (np.array([[0.0, 0.0], [np.nan, 0.0]]), np.array([0, 1]), "row 1"),
        (np.zeros((2, 2)), np.array([0, 2]), "index 2 is outside the 2"),
    ],
)
def test_unusable_scores_are_refused(scores: NDArray[np.float64], y: NDArray[np.int64], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_calibrator(scores, y, [str(i) for i in range(len(y))])


def test_a_calibrator_refuses_scores_of_another_head() -> None:
    with pytest.raises(InputError, match=r"2 values was given scores of shape \(1, 3\)"):
        Calibrator("temperature", 1.0, (0.0, 0.0), 0.1).apply(np.zeros((1, 3)))


def test_reliability_counts_every_row_once_in_bins_of_equal_mass() -> None:
    confidence = np.linspace(0.5, 1.0, 100)
    found = reliability(confidence, np.ones(100, dtype=bool), bins=10)
    assert found.n == sum(found.bin_n) == 100
    assert set(found.bin_n) == {10}
    assert found.ece == pytest.approx(0.25)
    assert found.brier == pytest.approx(float(((1 - confidence) ** 2).mean()))
