"""Every language has every text, with the same places for values; nothing on a page is left untranslated."""

import re
from pathlib import Path

import pytest

import vitrine.web
from vitrine.web.people import LANGUAGES
from vitrine.web.speech import speak

TEMPLATES = Path(vitrine.web.__file__).parent / "templates"
SAME_EVERYWHERE = 0.2  # names such as "macro-F1" or "sku" read the same in several languages


def forms(text: object) -> list[str]:
    return [text] if isinstance(text, str) else list(text.values())  # type: ignore[attr-defined]


def places(text: object) -> set[str]:
    return {place for form in forms(text) for place in re.findall(r"{(\w+)}", form)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_with_its_places(language: str) -> None:
    english, other = speak("en").words, speak(language).words
    assert set(other) == set(english)
    for key, text in other.items():
        assert all(form.strip() for form in forms(text)), key
        assert places(text) == places(english[key]), key


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_the_texts_are_translated(language: str) -> None:
    english, other = speak("en").words, speak(language).words
    same = [key for key in english if forms(english[key])[-1] == forms(other[key])[-1]]
    assert len(same) < SAME_EVERYWHERE * len(english), same


def test_every_key_that_a_template_names_exists() -> None:
    words = speak("en").words
    named = set()
    for path in TEMPLATES.glob("*.html"):
        named |= set(re.findall(r"""\bt\("([\w.]+)"(?! ?~)""", path.read_text(encoding="utf-8")))
    assert len(named) > 50
    assert named <= set(words), named - set(words)
