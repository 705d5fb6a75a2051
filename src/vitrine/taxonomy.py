"""The taxonomy: attributes, their values, when they apply and which values exclude each other.

It is data, not code: `taxonomy.toml` in the workspace, proposed by `vitrine init` and kept by people.

>>> taxonomy = parse('''
... version = 1
... [attributes.heel]
... names = {en = "Heel", pt = "Salto"}
... [attributes.heel.values]
... none = {en = "No heel", pt = "Sem salto"}
... [attributes.heel.values.stiletto]
... en = "Stiletto"
... pt = "Fino"
... synonyms = ["agulha"]
... rule = "Thinner than a finger at its base."
... examples = ["F000652"]
... [attributes.heel_covering]
... applies_when = {attribute = "heel", values = ["stiletto"]}
... [attributes.heel_covering.values]
... lacquered = {pt = "Laqueado"}
... ''')
>>> taxonomy.attributes["heel"].rules, taxonomy.attributes["heel"].examples
({'stiletto': 'Thinner than a finger at its base.'}, {'stiletto': ('F000652',)})
>>> taxonomy.attributes["heel_covering"].values
('lacquered', 'not applicable')
>>> taxonomy.attributes["heel"].read("FINO"), taxonomy.attributes["heel"].read("agulha")
('stiletto', 'stiletto')
>>> taxonomy.attributes["heel"].read("stilleto") is None, taxonomy.attributes["heel"].suggest("stilleto")
(True, 'stiletto')
"""

import hashlib
import json
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from rapidfuzz import fuzz, process

from vitrine.errors import InputError, sentence

NOT_APPLICABLE = "not applicable"


@lru_cache(maxsize=200_000)  # a table repeats its few words in every row
def fold(text: str) -> str:
    """Case, accents and repeated spaces removed: the form in which two spellings are the same word.

    >>> fold("  Multineutro  Claro "), fold("AMARRAÇÃO")
    ('multineutro claro', 'amarracao')
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


@dataclass(frozen=True, slots=True)
class AppliesWhen:
    """An attribute applies exactly where `attribute` has one of `values`."""

    attribute: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """`first` in `first_values` and `second` in `second_values` never occur together."""

    first: str
    first_values: tuple[str, ...]
    second: str
    second_values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing to know about a product; `values` ends with `not applicable` where a rule says when it applies.

    For people who decide, a value can have a written rule and examples: skus of products that show it well.
    """

    name: str
    values: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    value_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    applies_when: AppliesWhen | None = None
    rules: Mapping[str, str] = field(default_factory=dict)
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _spellings: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def read(self, text: str) -> str | None:
        """The value that a table cell means: its id, a display name in any language, or a synonym; None if unknown."""
        return self._spellings.get(fold(text))

    def suggest(self, text: str) -> str | None:
        """The value that an unknown spelling probably means, or None."""
        found = process.extractOne(fold(text), list(self._spellings), scorer=fuzz.ratio, score_cutoff=70)
        return self._spellings[found[0]] if found else None

    def display(self, language: str = "en") -> str:
        """The attribute's name for people."""
        return self.names.get(language) or self.names.get("en") or self.name.replace("_", " ")

    def display_value(self, value: str, language: str = "en") -> str:
        """A value's name for people: in their language, else in English, else the value itself."""
        return self.named(value, language) or self.named(value, "en") or value

    def named(self, value: str, language: str) -> str | None:
        """A value's name in exactly this language, or None."""
        names = _NOT_APPLICABLE_NAMES if value == NOT_APPLICABLE else self.value_names.get(value, {})
        return names.get(language)


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """All attributes by name, in order, with the rules between them; `id` changes with any value or rule."""

    version: int
    attributes: Mapping[str, Attribute]
    exclusions: tuple[Exclusion, ...] = ()

    @property
    def id(self) -> str:
        """`tx-<version>-<hash>` over everything that can change an answer (display names cannot)."""
        content = {
            "attributes": [[a.name, a.values, _rule(a.applies_when)] for a in self.attributes.values()],
            "exclusions": [[e.first, e.first_values, e.second, e.second_values] for e in self.exclusions],
        }
        digest = hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()
        return f"tx-{self.version}-{digest[:10]}"

    def attribute(self, name: str) -> Attribute:
        """The attribute of that name, or an error that lists those that exist."""
        if name not in self.attributes:
            raise InputError(
                sentence(
                    "attribute '{name}' is not in the taxonomy (it has: {known})",
                    name=name,
                    known=", ".join(self.attributes),
                ),
                hint=sentence("add it to taxonomy.toml, or choose one of these with --attribute"),
            )
        return self.attributes[name]

    def infer_not_applicable(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels of one product, completed by `not applicable` wherever a label of the controlling attribute says so."""
        complete = dict(labels)
        for attribute in self.attributes.values():
            rule = attribute.applies_when
            if rule is None or attribute.name in complete or rule.attribute not in complete:
                continue
            if complete[rule.attribute] not in rule.values:
                complete[attribute.name] = NOT_APPLICABLE
        return complete


_NO_LANGUAGES = frozenset({"synonyms", "rule", "examples"})  # what else a value's table has beside its names
_NOT_APPLICABLE_NAMES = {"en": NOT_APPLICABLE, "pt": "não se aplica", "es": "no aplica", "id": "tidak berlaku"}


def _rule(rule: AppliesWhen | None) -> list[object]:
    return [rule.attribute, list(rule.values)] if rule else []


def load(path: Path) -> Taxonomy:
    """Read `taxonomy.toml`; every mistake in it is an InputError that names the place."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist", hint="vitrine init --table labels.csv proposes one") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: byte {error.start} is {error.object[error.start]:#x}") from None
    return parse(text, where=str(path))


def parse(text: str, *, where: str = "taxonomy") -> Taxonomy:
    """Read a taxonomy from TOML text; `where` names the file in errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: {error}", hint="the file must be valid TOML; https://toml.io") from None
    tables = data.get("attributes", {})
    if not isinstance(tables, dict) or not tables:
        raise InputError(f"{where}: no [attributes.NAME] table", hint="vitrine init --table labels.csv proposes one")
    attributes = {name: _attribute(name, table, where) for name, table in tables.items()}
    exclusions = tuple(_exclusion(number, entry, where) for number, entry in enumerate(data.get("exclude", []), 1))
    taxonomy = Taxonomy(int(data.get("version", 1)), attributes, exclusions)
    _check_rules(taxonomy, where)
    return taxonomy


def _attribute(name: str, table: object, where: str) -> Attribute:
    if not isinstance(table, dict) or not isinstance(table.get("values"), dict) or not table["values"]:
        raise InputError(f"{where}: attribute '{name}' has no values", hint=f"add a table [attributes.{name}.values]")
    rule = _applies_when(name, table.get("applies_when"), where)
    entries = table["values"]
    synonyms, examples = _lists(name, "synonyms", entries, where), _lists(name, "examples", entries, where)
    rules = {value: str(entry["rule"]) for value, entry in entries.items() if "rule" in entry}
    value_names = {v: {k: str(n) for k, n in e.items() if k not in _NO_LANGUAGES} for v, e in entries.items()}
    values = (*entries, NOT_APPLICABLE) if rule and NOT_APPLICABLE not in entries else tuple(entries)
    spellings = _spellings(name, values, value_names, synonyms, where)
    return Attribute(name, values, table.get("names", {}), value_names, synonyms, rule, rules, examples, spellings)


def _lists(
    attribute: str, key: str, entries: Mapping[str, Mapping[str, object]], where: str
) -> dict[str, tuple[str, ...]]:
    """value → its list under `key`, where it has one."""
    found = {value: entry[key] for value, entry in entries.items() if key in entry}
    for value, given in found.items():
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise InputError(f"{where}: {key} of {attribute} '{value}' is {given!r}", hint=f'write {key} = ["…", "…"]')
    return {value: tuple(given) for value, given in found.items() if isinstance(given, list)}


def _spellings(
    attribute: str,
    values: Iterable[str],
    names: Mapping[str, Mapping[str, str]],
    synonyms: Mapping[str, tuple[str, ...]],
    where: str,
) -> dict[str, str]:
    """Folded spelling → value; ids go first, so that a display name never takes another value's id away."""
    spellings = {fold(value): value for value in values}
    for value in values:
        display = _NOT_APPLICABLE_NAMES if value == NOT_APPLICABLE else names.get(value, {})
        for synonym in synonyms.get(value, ()):
            taken = spellings.setdefault(fold(synonym), value)
            if taken != value:
                raise InputError(f"{where}: {attribute}: '{synonym}' stands for both '{taken}' and '{value}'")
        for display_name in display.values():
            spellings.setdefault(fold(display_name), value)
    return spellings


def _applies_when(name: str, rule: object, where: str) -> AppliesWhen | None:
    if rule is None:
        return None
    if not isinstance(rule, dict) or set(rule) != {"attribute", "values"}:
        raise InputError(
            f"{where}: applies_when of '{name}' is {rule!r}",
            hint='write applies_when = {attribute = "heel", values = ["block", "stiletto"]}',
        )
    return AppliesWhen(str(rule["attribute"]), tuple(rule["values"]))


def _exclusion(number: int, entry: object, where: str) -> Exclusion:
    if not isinstance(entry, dict) or len(entry) != 2 or not all(isinstance(v, list) for v in entry.values()):
        raise InputError(
            f"{where}: exclude number {number} is {entry!r}",
            hint='an exclude names two attributes: heel = ["stiletto"] and category = ["sneaker"]',
        )
    (first, first_values), (second, second_values) = entry.items()
    return Exclusion(first, tuple(first_values), second, tuple(second_values))


def _check_rules(taxonomy: Taxonomy, where: str) -> None:
    named: list[tuple[str, str, tuple[str, ...]]] = []
    for attribute in taxonomy.attributes.values():
        if attribute.applies_when:
            rule = attribute.applies_when
            named.append((f"applies_when of '{attribute.name}'", rule.attribute, rule.values))
            if rule.attribute == attribute.name:
                raise InputError(f"{where}: applies_when of '{attribute.name}' names itself")
    for exclusion in taxonomy.exclusions:
        named.append(("exclude", exclusion.first, exclusion.first_values))
        named.append(("exclude", exclusion.second, exclusion.second_values))
    for rule_name, name, values in named:
        if name not in taxonomy.attributes:
            raise InputError(f"{where}: {rule_name} names the attribute '{name}', which is not there")
        for value in values:
            if value not in taxonomy.attributes[name].values:
                suggestion = taxonomy.attributes[name].suggest(value)
                hint = f"did you mean '{suggestion}'?" if suggestion else ""
                raise InputError(f"{where}: {rule_name}: '{value}' is not a value of {name}", hint=hint)
    _check_cycles(taxonomy, where)


def _check_cycles(taxonomy: Taxonomy, where: str) -> None:
    for attribute in taxonomy.attributes.values():
        chain = [attribute.name]
        while (rule := taxonomy.attributes[chain[-1]].applies_when) is not None:
            if rule.attribute in chain:
                raise InputError(f"{where}: applies_when goes in a circle: {' → '.join([*chain, rule.attribute])}")
            chain.append(rule.attribute)
