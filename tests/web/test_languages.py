"""Every language has every text, with the same places for values; nothing on a page is left untranslated."""

import ast
import json
import re
from datetime import datetime
from pathlib import Path

import pytest

import vitrine.web
from vitrine.errors import kept as kept_text
from vitrine.errors import packed, recalled, sentence, unpacked
from vitrine.learn.promote import Comparison
from vitrine.taxonomy import parse
from vitrine.web.people import LANGUAGES
from vitrine.web.speech import speak

TEMPLATES = Path(vitrine.web.__file__).parent / "templates"
SOURCE = Path(vitrine.web.__file__).parent.parent
OTHERS = [one for one in LANGUAGES if one != "en"]
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


@pytest.mark.parametrize("language", OTHERS)
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


def raised() -> set[str]:
    """The pattern of every `sentence(…)` in the library."""
    calls = (node for path in SOURCE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    found = [
        node.args[0] for node in calls if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "sentence"
    ]
    written = {one.value for one in found if isinstance(one, ast.Constant)}
    assert len(written) > 50 and len(found) == sum(isinstance(one, ast.Constant) for one in found)
    return written


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_of_an_error_is_translated_with_its_places(language: str) -> None:
    told = speak(language).sentences
    assert set(told) == raised()
    for pattern, text in told.items():
        assert set(re.findall(r"{(\w+)", text)) | {"attribute"} == set(re.findall(r"{(\w+)", pattern)) | {"attribute"}
        assert text.strip() and text != pattern


def test_a_sentence_is_told_with_the_names_that_people_read() -> None:
    taxonomy = parse('version = 1\n[attributes.color]\n[attributes.color.values]\nred = {pt = "Vermelho"}\n')
    said = sentence("did you mean '{value}'?", value="red", attribute="color")
    assert said == "did you mean 'red'?"
    assert speak("pt").tell(said, taxonomy) == "você quis dizer 'Vermelho'?"
    counted = sentence("look-alikes are being prepared: {done:,} of {total:,} products", done=1200, total=120_000)
    assert (
        speak("es").tell(counted, taxonomy) == "se están preparando los similares: 1\u202f200 de 120\u202f000 productos"
    )
    verdict = Comparison("md-b", "md-a", 1200, 0.0123, (-0.001, 0.0256), ("color = red",)).sentence()
    kept = json.loads(json.dumps(packed(sentence("not promoted: {verdict}", verdict=verdict))))
    assert unpacked(kept) == f"not promoted: {verdict}"
    assert speak("pt").tell(unpacked(kept), taxonomy) == (
        "não promovido: md-b contra md-a: +1,23 pontos (intervalo de 95 % de -0,10 a +2,56, n = 1\u202f200); "
        "cai em color = red"
    )
    assert speak("pt").tell("no sentence, stays", taxonomy) == "no sentence, stays"
    lost = sentence("{place} could not be read: {reason}", place="s3://studio", reason="no route")
    assert speak("es").tell(recalled(kept_text(lost)), taxonomy) == "no se pudo leer s3://studio: no route"
    assert recalled(kept_text(sentence("since {moment:%H:%M}", moment=datetime(2026, 1, 1, 9, 30)))) == "since 09:30"
    assert recalled(kept_text(None)) is None
    drop = sentence("{attribute} = {value} ({points:+.1f} points)", attribute="color", value="red", points=-3.21)
    assert (drop, speak("pt").tell(drop, taxonomy)) == ("color = red (-3.2 points)", "color: Vermelho (-3,2 pontos)")
