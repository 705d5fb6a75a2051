"""Change the text of taxonomy.toml: values and attributes get other names, one becomes several, several become one.

Comments, order and everything else stay as a person wrote them. Rules that name a value follow it.

>>> text = '''version = 1
... [attributes.color.values]
... # warm
... red = {pt = "vermelho"}
... crimson = {}
... blue = {}
... '''
>>> print(merge(text, "color", ["red", "crimson"], "red"), end="")
version = 2
[attributes.color.values]
# warm
red = {pt = "vermelho",synonyms = ["crimson"]}
blue = {}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.items import Table

from vitrine.errors import InputError
from vitrine.taxonomy import NOT_APPLICABLE, fold

Entries = list[tuple[str, Any]]


def rename(text: str, attribute: str, value: str, new: str) -> str:
    """The text with a value under another name; the old one stays as a synonym."""
    document = _parsed(text)
    known = _values(document, attribute, [value])
    _check_new(known, attribute, [new], gone=[value])
    entry = _with_synonyms(known[value], [value], new)
    _replace(document, attribute, {value: [(new, entry)]})
    return _finished(document, attribute, lambda name: [new] if name == value else [name])


def merge(text: str, attribute: str, values: Sequence[str], into: str) -> str:
    """The text with one value, `into`, in place of several; their names stay as its synonyms."""
    document = _parsed(text)
    known = _values(document, attribute, [one for one in values if one != into])
    if len({*values, *([into] if into in known else [])}) < 2:
        raise InputError(f"{attribute}: {', '.join(values)} is one value", hint="vitrine taxonomy rename")
    gone = [one for one in values if one != into]
    if into in known:
        kept = into
    else:
        _check_new(known, attribute, [into], gone=gone)
        kept = gone.pop(0)
    spoken = [word for one in gone for word in (one, *_spellings(known[one]))]
    entry = _with_synonyms(known[kept], [*([kept] if kept != into else []), *spoken], into)
    _replace(document, attribute, {kept: [(into, entry)], **{one: [] for one in gone}})
    return _finished(document, attribute, lambda name: [into] if name in (*gone, kept) else [name])


def split(text: str, attribute: str, value: str, into: Sequence[str]) -> str:
    """The text with several values in place of one, whose synonyms are dropped: nobody knows which they meant."""
    document = _parsed(text)
    known = _values(document, attribute, [value])
    if len(set(into)) < 2:
        raise InputError(f"{attribute} = {value}: a split needs two values, not {', '.join(into) or 'none'}")
    _check_new(known, attribute, into, gone=[value])
    _replace(document, attribute, {value: [(one, tomlkit.inline_table()) for one in into]})
    return _finished(document, attribute, lambda name: list(into) if name == value else [name])


def retire(text: str, attribute: str, value: str) -> str:
    """The text without a value."""
    document = _parsed(text)
    _values(document, attribute, [value])
    _replace(document, attribute, {value: []})
    return _finished(document, attribute, lambda name: [] if name == value else [name])


def rename_attribute(text: str, attribute: str, new: str) -> str:
    """The text with an attribute under another name."""
    document = _parsed(text)
    _values(document, attribute, [])
    if new in document["attributes"]:
        raise InputError(f"there is an attribute '{new}' already", hint="choose another name")
    attributes: Any = document["attributes"]
    document["attributes"] = _rebuilt(attributes, {attribute: [(new, attributes[attribute])]})
    _follow(document, attribute, lambda name: [name], new)
    _count_up(document)
    return tomlkit.dumps(document)


def count_up(text: str) -> str:
    """The text with the next version. InputError where it is no TOML."""
    try:
        document = _parsed(text)
    except tomlkit.exceptions.ParseError as error:
        raise InputError(str(error)) from None
    _count_up(document)
    return tomlkit.dumps(document)


def _parsed(text: str) -> tomlkit.TOMLDocument:
    return tomlkit.parse(text)


def _values(document: tomlkit.TOMLDocument, attribute: str, needed: Sequence[str]) -> Mapping[str, Any]:
    attributes: Any = document.get("attributes", {})
    if attribute not in attributes:
        raise InputError(f"attribute '{attribute}' is not in the taxonomy (it has: {', '.join(attributes)})")
    values: Mapping[str, Any] = attributes[attribute]["values"]
    for value in needed:
        if value == NOT_APPLICABLE:
            raise InputError(f"'{value}' is part of the rules and cannot be changed")
        if value not in values:
            raise InputError(f"{attribute} has no value '{value}' (it has: {', '.join(values)})")
    return values


def _check_new(known: Mapping[str, Any], attribute: str, new: Sequence[str], *, gone: Sequence[str]) -> None:
    for value in new:
        if not value.strip() or value == NOT_APPLICABLE:
            raise InputError(f"{value!r} cannot be the name of a value of {attribute}")
        if value in known and value not in gone:
            raise InputError(f"{attribute} has a value '{value}' already", hint="vitrine taxonomy merge joins the two")


def _spellings(entry: Any) -> list[str]:
    """All words that mean a value: its names and its synonyms."""
    plain = entry.unwrap() if hasattr(entry, "unwrap") else dict(entry)
    return [*(str(name) for key, name in plain.items() if key != "synonyms"), *plain.get("synonyms", ())]


def _with_synonyms(entry: Any, more: Sequence[str], value: str) -> Any:
    plain = entry.unwrap() if hasattr(entry, "unwrap") else dict(entry)
    known = {fold(value), *(fold(word) for word in _spellings(entry))}
    added = []
    for word in more:
        if fold(word) not in known:
            known.add(fold(word))
            added.append(word)
    if not added:
        return entry
    synonyms = [*plain.get("synonyms", ()), *added]
    entry["synonyms"] = synonyms
    return entry


def _replace(document: tomlkit.TOMLDocument, attribute: str, by: Mapping[str, Entries]) -> None:
    attributes: Any = document["attributes"]
    values: Any = _rebuilt(attributes[attribute]["values"], by)
    attributes[attribute]["values"] = values
    names = {fold(name) for name in values}
    for name, entry in values.items():  # a word that is a value's name now is nobody else's synonym
        synonyms = entry.get("synonyms", [])
        left = [word for word in synonyms if fold(word) not in names - {fold(name)}]
        if len(left) < len(synonyms):
            entry["synonyms"] = left


def _rebuilt(table: Any, by: Mapping[str, Entries]) -> Table:
    """A table with other entries in place of some, in the same place and with the comments between them."""
    new = tomlkit.table(is_super_table=table.is_super_table())
    for key, item in table.value.body:
        if key is None:
            new.add(item)
        elif key.key in by:
            for name, entry in by[key.key]:
                new.append(name, entry)
        else:
            new.append(key, item)
    return new


def _finished(document: tomlkit.TOMLDocument, attribute: str, becomes: Callable[[str], list[str]]) -> str:
    _follow(document, attribute, becomes, attribute)
    _count_up(document)
    return tomlkit.dumps(document)


def _follow(document: tomlkit.TOMLDocument, attribute: str, becomes: Callable[[str], list[str]], name: str) -> None:
    """Let the rules that name values of the attribute follow."""
    attributes: Any = document["attributes"]
    for other, table in attributes.items():
        rule = table.get("applies_when")
        if rule is not None and rule["attribute"] == attribute:
            rule["attribute"] = name
            _follow_list(rule, "values", becomes, f"applies_when of '{other}'")
    rules: Any = document.get("exclude", [])
    for number, rule in enumerate(rules, 1):
        if attribute in rule:
            _follow_list(rule, attribute, becomes, f"exclude number {number}")
            if name != attribute:
                rules[number - 1] = _rebuilt(rule, {attribute: [(name, rule[attribute])]})


def _follow_list(rule: Any, key: str, becomes: Callable[[str], list[str]], place: str) -> None:
    before = [str(value) for value in rule[key]]
    after = list(dict.fromkeys(new for value in before for new in becomes(value)))
    if not after:
        raise InputError(f"{place} would name no value any more", hint="change the rule in taxonomy.toml first")
    if after != before:
        rule[key] = after


def _count_up(document: tomlkit.TOMLDocument) -> None:
    document["version"] = int(document.get("version", 1)) + 1
