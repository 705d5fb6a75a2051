"""Deliver through a service: read what SAP says of the materials that change, write what differs, confirm what was done.

Reading comes before every write, also before one is tried again. So a write whose answer was lost is not done twice.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vitrine.deliver.problems import Problems
from vitrine.deliver.sap.ledger import RECALLING, Ledger
from vitrine.deliver.sap.mapping import SapMapping
from vitrine.deliver.sap.odata import BUSY, NoAnswer, Operation, Outcome, Service, key, literal
from vitrine.deliver.sap.plan import Plan
from vitrine.errors import InputError, Refused
from vitrine.records import Delivered, now

LONGEST_WORD = 70  # CharcValue
VALUES, CLASSES = "A_ProductCharcValue", "A_ProductClass"
_CLASS, _CHARACTERISTIC = "A_ClfnClassForKeyDate", "A_ClfnCharacteristicForKeyDate"
_AT_ONCE = 20  # materials in a $batch: Gateway limits how many operations one may have
_CHANGED = (412, 428)  # somebody else wrote in between
_FIRST_POSITION = "1"


@dataclass(frozen=True, slots=True)
class Value:
    """One value that SAP has, at its position."""

    position: str
    word: str
    etag: str | None


@dataclass(slots=True)
class There:
    """What SAP says of some materials: values by material and characteristic, and which materials are in the class."""

    values: dict[tuple[str, str], list[Value]]
    classified: set[str]


@dataclass(frozen=True, slots=True)
class Sent:
    """Which entries SAP took, which it refused and why, and which nobody knows of."""

    done: Sequence[Delivered]
    refused: Mapping[Delivered, str]
    unknown: Mapping[Delivered, str]


class Classification:
    """The classification of materials in one class, read and written through a service."""

    def __init__(self, service: Service, characteristics: Service, mapping: SapMapping) -> None:
        """Look the class and its characteristics up. Raises InputError where SAP does not know one of them."""
        self._service, self._mapping = service, mapping
        self._class_id = _only(
            service, _CLASS, f"Class eq {literal(mapping.class_name)} and ClassType eq {literal(mapping.class_type)}",
            "ClassInternalID", f"class {mapping.class_name} of type {mapping.class_type}",
        )  # fmt: skip
        self._ids = {
            one.name: _only(characteristics, _CHARACTERISTIC, f"Characteristic eq {literal(one.name)}",
                            "CharcInternalID", f"characteristic {one.name}")
            for one in mapping.characteristic
        }  # fmt: skip
        self._names = {internal: name for name, internal in self._ids.items()}

    def check_writable(self) -> None:
        """Raises Refused where the service's own metadata says that it only reads."""
        allowed = self._service.allowed()
        values = allowed.get(VALUES)
        if values is None or not (values.creatable and values.updatable and values.deletable):
            raise Refused(
                f"{self._service.url} only reads: by its metadata values cannot be created, changed and deleted",
                hint='SAP\'s own API_CLFN_PRODUCT_SRV only reads: set way = "idoc" in section sap of vitrine.toml, '
                "or name a service of yours that writes",
            )

    def read(self, materials: Iterable[str]) -> There:
        """What SAP says of these materials now."""
        wanted = " or ".join(f"Product eq {literal(one)}" for one in sorted(set(materials)))
        filter = f"ClassType eq {literal(self._mapping.class_type)} and ({wanted})"
        there = There({}, set())
        for row in self._service.rows(VALUES, filter):
            name = self._names.get(row["CharcInternalID"])
            if name is not None:
                value = Value(row["CharcValuePositionNumber"], row["CharcValue"], row.get("__metadata", {}).get("etag"))
                there.values.setdefault((row["Product"], name), []).append(value)
        for row in self._service.rows(CLASSES, filter):
            if row["ClassInternalID"] == self._class_id:
                there.classified.add(row["Product"])
        return there

    def settle(self, entries: Sequence[Delivered]) -> Sent:
        """Write what differs until nothing does, or SAP refuses, or no try is left; one change set a material."""
        waiting = {material: list(some) for material, some in _by_material(entries).items()}
        done: list[Delivered] = []
        refused: dict[Delivered, str] = {}
        reasons: dict[str, str] = {}
        for attempt in range(self._service.retries + 1):
            there = self.read(waiting)
            writes = {material: self._operations(some, there, refused) for material, some in waiting.items()}
            for material in [one for one, operations in writes.items() if not operations]:
                done += [one for one in waiting.pop(material) if one not in refused]
                del writes[material]
            if not writes:
                break
            try:
                outcomes = self._service.write(list(writes.values()))
            except NoAnswer as error:
                reasons = dict.fromkeys(waiting, str(error))
                self._service.pause(attempt, error.wait)
                continue
            reasons = self._sort(dict(zip(writes, outcomes, strict=True)), waiting, done, refused)
            if not waiting:
                break
            self._service.pause(attempt)
        unknown = {one: reasons[material] for material, some in waiting.items() for one in some if one not in refused}
        return Sent(done, refused, unknown)

    def _operations(self, entries: Sequence[Delivered], there: There, refused: dict[Delivered, str]) -> list[Operation]:
        """The writes that bring one material in line, none where it is."""
        operations: list[Operation] = []
        for one in entries:
            values = there.values.get((one.material, one.characteristic), [])
            if one.state == RECALLING:
                operations += self._recall(one, values, refused)
            else:
                operations += self._set(one, values, refused)
        created = any(one.method == "POST" for one in operations)
        if created and entries[0].material not in there.classified:
            body = {"Product": entries[0].material, "ClassInternalID": self._class_id,
                    "ClassType": self._mapping.class_type}  # fmt: skip
            operations.insert(0, Operation("POST", CLASSES, body))
        return operations

    def _set(self, one: Delivered, values: Sequence[Value], refused: dict[Delivered, str]) -> Iterator[Operation]:
        if len(values) > 1:
            refused[one] = f"SAP has {len(values)} values of {one.characteristic}: {', '.join(v.word for v in values)}"
        elif not values:
            body = {**self._key(one, _FIRST_POSITION), "CharcValue": one.word}
            yield Operation("POST", VALUES, body)
        elif values[0].word != one.word:
            path = VALUES + key(**self._key(one, values[0].position))
            yield Operation("PATCH", path, {"CharcValue": one.word}, values[0].etag)

    def _recall(self, one: Delivered, values: Sequence[Value], refused: dict[Delivered, str]) -> Iterator[Operation]:
        """Take back what was delivered; another word is somebody else's."""
        ours = [value for value in values if value.word == one.word]
        if values and not ours:
            refused[one] = f"SAP says '{values[0].word}' by now, which was not delivered from here"
        for value in ours:
            yield Operation("DELETE", VALUES + key(**self._key(one, value.position)), None, value.etag)

    def _key(self, one: Delivered, position: str) -> dict[str, str]:
        return {
            "Product": one.material,
            "ClassType": self._mapping.class_type,
            "CharcInternalID": self._ids[one.characteristic],
            "CharcValuePositionNumber": position,
        }

    @staticmethod
    def _sort(
        outcomes: Mapping[str, Outcome],
        waiting: dict[str, list[Delivered]],
        done: list[Delivered],
        refused: dict[Delivered, str],
    ) -> dict[str, str]:
        """Take out of `waiting` what was done or refused; returns why the others wait."""
        reasons = {}
        for material, outcome in outcomes.items():
            if outcome.status < 300:
                done += [one for one in waiting.pop(material) if one not in refused]
            elif outcome.status in (*_CHANGED, *BUSY):
                reasons[material] = f"HTTP {outcome.status}: {outcome.message}"
            else:
                said = f"SAP refused it, HTTP {outcome.status}: {outcome.message}"
                refused.update((one, said) for one in waiting.pop(material) if one not in refused)
        return reasons


def send(made: Plan, ledger: Ledger, classification: Classification, problems: Problems) -> tuple[int, int]:
    """Settle all that changes, some materials at a time, with the ledger; returns how many were sent and recalled.

    Entered before it is sent and confirmed after: what a crash leaves in between is read back by the next delivery.
    """
    if made.send or made.recall:
        classification.check_writable()
    shipment = f"odata-{uuid.uuid4().hex[:12]}"
    materials = list(made.by_material().values())
    sent = recalled = 0
    for start in range(0, len(materials), _AT_ONCE):
        some = [one for of_material in materials[start : start + _AT_ONCE] for one in of_material]
        entries = [replace(one, shipment=shipment, delivered_at=now()) for one in some]
        ledger.begin(entries)
        outcome = classification.settle(entries)
        ledger.confirm(outcome.done)
        ledger.give_back(outcome.refused, made.before)
        recalls = sum(one.state == RECALLING for one in outcome.done)
        sent, recalled = sent + len(outcome.done) - recalls, recalled + recalls
        for one, reason in outcome.refused.items():
            problems.add(one.attribute, one.value, one.sku, reason, "mend it in SAP or in the mapping file")
        for one, reason in outcome.unknown.items():
            problems.add(one.attribute, one.value, one.sku, f"no answer from SAP: {reason}", "run the command again")
    return sent, recalled


def already_there(made: Plan, classification: Classification) -> set[Delivered]:
    """Those of the planned changes that SAP says already; for a dry run, which only reads."""
    found: set[Delivered] = set()
    materials = list(made.by_material().values())
    for start in range(0, len(materials), _AT_ONCE):
        some = [one for of_material in materials[start : start + _AT_ONCE] for one in of_material]
        there = classification.read(one.material for one in some)
        for one in some:
            words = [value.word for value in there.values.get((one.material, one.characteristic), [])]
            if (one.state == RECALLING and not words) or (one.state != RECALLING and words == [one.word]):
                found.add(one)
    return found


def _by_material(entries: Sequence[Delivered]) -> dict[str, list[Delivered]]:
    found: dict[str, list[Delivered]] = {}
    for one in entries:
        found.setdefault(one.material, []).append(one)
    return found


def _only(service: Service, entity_set: str, filter: str, column: str, what: str) -> str:
    """The internal number of a thing with a unique name."""
    found = {str(row[column]) for row in service.rows(entity_set, filter)}
    if len(found) != 1:
        raise InputError(
            f"SAP at {service.url} knows {len(found) or 'no'} {what}",
            hint="mend its name in the mapping file, or create it in SAP (CT04, CL02)",
        )
    return found.pop()
