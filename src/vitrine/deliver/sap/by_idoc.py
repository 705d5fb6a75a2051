"""Deliver by files: one IDoc a material into a folder, from which SAP's ALE inbox takes them.

A file is made ready under a hidden name, entered in the ledger, and renamed. So after a crash the hidden name tells whether
it has left, also where the inbox was faster than this process and the file is nowhere any more.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from vitrine.deliver.sap.idoc import idoc_file, shipment_name
from vitrine.deliver.sap.ledger import Ledger
from vitrine.deliver.sap.mapping import SapMapping
from vitrine.deliver.sap.plan import Plan
from vitrine.errors import StorageError
from vitrine.records import Delivered, now
from vitrine.stores.whole import whole

_MATERIALS_IN_A_FILE = 500
_READY = ".ready"
_AGAIN = "free some space, then run vitrine export sap again; it goes on where it stopped"


def settle(ledger: Ledger, folder: Path) -> None:
    """Find out what an interrupted delivery had sent: a file that is not ready any more has left, taken since or not."""
    for shipment, some in groupby(ledger.unfinished(), key=lambda one: one.shipment):
        entries = list(some)
        if shipment and not _ready(folder, shipment).exists():
            ledger.confirm(entries)
        else:  # planned anew, by what may leave today; without its name first, or the lack of a file would say it had left
            ledger.begin([replace(one, shipment="") for one in entries])
    shutil.rmtree(folder / _READY, ignore_errors=True)


def send(made: Plan, ledger: Ledger, mapping: SapMapping, folder: Path) -> list[Path]:
    """Write all that changes into files, and enter them in the ledger; returns the files.

    Entered as being sent before a file appears and as sent after it. Raises StorageError when a file cannot be
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
    ready, path = _ready(folder, entries[0].shipment), _path(folder, entries[0])
    data = idoc_file(_whole_materials(entries, ledger), mapping, entries[0].delivered_at)
    with whole(ready, hint=_AGAIN, synced=True) as temporary:
        temporary.write_bytes(data)
    ledger.begin(entries)
    try:
        os.rename(ready, path)
    except OSError as error:
        raise StorageError(f"could not write {path}: {error.strerror or error}", hint=_AGAIN) from error
    ledger.confirm(entries)
    return path


def _whole_materials(entries: Sequence[Delivered], ledger: Ledger) -> dict[str, list[Delivered]]:
    """All that is known of the materials of these entries once they are sent."""
    known = ledger.of_materials(one.material for one in entries)
    after = {(one.material, one.characteristic): one for one in [*known, *entries]}
    in_order = [after[key] for key in sorted(after)]
    return {material: list(some) for material, some in groupby(in_order, key=lambda one: one.material)}


def _ready(folder: Path, shipment: str) -> Path:
    """Where a file waits until it is in the ledger; without an ending that an inbox would look for."""
    return folder / _READY / shipment


def _path(folder: Path, one: Delivered) -> Path:
    """The file of an entry's shipment; files in the order of their names are in the order of time."""
    return folder / f"{one.delivered_at:%Y%m%d-%H%M%S-%f}-{one.shipment}.xml"
