"""Decode all attributes of a product together: the most probable set of values that the taxonomy allows.

Each head gives probabilities of its own; their product, kept where every rule holds and scaled to sum to 1,
is the distribution decoded here. Both the most probable set and the marginals are exact.

Values that every rule treats alike form a group. Only consistent combinations of groups are enumerated, once;
inside a group the best value is the most probable one and the mass is the sum, whatever the rest of the
product is.

>>> import numpy as np
>>> from vitrine.taxonomy import parse
>>> taxonomy = parse('''
... [attributes.heel.values]
... none = {}
... stiletto = {}
... [attributes.heel_covering]
... applies_when = {attribute = "heel", values = ["stiletto"]}
... [attributes.heel_covering.values]
... leather = {}
... cork = {}
... ''')
>>> heads = {"heel": ("none", "stiletto"), "heel_covering": ("leather", "cork", "not applicable")}
>>> grammar = Grammar(taxonomy, heads)
>>> proba = {"heel": np.array([[0.6, 0.4]]), "heel_covering": np.array([[0.7, 0.2, 0.1]])}
>>> decoded = grammar.decode(proba)
>>> [grammar.values[name][int(answer.value_index[0])] for name, answer in decoded.items()]
['stiletto', 'leather']
>>> grammar.contradictions({"heel": ["none"], "heel_covering": ["leather"]})
1
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.taxonomy import NOT_APPLICABLE, Taxonomy

MAX_COMBINATIONS = 50_000
FLOOR = 1e-12  # a probability of exactly 0 must not make every consistent set impossible
CELLS_AT_ONCE = 2_000_000  # rows times combinations held at a time: a few arrays of 16 MB

Probabilities = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Decoded:
    """One attribute of n products.

    `value_index` (n,) points into `Grammar.values[attribute]`; `marginal` (n, k) is the probability of every
    value given that all rules hold; `confidence` (n,) is the marginal of the decoded value.
    """

    value_index: Indices
    confidence: Floats
    marginal: Floats


class Grammar:
    """The taxonomy's rules over the values that the heads know.

    `values[attribute]` are the values that are decoded: the head's own, and *not applicable* at the end where
    a rule needs it and the head has never seen it. Such a head says which value it is *if* the attribute
    applies, so its *not applicable* has probability 1 wherever the rule demands it. An attribute applies
    exactly where its rule is met. A rule that names an attribute without a head is ignored.

    Raises InputError when an attribute or a value is not in the taxonomy, when no set of values is
    consistent, or when more than 50,000 combinations would have to be tried; the message names the rules.
    """

    def __init__(self, taxonomy: Taxonomy, values: Mapping[str, Sequence[str]]) -> None:
        _check_values(taxonomy, values)
        self._rules = _rules(taxonomy, values)
        self._known = {name: len(known) for name, known in values.items()}
        conditional = {rule.second for rule in self._rules if rule.applies}
        self.values: dict[str, tuple[str, ...]] = {
            name: (*known, NOT_APPLICABLE) if name in conditional and NOT_APPLICABLE not in known else tuple(known)
            for name, known in values.items()
        }
        self._components = [_component(names, self._rules, self.values) for names in _tied(self._rules)]

    def decode(self, proba: Mapping[str, Probabilities]) -> dict[str, Decoded]:
        """The most probable consistent values of n products, from each head's probabilities (n, its values).

        An attribute without rules gets its own argmax and probability. A row's answer does not depend on the
        other rows, to the last bit. Raises InputError on a missing attribute, a wrong shape, or a number that
        is no probability.
        """
        self._check_proba(proba)
        decoded = {name: _alone(proba[name]) for name in self.values}
        for component in self._components:
            filled = {name: self._filled(name, proba[name]) for name in component.attributes}
            decoded.update(component.decode(filled))
        return decoded

    def contradictions(self, values: Mapping[str, Sequence[str | None]]) -> int:
        """How many of n products break a rule; `values[attribute]` has their n values, None for unknown."""
        broken: set[int] = set()
        for rule in self._rules:
            if rule.first in values and rule.second in values:
                pairs = enumerate(zip(values[rule.first], values[rule.second], strict=True))
                broken.update(i for i, (u, v) in pairs if u is not None and v is not None and not rule.allows(u, v))
        return len(broken)

    def tied_to(self, attribute: str) -> tuple[str, ...]:
        """The attributes whose heads can change the answer of `attribute`, itself included, in order."""
        for component in self._components:
            if attribute in component.attributes:
                return tuple(name for name in self.values if name in component.attributes)
        return (attribute,)

    def _filled(self, name: str, proba: Probabilities) -> Floats:
        """Floored probabilities with the implied *not applicable* column where the head has none."""
        floored = np.maximum(np.asarray(proba, dtype=np.float64), FLOOR)
        if len(self.values[name]) == self._known[name]:
            return floored
        return np.concatenate([floored, np.ones((len(floored), 1))], axis=1)

    def _check_proba(self, proba: Mapping[str, Probabilities]) -> None:
        n = len(next(iter(proba.values()))) if proba else 0
        for name, known in self._known.items():
            if name not in proba:
                raise InputError(f"decoding needs the probabilities of '{name}' too; got {', '.join(proba)}")
            given = proba[name]
            if given.shape != (n, known):
                raise InputError(f"probabilities of '{name}' have the shape {given.shape}; expected ({n}, {known})")
            bad = ~((given >= 0).all(axis=1) & np.isfinite(given).all(axis=1))
            if bad.any():
                row = int(bad.argmax())
                raise InputError(f"row {row} of '{name}' holds no probabilities: {given[row].tolist()}")


@dataclass(frozen=True, slots=True)
class _Rule:
    """What two values may not be together: both memberships; with `applies`, exactly one must hold."""

    first: str
    first_values: frozenset[str]
    second: str
    second_values: frozenset[str]
    applies: bool

    def allows(self, first: str, second: str) -> bool:
        memberships = (first in self.first_values, second in self.second_values)
        return memberships[0] != memberships[1] if self.applies else not all(memberships)

    def signature(self, attribute: str, value: str) -> tuple[bool, bool]:
        """All that this rule can see of a value of an attribute."""
        return (
            attribute == self.first and value in self.first_values,
            attribute == self.second and value in self.second_values,
        )

    def text(self) -> str:
        if self.applies:
            return f"{self.second} applies when {self.first} is {_listed(self.first_values)}"
        listed = f"{self.first} {_listed(self.first_values)}", f"{self.second} {_listed(self.second_values)}"
        return f"{listed[0]} excludes {listed[1]}"


@dataclass(frozen=True, slots=True)
class _Component:
    """Attributes tied by rules: the group of each of their values, and the consistent combinations.

    `groups[a]` is (k_a,), in the order of `attributes`; `combinations` is (m, attributes).
    """

    attributes: tuple[str, ...]
    groups: tuple[Indices, ...]
    combinations: Indices

    def decode(self, proba: Mapping[str, Floats]) -> dict[str, Decoded]:
        n = len(proba[self.attributes[0]])
        step = max(1, CELLS_AT_ONCE // len(self.combinations))
        answers = {name: _empty(proba[name].shape) for name in self.attributes}
        for start in range(0, n, step):
            rows = slice(start, start + step)
            self._decode_rows({name: p[rows] for name, p in proba.items()}, answers, rows)
        return answers

    def _decode_rows(self, proba: Mapping[str, Floats], answers: Mapping[str, Decoded], rows: slice) -> None:
        parts = [_by_group(proba[name], group) for name, group in zip(self.attributes, self.groups, strict=True)]
        best = self._summed([np.log(best_p) for _, best_p, _ in parts]).argmax(axis=1)
        weight = self._summed([np.log(mass) for _, _, mass in parts])
        weight = np.exp(weight - weight.max(axis=1, keepdims=True))
        everything = weight.sum(axis=1, keepdims=True)
        row = np.arange(len(best))
        for column, (name, (best_value, _, mass)) in enumerate(zip(self.attributes, parts, strict=True)):
            of_value = self.groups[column]
            share = _sum_by(weight, self.combinations[:, column], mass.shape[1]) / everything
            answer = answers[name]
            answer.marginal[rows] = share[:, of_value] * proba[name] / mass[:, of_value]
            answer.value_index[rows] = best_value[row, self.combinations[best, column]]
            answer.confidence[rows] = answer.marginal[rows][row, answer.value_index[rows]]

    def _summed(self, logs: Sequence[Floats]) -> Floats:
        """For every row and combination, the sum over attributes of (n, groups) logs."""
        total = np.zeros((len(logs[0]), len(self.combinations)))
        for column, log in enumerate(logs):
            total += np.take(log, self.combinations[:, column], axis=1)
        return total


def _alone(proba: Probabilities) -> Decoded:
    marginal = np.asarray(proba, dtype=np.float64)
    return Decoded(marginal.argmax(axis=1), marginal.max(axis=1), marginal)


def _empty(shape: tuple[int, ...]) -> Decoded:
    return Decoded(np.zeros(shape[0], dtype=np.intp), np.zeros(shape[0]), np.zeros(shape))


def _by_group(proba: Floats, group: Indices) -> tuple[Indices, Floats, Floats]:
    """Of every group of values: the best value, its probability, and the group's mass; each (n, groups)."""
    members = [np.flatnonzero(group == g) for g in range(int(group.max()) + 1)]
    best = np.stack([m[proba[:, m].argmax(axis=1)] for m in members], axis=1)
    mass = np.stack([np.ascontiguousarray(proba[:, m]).sum(axis=1) for m in members], axis=1)
    return best, np.take_along_axis(proba, best, axis=1), mass


def _sum_by(weight: Floats, group: Indices, groups: int) -> Floats:
    """Columns of weight (n, m) summed by their group (m,): (n, groups), 0 for an unused group."""
    order = np.argsort(group, kind="stable")
    used, starts = np.unique(group[order], return_index=True)
    total = np.zeros((len(weight), groups))
    # reduceat and not a matrix product, whose last bits depend on how many rows are decoded at once
    total[:, used] = np.add.reduceat(np.take(weight, order, axis=1), starts, axis=1)
    return total


def _rules(taxonomy: Taxonomy, heads: Mapping[str, Sequence[str]]) -> tuple[_Rule, ...]:
    never = frozenset({NOT_APPLICABLE})
    applies = [
        _Rule(a.applies_when.attribute, frozenset(a.applies_when.values), a.name, never, applies=True)
        for a in taxonomy.attributes.values()
        if a.applies_when
    ]
    exclusions = [
        _Rule(e.first, frozenset(e.first_values), e.second, frozenset(e.second_values), applies=False)
        for e in taxonomy.exclusions
    ]
    return tuple(rule for rule in (*applies, *exclusions) if rule.first in heads and rule.second in heads)


def _tied(rules: Sequence[_Rule]) -> list[tuple[str, ...]]:
    """Attributes connected by rules, each set ordered so that every next one is tied to an earlier one."""
    remaining = list(dict.fromkeys(name for rule in rules for name in (rule.first, rule.second)))
    components = []
    while remaining:
        found = [remaining.pop(0)]
        for name in found:
            near = {r.second if r.first == name else r.first for r in rules if name in (r.first, r.second)}
            found += [other for other in remaining if other in near]
            remaining = [other for other in remaining if other not in near]
        components.append(tuple(found))
    return components


def _component(names: tuple[str, ...], rules: Sequence[_Rule], values: Mapping[str, tuple[str, ...]]) -> _Component:
    rules = [rule for rule in rules if rule.first in names]
    groups = []
    examples: dict[str, list[str]] = {}
    for name in names:
        seen: dict[tuple[tuple[bool, bool], ...], str] = {}
        signatures = [tuple(rule.signature(name, value) for rule in rules) for value in values[name]]
        for signature, value in zip(signatures, values[name], strict=True):
            seen.setdefault(signature, value)
        numbers = {signature: number for number, signature in enumerate(seen)}
        groups.append(np.array([numbers[signature] for signature in signatures], dtype=np.intp))
        examples[name] = list(seen.values())
    return _Component(names, tuple(groups), _combinations(names, rules, examples))


def _combinations(names: tuple[str, ...], rules: Sequence[_Rule], examples: Mapping[str, list[str]]) -> Indices:
    """All consistent combinations of groups, one attribute after the other to cut dead ends early."""
    found = np.zeros((1, 0), dtype=np.intp)
    for column, name in enumerate(names):
        groups = len(examples[name])
        found = np.column_stack([np.repeat(found, groups, axis=0), np.tile(np.arange(groups), len(found))])
        known = names[: column + 1]
        for rule in rules:
            if name in (rule.first, rule.second) and rule.first in known and rule.second in known:
                allowed = np.array([[rule.allows(u, v) for v in examples[rule.second]] for u in examples[rule.first]])
                found = found[allowed[found[:, names.index(rule.first)], found[:, names.index(rule.second)]]]
        if not 0 < len(found) <= MAX_COMBINATIONS:
            raise _undecodable(len(found), rules)
    return found


def _undecodable(combinations: int, rules: Sequence[_Rule]) -> InputError:
    listed = "; ".join(rule.text() for rule in rules[:5]) + ("; …" if len(rules) > 5 else "")
    if not combinations:
        return InputError(f"no set of values satisfies these rules together: {listed}", hint="mend taxonomy.toml")
    return InputError(
        f"these rules tie {combinations:,} combinations of values, over {MAX_COMBINATIONS:,}: {listed}",
        hint="use fewer excludes in taxonomy.toml, or let them share the same lists of values",
    )


def _listed(values: frozenset[str]) -> str:
    ordered = sorted(values)
    return " / ".join(ordered[:3]) + (" / …" if len(ordered) > 3 else "")


def _check_values(taxonomy: Taxonomy, values: Mapping[str, Sequence[str]]) -> None:
    for name, known in values.items():
        unknown = [value for value in known if value not in taxonomy.attribute(name).values]
        if unknown or not known:
            seen = f"the value '{unknown[0]}', which is not in the taxonomy" if unknown else "no values"
            raise InputError(f"the head of '{name}' knows {seen}", hint="train it again with this taxonomy")
