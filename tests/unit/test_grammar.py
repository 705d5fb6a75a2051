import time

import numpy as np
import pytest

from vitrine.errors import InputError
from vitrine.learn.grammar import Grammar
from vitrine.taxonomy import NOT_APPLICABLE, Taxonomy, parse

SHOES = """
[attributes.heel.values]
none = {}
block = {}
stiletto = {}
[attributes.heel_covering]
applies_when = {attribute = "heel", values = ["block", "stiletto"]}
[attributes.heel_covering.values]
leather = {}
cork = {}
[attributes.category.values]
sneaker = {}
pump = {}
[attributes.color.values]
red = {}
blue = {}
[[exclude]]
heel = ["stiletto"]
category = ["sneaker"]
"""


def shoes() -> Taxonomy:
    return parse(SHOES)


def all_heads(taxonomy: Taxonomy) -> dict[str, tuple[str, ...]]:
    return {name: attribute.values for name, attribute in taxonomy.attributes.items()}


def test_a_strong_head_pulls_a_weak_one_into_consistency() -> None:
    grammar = Grammar(shoes(), all_heads(shoes()))
    decoded = grammar.decode(
        {
            "heel": np.array([[0.5, 0.4, 0.1]]),
            "heel_covering": np.array([[0.9, 0.05, 0.05]]),
            "category": np.array([[0.5, 0.5]]),
            "color": np.array([[0.3, 0.7]]),
        }
    )
    names = {name: grammar.values[name][answer.value_index[0]] for name, answer in decoded.items()}
    assert names["heel"] == "block"
    assert names["heel_covering"] == "leather"
    # by hand: none 0.5·0.05·1, block 0.4·0.95·1, stiletto 0.1·0.95·0.5
    assert decoded["heel"].confidence[0] == pytest.approx(0.38 / (0.025 + 0.38 + 0.0475))


def test_an_attribute_without_rules_keeps_its_own_answer() -> None:
    grammar = Grammar(shoes(), all_heads(shoes()))
    proba = {"heel": np.full((2, 3), 1 / 3), "heel_covering": np.full((2, 3), 1 / 3)}
    color = np.array([[0.3, 0.7], [0.6, 0.4]])
    decoded = grammar.decode({**proba, "category": np.full((2, 2), 0.5), "color": color})
    assert decoded["color"].value_index.tolist() == [1, 0]
    assert decoded["color"].confidence.tolist() == [0.7, 0.6]


def test_a_rule_about_an_attribute_without_a_head_is_ignored() -> None:
    grammar = Grammar(shoes(), {"heel_covering": ("leather", "cork", NOT_APPLICABLE)})
    decoded = grammar.decode({"heel_covering": np.array([[0.2, 0.5, 0.3]])})
    assert decoded["heel_covering"].value_index.tolist() == [1]
    assert decoded["heel_covering"].confidence.tolist() == [0.5]


def test_a_head_that_never_saw_not_applicable_gets_it_from_the_rule() -> None:
    """Its probabilities say which covering a heel has, so they must not argue that there is a heel."""
    grammar = Grammar(shoes(), {"heel": ("none", "block"), "heel_covering": ("leather", "cork")})
    assert grammar.values["heel_covering"] == ("leather", "cork", NOT_APPLICABLE)
    decoded = grammar.decode({"heel": np.array([[0.7, 0.3]]), "heel_covering": np.array([[0.6, 0.4]])})
    assert decoded["heel_covering"].value_index.tolist() == [2]
    assert decoded["heel_covering"].marginal[0] == pytest.approx([0.18, 0.12, 0.7])
    assert decoded["heel"].confidence[0] == pytest.approx(0.7)


def test_contradictions_counts_products_not_rules() -> None:
    grammar = Grammar(shoes(), all_heads(shoes()))
    values = {
        "heel": ["none", "stiletto", "block", None],
        "heel_covering": ["leather", NOT_APPLICABLE, "cork", NOT_APPLICABLE],
        "category": ["pump", "sneaker", "sneaker", "pump"],
    }
    assert grammar.contradictions(values) == 2


@pytest.mark.parametrize(
    ("proba", "message"),
    [
        ({"heel": np.ones((1, 2))}, r"'heel' have the shape \(1, 2\); expected \(1, 3\)"),
        ({"heel": np.array([[0.1, np.nan, 0.2]])}, "row 0 of 'heel' holds no probabilities"),
        ({"heel": np.array([[0.1, -0.2, 0.2]])}, "row 0 of 'heel' holds no probabilities"),
        ({}, "needs the probabilities of 'heel'"),
    ],
)
def test_what_is_no_probability_is_refused(proba: dict[str, np.ndarray], message: str) -> None:
    grammar = Grammar(shoes(), {"heel": ("none", "block", "stiletto")})
    with pytest.raises(InputError, match=message):
        grammar.decode(proba)


def test_a_value_off_the_taxonomy_is_refused() -> None:
    with pytest.raises(InputError, match="'wedge', which is not in the taxonomy"):
        Grammar(shoes(), {"heel": ("none", "wedge")})


def test_rules_that_nothing_satisfies_are_named() -> None:
    taxonomy = parse(
        """
        [attributes.a.values]
        x = {}
        [attributes.b.values]
        y = {}
        [[exclude]]
        a = ["x"]
        b = ["y"]
        """
    )
    with pytest.raises(InputError, match=r"no set of values satisfies .* a x excludes b y"):
        Grammar(taxonomy, all_heads(taxonomy))


def test_rules_that_tie_too_much_together_are_named() -> None:
    """Each value has its own exclude in a star of attributes: 11^6 combinations of groups."""
    names = "abcdefg"
    tables = "".join(f"[attributes.{n}.values]\n" + "".join(f"v{i} = {{}}\n" for i in range(11)) for n in names)
    rules = "".join(f'[[exclude]]\na = ["v{i}"]\n{n} = ["v{i}"]\n' for n in names[1:] for i in range(10))
    taxonomy = parse(tables + rules)
    with pytest.raises(InputError, match="over 50,000: a v0 excludes b v0"):
        Grammar(taxonomy, all_heads(taxonomy))


def test_many_products_are_decoded_together() -> None:
    """13 attributes; the bound is generous, its point is that no Python loop runs over the rows."""
    more = "".join(f"[attributes.more{i}.values]\n" + "".join(f"v{j} = {{}}\n" for j in range(12)) for i in range(9))
    taxonomy = parse(more + SHOES)
    heads = all_heads(taxonomy)
    rng = np.random.default_rng(0)
    proba = {name: rng.dirichlet(np.ones(len(values)), 12_000) for name, values in heads.items()}
    grammar = Grammar(taxonomy, heads)
    started = time.perf_counter()
    decoded = grammar.decode(proba)
    assert time.perf_counter() - started < 10
    named = {n: [grammar.values[n][i] for i in answer.value_index] for n, answer in decoded.items()}
    plain = {n: [heads[n][i] for i in p.argmax(axis=1)] for n, p in proba.items()}
    assert len(heads) == 13
    assert grammar.contradictions(plain) > 1_000
    assert grammar.contradictions(named) == 0
