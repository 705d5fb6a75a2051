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
_AGAIN = "free some space, then run vitrine export sap again; it goes on where it stopped"


def confirm_written(ledger: Ledger, folder: Path) -> None:
    """Confirm what an interrupted delivery had written already; the rest is planned anew, by what may leave today."""
    for _, some in groupby(ledger.unfinished(), key=lambda one: one.shipment):
        entries = list(some)
        if _path(folder, entries[0]).exists():
            ledger.confirm(entries)


def send(made: Plan, ledger: Ledger, mapping: SapMapping, folder: Path) -> list[Path]:
    """Write all that changes into files, and enter them in the ledger; returns the files.

    Entered as being sent before a file is written and as sent after it. Raises StorageError when a file cannot be
    written; what was written before it stays.
    """
    return [_write(entries, ledger, mapping, folder) for entries in _shipments(made)]


def _shipments(made: Plan) -> Iterator[list[Delivered]]:
    materials = list(made.by_material().values())
    for start in range(0, len(materials), _MATERIALS_IN_A_FILE):
        moment = now()
        some = materials[start : start + _MATERIALS_IN_A_FILE]
        entries = [replace(one, delivered_at=moment) for of_material in some for one in of_material]
        name = shipment_name(entries)
        yield [replace(one, shipment=name) for one in entries]


def _write(entries: Sequence[Delivered], ledger: Ledger, mapping: SapMapping, folder: Path) -> Path:
    ledger.begin(entries)
    path = _path(folder, entries[0])
    known = groupby(ledger.of_materials(one.material for one in entries), key=lambda one: one.material)
    data = idoc_file({material: list(some) for material, some in known}, mapping, entries[0].delivered_at)
    with whole(path, hint=_AGAIN) as temporary:
        temporary.write_bytes(data)
    ledger.confirm(entries)
    return path


def _path(folder: Path, one: Delivered) -> Path:
    """The file of an entry's shipment; files in the order of their names are in the order of time."""
    return folder / f"{one.delivered_at:%Y%m%d-%H%M%S-%f}-{one.shipment}.xml"
