"""The mapping file of SAP: which attribute is which characteristic, in which words, and how a sku becomes a material."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, field_validator

from vitrine.deliver.wording import Section, Wording, read_mapping
from vitrine.errors import InputError
from vitrine.taxonomy import Taxonomy

GUIDE = "docs/guides/to-sap.md"


class Material(Section):
    """How a sku is written as a material number: up to 40 characters, in SAP's capitals."""

    pad: int = Field(0, ge=0, le=40)
    upper: bool = False

    def number(self, sku: str) -> str:
        """The material number; a sku of digits alone is filled with zeros up to `pad`.

        >>> Material(pad=18).number("1021347"), Material(upper=True).number("ab-1")
        ('000000000001021347', 'AB-1')
        """
        number = sku.upper() if self.upper else sku
        return number.zfill(self.pad) if number.isascii() and number.isdigit() else number


class Characteristic(Wording):
    """One attribute as a characteristic: `values` say its words, or else its names in the logon language do."""

    name: str = Field(min_length=1, max_length=30)


class Control(Section):
    """The control record of IDoc files: ports and partners (logical systems) as transaction WE20 has them."""

    sender_port: str = Field(min_length=1, max_length=10)
    sender: str = Field(min_length=1, max_length=10)
    receiver_port: str = Field(min_length=1, max_length=10)
    receiver: str = Field(min_length=1, max_length=10)
    client: str = Field("", pattern=r"^(\d{3})?$")


class SapMapping(Section):
    """The whole file. `language` is the logon language, ISO 639-1; `class_name` the class, `class` in the file."""

    class_name: str = Field(alias="class", min_length=1, max_length=18)
    class_type: str = Field("001", pattern=r"^\d{3}$")
    language: str = Field("en", pattern=r"^[a-z]{2}$")
    material: Material = Material()
    characteristic: tuple[Characteristic, ...] = Field(min_length=1)
    idoc: Control | None = None

    @field_validator("characteristic")
    @classmethod
    def _once_each(cls, given: tuple[Characteristic, ...]) -> tuple[Characteristic, ...]:
        for what in ("name", "attribute"):
            seen = [getattr(one, what) for one in given]
            twice = sorted({one for one in seen if seen.count(one) > 1})
            if twice:
                raise ValueError(f"{what} {twice[0]!r} is there twice")
        return given

    @property
    def by_attribute(self) -> Mapping[str, Characteristic]:
        """The characteristic of each attribute that has one, each with the language that its words are in."""
        spoken = {"language": self.language}
        return {
            one.attribute: one if one.values or one.language else one.model_copy(update=spoken)
            for one in self.characteristic
        }


def read_sap_mapping(path: Path, taxonomy: Taxonomy) -> SapMapping:
    """Read and check the file. Raises InputError for what is missing, unknown or not in the taxonomy."""
    mapping = read_mapping(path, SapMapping, guide=GUIDE)
    for one in mapping.by_attribute.values():
        attribute = one.check(taxonomy, str(path))
        if one.language is not None and not any(attribute.named(value, one.language) for value in attribute.values):
            raise InputError(
                f"{path}: no value of {one.attribute} has a name in language '{one.language}'",
                hint="add names to taxonomy.toml, or write values = {...} for this characteristic",
            )
    return mapping
