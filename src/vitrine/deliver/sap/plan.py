"""What SAP should say, and what has to be sent or recalled for it: the answers that may leave against the ledger."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vitrine.deliver.leaving import leaving
from vitrine.deliver.problems import Problems
from vitrine.deliver.sap.ledger import RECALLED, RECALLING, SENDING, SENT, Ledger
from vitrine.deliver.sap.mapping import Characteristic, SapMapping
from vitrine.intake.discontinue import discontinued_skus
from vitrine.records import Delivered, now

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

_LONGEST_MATERIAL = 40


@dataclass(slots=True)
class Plan:
    """What to send and to recall; `kept` counts words that are there already, `problems` are answers that stay here.

    `before` has the ledger's entries that these replace, by material and characteristic.
    """

    send: list[Delivered] = field(default_factory=list)
    recall: list[Delivered] = field(default_factory=list)
    kept: int = 0
    before: dict[tuple[str, str], Delivered] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)

    def by_material(self) -> dict[str, list[Delivered]]:
        """All that changes, material by material in order."""
        found: dict[str, list[Delivered]] = {}
        for one in sorted([*self.send, *self.recall], key=lambda one: (one.material, one.characteristic)):
            found.setdefault(one.material, []).append(one)
        return found


def plan(workspace: "Workspace", mapping: SapMapping, ledger: Ledger, *, longest: int) -> Plan:
    """Hold the answers that may leave against the ledger; words have at most `longest` characters.

    A word is recalled when its answer may not leave any more, or is another one by now that has no word. What the
    ledger has of characteristics that the mapping no longer names is left alone, and so is what it has of products that
    left the range: nobody said that it was wrong.
    """
    made = Plan()
    with workspace.catalog.reading() as connection:
        gone = discontinued_skus(connection)
    for name, answers in zip(workspace.taxonomy.attributes, leaving(workspace), strict=True):
        characteristic = mapping.by_attribute.get(name)
        if characteristic is not None:
            told = _told(workspace, mapping, characteristic, answers, longest, made.problems)
            _hold_against(ledger, characteristic, answers, told, gone, made)
    return made


@dataclass(frozen=True, slots=True)
class _Told:
    """What one attribute says: material → row of the answers and word; and material → value where it has no word."""

    words: dict[str, tuple[int, str]]
    silent: dict[str, str]


def _told(
    workspace: "Workspace", mapping: SapMapping, characteristic: Characteristic, answers: pa.Table, longest: int,
    problems: Problems,
) -> _Told:  # fmt: skip
    attribute = workspace.taxonomy.attributes[characteristic.attribute]
    words = {value: characteristic.word(attribute, value) for value in attribute.values}
    told = _Told({}, {})
    for row, (sku, value) in enumerate(zip(answers["sku"].to_pylist(), answers["value"].to_pylist(), strict=True)):
        material, word = mapping.material.number(sku), words[value]
        reason = _reason(characteristic, word, material, longest)
        if material in told.words:
            reason = f"material {material} is another sku's too"
        if reason:
            hint = f"mend {characteristic.name} or section material in {workspace.settings.sap.mapping}"
            problems.add(attribute.name, value, sku, reason, hint)
            told.silent.setdefault(material, value)
        elif word:
            told.words[material] = row, word
    return told


def _reason(characteristic: Characteristic, word: str | None, material: str, longest: int) -> str:
    """Why an answer stays here; empty where it may go."""
    if word is None:
        return f"{characteristic.name} has no word for it"
    if len(word) > longest:
        return f"its word has {len(word)} characters, {longest} is the most"
    if not material or len(material) > _LONGEST_MATERIAL:
        return f"material numbers have 1 to {_LONGEST_MATERIAL} characters, '{material[:80]}' has {len(material)}"
    if material != material.upper():
        return "material numbers are in capitals: upper = true under [material] writes them so"
    if any(ord(letter) < ord(" ") for letter in word + material):
        return "it has a character that no file to SAP has a place for"
    return ""


def _hold_against(
    ledger: Ledger, characteristic: Characteristic, answers: pa.Table, told: _Told, gone: Collection[str], made: Plan
) -> None:
    held = ledger.of_characteristic(characteristic.name)
    columns = {one: held[one].to_pylist() for one in ("material", "word", "state", "value", "sku")}
    places = {material: row for row, material in enumerate(columns["material"])}
    for material, (row, word) in told.words.items():
        at = places.get(material)
        if at is not None and columns["state"][at] == SENT and columns["word"][at] == word:
            made.kept += 1
            continue
        if at is not None:
            made.before[material, characteristic.name] = Delivered(**held.slice(at, 1).to_pylist()[0])
        answer = answers.slice(row, 1).to_pylist()[0]
        made.send.append(_entry(ledger.place, material, characteristic, word, answer))
    for material, at in places.items():
        stays = columns["state"][at] == RECALLED or told.silent.get(material) == columns["value"][at]
        if material not in told.words and not stays and columns["sku"][at] not in gone:
            entry = Delivered(**held.slice(at, 1).to_pylist()[0])
            made.before[material, characteristic.name] = entry
            made.recall.append(replace(entry, state=RECALLING, delivered_at=now()))


def _entry(
    place: str, material: str, characteristic: Characteristic, word: str, answer: Mapping[str, Any]
) -> Delivered:
    return Delivered(
        place=place,
        material=material,
        characteristic=characteristic.name,
        word=word,
        state=SENDING,
        sku=answer["sku"],
        attribute=answer["attribute"],
        value=answer["value"],
        origin=answer["origin"],
        said_by=answer["said_by"],
        head_id=answer["head_id"],
        model_id=answer["model_id"],
        certificate=answer["certificate"],
        shipment="",
        delivered_at=now(),
    )
