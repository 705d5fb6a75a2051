"""Prove how much may be published without a person: a rule, and a bound on its error.

Among products drawn from families like those in this catalog, the error of what the rule publishes is at most
1 - precision, with the wanted confidence over the draw of the calibrate families (Learn then Test,
Angelopoulos et al. 2021, arXiv 2110.01052: a fixed sequence of levels, exact binomial p-values). Everything
the rule is made of is chosen on out-of-fold answers of the train part by `plan`; the calibrate labels are
read once and pick one level.

>>> import numpy as np
>>> import pyarrow as pa
>>> def answers(n, prefix):  # surer than 0.7: always right
...     confidence = np.linspace(0.5, 1.0, n)
...     sku = [f"{prefix}{i}" for i in range(n)]
...     return pa.table({"sku": sku, "family_id": sku, "value": ["red"] * n,
...                      "confidence": confidence, "correct": confidence > 0.7})
>>> certificate = certify(answers(2000, "t"), answers(500, "c"), attribute="color")
>>> print(certificate.sentence())
publish 61 % of `color` at ≥ 97 % precision, confidence 95 % (n = 500 families, each on its own)
>>> certificate.rule.published(["red", "red"], np.array([0.6, 0.9])).tolist()
[False, True]
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import bdtr, betaincinv

from vitrine.errors import InputError
from vitrine.learn.answers import Answers, one_per_family
from vitrine.learn.plan import Plan, Rule, plan, probably_enough, score

SALT = "certificate"  # one for all attributes, so that a family shows the same product to each of them
_MANY = 100_000  # a larger estimate is too uncertain to be worth its digits


@dataclass(frozen=True, slots=True)
class Level:
    """One tested level: how many calibrate families it publishes, how many of them are wrong, the p-value.

    The hypothesis under test is "the error is above 1 - precision".
    """

    level: float
    n_published: int
    errors: int
    p_value: float


@dataclass(frozen=True, slots=True)
class Certificate:
    """What may be published of one attribute (or of one of its values, or of whole products), and the proof.

    Counts are families of the calibrate part, one product each; `coverage` is the share of them that is
    published. `upper_bound` is the Clopper-Pearson bound at the chosen level. `product_weighted_error` is
    over all labelled calibrate products that are published, for comparison, without a proof. `tests` > 1
    shares the allowed risk over that many certificates, so that all hold together. `labels_needed`, where
    nothing is certified, says how many labelled calibrate families it would take; None means that no number
    is enough with these answers.
    """

    attribute: str
    precision: float
    confidence: float
    tests: int
    rule: Rule
    n_families: int
    n_published: int
    errors: int
    upper_bound: float
    coverage: float
    n_products_published: int
    product_weighted_error: float | None
    levels: tuple[Level, ...]
    labels_needed: int | None
    value: str | None = None

    def sentence(self) -> str:
        """The certificate as a person reads it."""
        what = f"`{self.attribute}`" + (f" = {self.value}" if self.value else "")
        promise = f"≥ {_percent(self.precision)} precision, confidence {_percent(self.confidence)}"
        scope = "each on its own" if self.tests == 1 else f"all {self.tests} together"
        proof = f"n = {self.n_families:,} families, {scope}"
        if self.rule.level is not None:
            return f"publish {100 * self.coverage:.0f} % of {what} at {promise} ({proof})"
        if self.labels_needed is None:
            return f"publish none of {what}: {promise} cannot be proven with these answers at any n ({proof})"
        many = self.labels_needed > _MANY
        need = f"more than {_MANY:,}" if many else f"about {self.labels_needed:,}"
        need = f"it would take {need} labelled calibrate families{'' if many else ' or more'}"
        return f"publish none of {what}: {promise} is not proven ({proof}); {need}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal certificate back."""
        return {**asdict(self), "thresholds": self.rule.thresholds, "sentence": self.sentence()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Certificate":
        """The certificate that `to_json` wrote."""
        known = {name: data[name] for name in cls.__dataclass_fields__}
        known["rule"] = Rule(dict(data["rule"]["offsets"]), data["rule"]["level"])
        known["levels"] = tuple(Level(**level) for level in data["levels"])
        return cls(**known)


def certify(
    train_oof: pa.Table,
    calibrate: pa.Table,
    *,
    attribute: str,
    precision: float = 0.97,
    confidence: float = 0.95,
    tests: int = 1,
) -> Certificate:
    """Choose a rule on out-of-fold train answers and test it on the calibrate answers (schema `ANSWERS`).

    Pass every product of the calibrate part: one a family is drawn here, by a hash and not by its label. With
    `tests` = m the allowed risk is divided by m (Bonferroni) and m certificates hold together. Raises
    InputError on a table with missing columns, repeated skus, or confidences outside 0..1.
    """
    _check_promise(precision, confidence, tests)
    train = Answers.read(train_oof, "train answers").labelled()
    everything = Answers.read(calibrate, "calibrate answers")
    drawn = everything.take(one_per_family(everything.sku, everything.family, SALT)).labelled()
    alpha, delta = 1 - precision, (1 - confidence) / tests
    chosen = plan(train, len(drawn.sku), alpha, delta)
    tested = _test(chosen, drawn, alpha, delta)
    passed = [level for level in tested if level.p_value <= delta]
    last = passed[-1] if passed else Level(0.0, 0, 0, 1.0)
    rule = Rule(chosen.offsets, last.level if passed else None)
    labelled = everything.labelled()
    wrong = ~labelled.correct[rule.published(labelled.value, labelled.confidence)]
    return Certificate(
        attribute=attribute,
        precision=precision,
        confidence=confidence,
        tests=tests,
        rule=rule,
        n_families=len(drawn.sku),
        n_published=last.n_published,
        errors=last.errors,
        upper_bound=upper_bound(last.errors, last.n_published, delta),
        coverage=last.n_published / max(1, len(drawn.sku)),
        n_products_published=len(wrong),
        product_weighted_error=float(wrong.mean()) if len(wrong) else None,
        levels=tuple(tested),
        labels_needed=None if passed else _labels_needed(chosen, tested, len(drawn.sku), alpha, delta),
    )


def certify_values(
    train_oof: pa.Table,
    calibrate: pa.Table,
    *,
    attribute: str,
    precision: float = 0.97,
    confidence: float = 0.95,
) -> dict[str, Certificate]:
    """A certificate, with a rule of its own, for each value that has the rows for one; each holds on its own.

    A value has the rows where the out-of-fold answers expect enough published calibrate families for a proof.
    """
    certificates = {}
    for value in sorted(set(calibrate.column("value").to_pylist())):
        only = [t.filter(pc.equal(t.column("value"), value)) for t in (train_oof, calibrate)]
        made = certify(*only, attribute=attribute, precision=precision, confidence=confidence)
        if made.levels:
            certificates[value] = replace(made, value=value)
    return certificates


def upper_bound(errors: int, n: int, delta: float) -> float:
    """Exact upper bound of an error rate at confidence 1 - delta (Clopper and Pearson 1934); 1 for n = 0."""
    return float(betaincinv(errors + 1, n - errors, 1 - delta)) if errors < n else 1.0


def _check_promise(precision: float, confidence: float, tests: int) -> None:
    for name, value in (("precision", precision), ("confidence", confidence)):
        if not 0 < value < 1:
            raise InputError(f"{name} is {value}; it must lie between 0 and 1", hint=f"write {name} = 0.97")
    if tests < 1:
        raise InputError(f"{tests} tests cannot share the risk")


def _test(chosen: Plan, drawn: Answers, alpha: float, delta: float) -> list[Level]:
    """Test each level in turn until one is not rejected; that last one is listed too."""
    scored = score(drawn.value, drawn.confidence, chosen.offsets)
    tested = []
    for level in chosen.levels:
        published = scored >= level
        n, errors = int(published.sum()), int((~drawn.correct[published]).sum())
        p_value = float(bdtr(errors, n, alpha)) if n else 1.0
        tested.append(Level(level, n, errors, p_value))
        if p_value > delta:
            break
    return tested


def _labels_needed(chosen: Plan, tested: list[Level], n_families: int, alpha: float, delta: float) -> int | None:
    """What train expects or, where the first test failed, what that test's own error says if more."""
    if not tested or chosen.labels_needed is None:
        return chosen.labels_needed
    first = tested[0]
    risk = (first.errors + 0.5) / (first.n_published + 1)
    seen = probably_enough(risk, first.n_published / n_families, alpha, delta)
    return None if seen is None else max(seen, chosen.labels_needed)


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
