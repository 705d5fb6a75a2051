"""Which word a target has for a value: from a mapping file that people write, never guessed.

>>> from vitrine.taxonomy import parse
>>> heel = parse('''
... [attributes.heel.values]
... block = {pt = "Bloco"}
... wedge = {}
... ''').attributes["heel"]
>>> wording = Wording(attribute="heel", language="pt")
>>> wording.word(heel, "block"), wording.word(heel, "wedge")
('Bloco', None)
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from vitrine.errors import InputError
from vitrine.taxonomy import NOT_APPLICABLE, Attribute, Taxonomy


class Section(BaseModel):
    """A section of a mapping file; a key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Wording(Section):
    """How the values of an attribute are written.

    `values` stand above the names in `language`; with neither, the taxonomy's own values are written. An empty word
    leaves the place empty, which is what `not_applicable = ""` is for.
    """

    attribute: str
    language: str | None = None
    values: Mapping[str, str] = {}
    not_applicable: str | None = None

    def word(self, attribute: Attribute, value: str) -> str | None:
        """The word for a value; None where the mapping has none."""
        if value == NOT_APPLICABLE and self.not_applicable is not None:
            return self.not_applicable
        if value in self.values:
            return self.values[value]
        if self.language is not None:
            return attribute.named(value, self.language)
        return None if self.values else value

    def check(self, taxonomy: Taxonomy, where: str) -> Attribute:
        """The attribute that is meant. Raises InputError for an attribute or a value that is not in the taxonomy."""
        if self.attribute not in taxonomy.attributes:
            raise InputError(
                f"{where}: attribute '{self.attribute}' is not in the taxonomy", hint=f"mend its name in {where}"
            )
        attribute = taxonomy.attributes[self.attribute]
        for value in self.values:
            if value not in attribute.values:
                meant = attribute.suggest(value)
                raise InputError(
                    f"{where}: '{value}' is not a value of {self.attribute}",
                    hint=f"did you mean '{meant}'?" if meant else f"one of: {', '.join(attribute.values)}",
                )
        return attribute


_File = TypeVar("_File", bound=Section)


def read_mapping(path: Path, kind: type[_File], *, guide: str) -> _File:
    """Read a mapping file. Raises InputError naming the place of a mistake, with the `guide` that shows one."""
    try:
        return kind(**tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"the mapping file {path} does not exist", hint=f"write it as {guide} shows") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}", hint=f"{guide} shows a whole file") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path}: {place} = {first.get('input')!r}: {first['msg']}", hint=f"{guide} shows a whole file"
        ) from None
