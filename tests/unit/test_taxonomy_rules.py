"""Rules and examples for people: kept with the value, never taken for names or spellings, refused when malformed."""

import pytest

from vitrine.errors import InputError
from vitrine.taxonomy import parse

TEXT = """
[attributes.heel.values]
none = {}
[attributes.heel.values.block]
en = "Block"
rule = "As wide as the shoe's back."
examples = ["A-1", "A-2"]
"""


def test_a_rule_is_no_name_and_no_spelling_and_changes_no_identity() -> None:
    taxonomy = parse(TEXT)
    heel = taxonomy.attributes["heel"]
    assert (heel.rules, heel.examples) == ({"block": "As wide as the shoe's back."}, {"block": ("A-1", "A-2")})
    assert heel.value_names["block"] == {"en": "Block"}
    assert heel.read("As wide as the shoe's back.") is None
    plain = parse(TEXT.replace("rule =", "# rule =").replace("examples =", "# examples ="))
    assert taxonomy.id == plain.id


@pytest.mark.parametrize("wrong", ['examples = "A-1"', "examples = [1]", 'synonyms = "wedge"'])
def test_a_list_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(InputError, match="of heel 'block' is"):
        parse(TEXT.replace('examples = ["A-1", "A-2"]', wrong))
