import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binom

from vitrine.learn.answers import ANSWERS
from vitrine.learn.certify import certify
from vitrine.learn.plan import Rule

VALUES = ["red", "blue", "pink"]
HARDER = np.array([0.0, 0.5, 2.0])  # log-odds by which each value is surer than right


def drawn(n: int, rng: np.random.Generator, *, overfit: float = 0.0, prefix: str = "s") -> pa.Table:
    """Answers whose confidence misleads by value; `overfit` makes them look better than fresh ones are."""
    value = rng.integers(0, 3, n)
    log_odds = rng.normal(3.5, 1.7, n)
    correct = rng.random(n) < 0.998 * expit(1.2 * log_odds - HARDER[value] + overfit)
    return pa.table(
        {
            "sku": [f"{prefix}{i}" for i in range(n)],
            "family_id": [f"{prefix}{i}" for i in range(n)],
            "value": [VALUES[i] for i in value],
            "confidence": expit(log_odds),
            "correct": correct,
        },
        schema=ANSWERS,
    )


def published_error(rule: Rule, fresh: pa.Table) -> float:
    published = rule.published(fresh.column("value").to_pylist(), fresh.column("confidence").to_numpy())
    wrong = ~fresh.column("correct").to_numpy()[published]
    return float(wrong.mean()) if len(wrong) else 0.0


def test_the_promise_is_broken_no_more_often_than_promised() -> None:
    """60 redraws of the calibrate part at 95 % confidence, and 60 more where train flatters the head."""
    rng = np.random.default_rng(7)
    fresh = drawn(40_000, rng, prefix="t")
    for overfit in (0.0, 0.4):
        train = drawn(2500, rng, overfit=overfit)
        made = [certify(train, drawn(1000, rng, prefix="c"), attribute="color") for _ in range(60)]
        violations = sum(published_error(one.rule, fresh) > 0.03 for one in made)
        assert binom.sf(violations - 1, 60, 0.05) > 0.005
        assert sum(one.coverage > 0 for one in made) > 30


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 98))
def test_too_few_families_never_certify(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    perfect = drawn(n, rng, prefix="c").set_column(4, ANSWERS.field("correct"), pa.array([True] * n, pa.bool_()))
    made = certify(drawn(1000, rng), perfect, attribute="color")
    assert made.coverage == 0
    assert made.rule.level is None


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    train, calibrate = drawn(1500, rng), drawn(600, rng, prefix="c")
    made = certify(train, calibrate, attribute="color")
    shuffled = [t.take(pa.array(rng.permutation(t.num_rows))) for t in (train, calibrate)]
    assert certify(*shuffled, attribute="color") == made
    assert certify(train, calibrate, attribute="color") == made


@settings(max_examples=100, deadline=None)
@given(
    offsets=st.dictionaries(st.sampled_from(VALUES), st.floats(-3, 3)),
    levels=st.tuples(st.floats(-5, 10), st.floats(-5, 10)),
    confidence=st.lists(st.floats(0, 1), min_size=1, max_size=20),
    data=st.data(),
)
def test_a_looser_level_publishes_all_that_a_stricter_one_does(
    offsets: dict[str, float], levels: tuple[float, float], confidence: list[float], data: st.DataObject
) -> None:
    values = [data.draw(st.sampled_from([*VALUES, "unheard of"])) for _ in confidence]
    loose, strict = (Rule(offsets, level).published(values, np.array(confidence)) for level in sorted(levels))
    assert (loose | ~strict).all()
    assert not loose[[value not in offsets for value in values]].any()
