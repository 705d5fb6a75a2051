"""What the values of an attribute mean: the written rule, other words for it, and example pictures."""

from collections.abc import Mapping
from dataclasses import dataclass

from vitrine.taxonomy import Attribute
from vitrine.web.examples import Example


@dataclass(frozen=True, slots=True)
class ValueGuide:
    """One value as people should know it; `rule` is None where none is written."""

    value: str
    name: str
    rule: str | None
    synonyms: list[str]
    examples: list[Example]


def guide(attribute: Attribute, examples: Mapping[str, list[Example]], language: str) -> list[ValueGuide]:
    """All values in the order of the taxonomy."""
    return [
        ValueGuide(
            value=value,
            name=attribute.display_value(value, language),
            rule=attribute.rules.get(value),
            synonyms=list(attribute.synonyms.get(value, ())),
            examples=examples.get(value, []),
        )
        for value in attribute.values
    ]
