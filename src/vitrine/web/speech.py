"""The words of the pages in four languages, and how each language writes numbers and moments.

>>> speech = speak("pt")
>>> speech.percent(0.8137), speech.count(12345), speech.t("standing.published")
('81,4\u202f%', '12\u202f345', 'publicado')
>>> speak("en").t("catalog.found", n=1), speak("en").t("catalog.found", n=2)
('1 product', '2 products')
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import resources
from typing import Any

from vitrine.errors import InputError, Sentence
from vitrine.taxonomy import Taxonomy
from vitrine.web.people import LANGUAGES

_THIN = "\u202f"  # narrow and never broken: between thousands, and before %
_COMMA = frozenset({"pt", "es", "id"})
NAMES = {"en": "English", "pt": "Português", "es": "Español", "id": "Bahasa Indonesia"}


class _WithComma(float):
    """A number that any format writes with a decimal comma."""

    def __format__(self, spec: str) -> str:
        return float.__format__(self, spec).replace(".", ",")


@dataclass(frozen=True, slots=True)
class Speech:
    """One language: `t(key, …)` gives a text, the other methods write figures."""

    language: str
    words: Mapping[str, str | Mapping[str, str]]
    sentences: Mapping[str, str]

    def t(self, key: str, /, **values: Any) -> str:
        """The text of `key` with `values` in their places; `n` chooses singular or plural and is written as a count."""
        text = self.words[key]
        if isinstance(text, Mapping):
            text = text["one"] if values["n"] == 1 and "one" in text else text["other"]
        if isinstance(values.get("n"), int):
            values["n"] = self.count(values["n"])
        return text.format(**values)

    def tell(self, text: str, taxonomy: Taxonomy) -> str:
        """A sentence of the library in this language, with display names; a text that is no `Sentence` stays as it is."""
        if not isinstance(text, Sentence):
            return text
        values = {name: self._read(name, text.values, taxonomy) for name in text.values}
        return self.sentences.get(text.pattern, text.pattern).format(**values)

    def _read(self, name: str, values: Mapping[str, Any], taxonomy: Taxonomy) -> Any:
        value = values[name]
        if isinstance(value, Sentence):
            return self.tell(value, taxonomy)
        if name == "attribute":
            return self.attribute(taxonomy, value)
        if name == "value":
            return self.value(taxonomy, values["attribute"], value)
        if name in ("outcome", "role", "kind"):
            return self.words.get(f"{name}.{value.replace(' ', '_')}", value)
        if isinstance(value, float) and self.language in _COMMA:
            return _WithComma(value)
        return self.count(value) if isinstance(value, int) and self.sentences else value

    def count(self, number: int | None) -> str:
        """A whole number with thin spaces between thousands."""
        return "–" if number is None else f"{number:,}".replace(",", _THIN)

    def number(self, value: float | None, digits: int = 1) -> str:
        """A number with this language's decimal mark."""
        if value is None:
            return "–"
        text = f"{value:,.{digits}f}".replace(",", _THIN)
        return text.replace(".", ",") if self.language in _COMMA else text

    def percent(self, share: float | None, digits: int = 1) -> str:
        """A share in percent; what is not whole never reads 100 %."""
        if share is None:
            return "–"
        shown = min(100 * share, 100 - 10**-digits) if share < 1 else 100.0
        return f"{self.number(shown, digits)}{_THIN}%"

    def points(self, difference: float) -> str:
        """A difference of shares in percentage points, with its sign."""
        sign = "+" if difference > 0 else "−" if difference < 0 else "±"
        return f"{sign}{self.number(abs(100 * difference))}"

    def moment(self, when: datetime | None) -> str:
        """Day and minute in UTC, the same in every language."""
        return "–" if when is None else f"{when:%Y-%m-%d %H:%M}"

    def attribute(self, taxonomy: Taxonomy, name: str) -> str:
        """An attribute's display name, also of one that the taxonomy no longer has."""
        known = taxonomy.attributes.get(name)
        return known.display(self.language) if known else name.replace("_", " ")

    def value(self, taxonomy: Taxonomy, attribute: str, value: str | None) -> str:
        """A value's display name, also of one that the taxonomy no longer has."""
        known = taxonomy.attributes.get(attribute)
        if value is None:
            return "–"
        return known.display_value(value, self.language) if known else value


def speak(language: str) -> Speech:
    """The speech of a language; InputError for one there is none of."""
    if language not in LANGUAGES:
        raise InputError(f"there is no language '{language}' (there are: {', '.join(LANGUAGES)})")
    return _load(language)


def preferred(accept_language: str) -> str:
    """The first of our languages in an Accept-Language header, as browsers list them; English if none.

    >>> preferred("fr-CH, pt-BR;q=0.9, en;q=0.8"), preferred("")
    ('pt', 'en')
    """
    wanted = (part.split(";")[0].strip().split("-")[0].casefold() for part in accept_language.split(","))
    return next((language for language in wanted if language in LANGUAGES), LANGUAGES[0])


@lru_cache(maxsize=len(LANGUAGES))
def _load(language: str) -> Speech:
    file = resources.files("vitrine.web") / "languages" / f"{language}.toml"
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    sentences = table.pop("sentences", {})  # in English they stand where they are raised
    return Speech(language, dict(_flat(table)), sentences)


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, entry in table.items():
        if isinstance(entry, dict) and "other" not in entry:
            found += _flat(entry, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", entry))
    return found
