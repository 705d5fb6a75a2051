"""Deliver by files: one IDoc a material into a folder, from which SAP's ALE inbox takes them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from vitrine.deliver.sap.idoc import idoc_file, shipment_name
from vitrine.deliver.sap.ledger import Ledger
from vitrine.deliver.sap.mapping import SapMapping
from vitrine.deliver.sap.plan import Plan
from vitrine.records import Delivered, now
from vitrine.stores.whole import whole

_MATERIALS_IN_A_FILE = 500
_AGAIN = "free some space, then run vitrine export sap again; it finishes what it began"


def finish(ledger: Ledger, mapping: SapMapping, folder: Path) -> None:
    """Write the files of a delivery that was interrupted, with the names and contents they were to have."""
    for _, entries in groupby(ledger.unfinished(), key=lambda one: one.shipment):
        _write(list(entries), ledger, mapping, folder)


def send(made: Plan, ledger: Ledger, mapping: SapMapping, folder: Path) -> list[Path]:
    """Write all that changes into files, and enter them in the ledger; returns the files.

    Entered as being sent before a file is written and as sent after it: a crash between the two is finished by the
    next delivery. Raises StorageError when a file cannot be written.
    """
    return [_write(entries, ledger, mapping, folder, begin=True) for entries in _shipments(made)]


def _shipments(made: Plan) -> Iterator[list[Delivered]]:
    materials = list(made.by_material().values())
    for start in range(0, len(materials), _MATERIALS_IN_A_FILE):
        moment = now()
        some = materials[start : start + _MATERIALS_IN_A_FILE]
        entries = [replace(one, delivered_at=moment) for of_material in some for one in of_material]
        name = shipment_name(entries)
        yield [replace(one, shipment=name) for one in entries]


def _write(
    entries: Sequence[Delivered], ledger: Ledger, mapping: SapMapping, folder: Path, *, begin: bool = False
) -> Path:
    if begin:
        ledger.begin(entries)
    first = entries[0]
    path = folder / f"{first.delivered_at:%Y%m%d-%H%M%S-%f}-{first.shipment}.xml"
    if not path.exists():
        known = groupby(ledger.of_materials(one.material for one in entries), key=lambda one: one.material)
        data = idoc_file({material: list(some) for material, some in known}, mapping, first.delivered_at)
        with whole(path, hint=_AGAIN) as temporary:
            temporary.write_bytes(data)
    ledger.confirm(entries)
    return path
