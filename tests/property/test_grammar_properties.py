from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.learn.grammar import FLOOR, Grammar
from vitrine.taxonomy import NOT_APPLICABLE, AppliesWhen, Attribute, Exclusion, Taxonomy

Case = tuple[Taxonomy, dict[str, NDArray[np.float64]]]


@st.composite
def cases(draw: st.DrawFn, rules: bool = True) -> Case:
    """Up to 5 attributes of 2-4 values, random rules, and probabilities with zeros among them."""
    names = [f"a{i}" for i in range(draw(st.integers(1, 5)))]
    attributes: dict[str, Attribute] = {}
    for i, name in enumerate(names):
        values: tuple[str, ...] = tuple(f"v{j}" for j in range(draw(st.integers(2, 3))))
        rule = None
        if rules and i and draw(st.booleans()):
            controller = draw(st.sampled_from(names[:i]))
            rule = AppliesWhen(controller, draw(subsets(attributes[controller].values)))
            values = (*values, NOT_APPLICABLE)
        attributes[name] = Attribute(name, values, applies_when=rule)
    exclusions = []
    if rules and len(names) > 1:
        for _ in range(draw(st.integers(0, 2))):
            first, second = draw(st.permutations(names))[:2]
            sides = [draw(subsets(attributes[name].values)) for name in (first, second)]
            exclusions.append(Exclusion(first, sides[0], second, sides[1]))
    n = draw(st.integers(1, 4))
    numbers = st.sampled_from([0.0, 0.05, 0.2, 0.35, 0.5, 0.8, 1.0])
    proba = {}
    for name, attribute in attributes.items():
        k = len(attribute.values)
        proba[name] = np.array([[draw(numbers) for _ in range(k)] for _ in range(n)])
    return Taxonomy(1, attributes, tuple(exclusions)), proba


def subsets(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True).map(tuple)


def consistent(taxonomy: Taxonomy, values: dict[str, str]) -> bool:
    for name, attribute in taxonomy.attributes.items():
        rule = attribute.applies_when
        if rule and (values[rule.attribute] in rule.values) == (values[name] == NOT_APPLICABLE):
            return False
    return not any(
        values[e.first] in e.first_values and values[e.second] in e.second_values for e in taxonomy.exclusions
    )


def brute_force(taxonomy: Taxonomy, proba: dict[str, NDArray[np.float64]], row: int) -> dict[tuple[int, ...], float]:
    """Every consistent set of value indices with its probability given consistency."""
    names = list(taxonomy.attributes)
    weights = {}
    for chosen in product(*(range(proba[name].shape[1]) for name in names)):
        named = {n: taxonomy.attributes[n].values[i] for n, i in zip(names, chosen, strict=True)}
        if consistent(taxonomy, named):
            factors = [max(proba[n][row, i], FLOOR) for n, i in zip(names, chosen, strict=True)]
            weights[chosen] = float(np.exp(np.sum(np.log(factors))))
    total = sum(weights.values())
    return {chosen: weight / total for chosen, weight in weights.items()}


def made(taxonomy: Taxonomy) -> Grammar | None:
    try:
        return Grammar(taxonomy, {name: a.values for name, a in taxonomy.attributes.items()})
    except InputError as error:
        assert "no set of values satisfies" in error.message
        return None


@settings(max_examples=150, deadline=None)
@given(cases())
def test_decoding_equals_brute_force(case: Case) -> None:
    taxonomy, proba = case
    grammar = made(taxonomy)
    if grammar is None:
        assert not brute_force(taxonomy, proba, 0)
        return
    decoded = grammar.decode(proba)
    ruled = {n for r in grammar._rules for n in (r.first, r.second)}
    for row in range(len(next(iter(proba.values())))):
        true = brute_force(taxonomy, proba, row)
        chosen = tuple(int(decoded[name].value_index[row]) for name in taxonomy.attributes)
        assert chosen in true
        assert true[chosen] >= max(true.values()) * (1 - 1e-9)
        for column, name in enumerate(taxonomy.attributes):
            if name not in ruled:
                continue
            marginal = np.zeros(proba[name].shape[1])
            for values, p in true.items():
                marginal[values[column]] += p
            assert np.allclose(decoded[name].marginal[row], marginal, rtol=1e-6, atol=1e-12)
            assert decoded[name].confidence[row] == decoded[name].marginal[row, chosen[column]]


@settings(max_examples=100, deadline=None)
@given(cases())
def test_the_answer_never_contradicts_itself(case: Case) -> None:
    taxonomy, proba = case
    grammar = made(taxonomy)
    if grammar is None:
        return
    decoded = grammar.decode(proba)
    values = {name: [grammar.values[name][i] for i in a.value_index] for name, a in decoded.items()}
    assert grammar.contradictions(values) == 0


@settings(max_examples=50, deadline=None)
@given(cases(rules=False))
def test_without_rules_it_is_the_plain_argmax(case: Case) -> None:
    taxonomy, proba = case
    grammar = made(taxonomy)
    assert grammar is not None
    for name, answer in grammar.decode(proba).items():
        assert (answer.value_index == proba[name].argmax(axis=1)).all()
        assert (answer.confidence == proba[name].max(axis=1)).all()


@settings(max_examples=50, deadline=None)
@given(cases())
def test_a_row_alone_gets_the_same_bits_as_in_a_batch(case: Case) -> None:
    taxonomy, proba = case
    grammar = made(taxonomy)
    if grammar is None:
        return
    together = grammar.decode(proba)
    for row in range(len(next(iter(proba.values())))):
        alone = grammar.decode({name: p[row : row + 1] for name, p in proba.items()})
        for name, answer in alone.items():
            assert answer.value_index[0] == together[name].value_index[row]
            assert answer.marginal[0].tobytes() == together[name].marginal[row].tobytes()
