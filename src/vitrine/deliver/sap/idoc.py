"""IDoc XML of basic type CLFMAS02: the classification of materials, one IDoc a material.

Segments and fields as SAP documents them for CLFMAS (help.sap.com, release 4.6C, lengths there) and as CLFMAS02 has
them in public interfaces: E1OCLFM the object, E1KSSKM its class, E1AUSPM a value. `MSGFN` is the function of a segment:
005 sets it, 003 deletes it.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from vitrine.deliver.sap.ledger import RECALLED, RECALLING
from vitrine.deliver.sap.mapping import Control, SapMapping
from vitrine.records import Delivered

LONGEST_WORD = 30  # ATWRT
_SET, _DELETE = "005", "003"
_INBOUND = "2"
_MATERIALS = "MARA"
_OBJECT = "O"
_RELEASED = "1"


def idoc_file(materials: Mapping[str, Sequence[Delivered]], mapping: SapMapping, made_at: datetime) -> bytes:
    """One file with an IDoc for each material, from all its entries; the same entries give the same bytes.

    An entry that is being recalled becomes a deletion; one that was recalled before is left out.
    """
    root = ElementTree.Element("CLFMAS02")
    control = mapping.idoc
    assert control is not None
    for material, entries in sorted(materials.items()):
        alive = [one for one in entries if one.state != RECALLED]
        root.append(_idoc(material, alive, mapping, control, made_at.astimezone(UTC)))
    ElementTree.indent(root, " ")
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data


def shipment_name(entries: Sequence[Delivered]) -> str:
    """The name of a shipment: told by what is in it, so that nothing is ever two files."""
    digest = hashlib.sha256()
    for one in sorted(entries, key=lambda one: (one.material, one.characteristic)):
        digest.update(f"{one.material}|{one.characteristic}|{one.word}|{one.state}|{one.delivered_at}\n".encode())
    return f"clfmas-{digest.hexdigest()[:16]}"


def _idoc(
    material: str, entries: Sequence[Delivered], mapping: SapMapping, control: Control, made_at: datetime
) -> ElementTree.Element:
    idoc = ElementTree.Element("IDOC", BEGIN="1")
    number = hashlib.sha256("|".join([material, *map(str, entries)]).encode()).digest()
    idoc.append(_segment("EDI_DC40", _control(control, made_at, int.from_bytes(number[:8], "big") % 10**16)))
    classified = _segment("E1OCLFM", [
        ("MSGFN", _SET), ("OBTAB", _MATERIALS), ("OBJEK", material), ("KLART", mapping.class_type),
        ("MAFID", _OBJECT), ("OBJECT_TABLE", _MATERIALS),
    ])  # fmt: skip
    classified.append(_segment("E1KSSKM", [("MSGFN", _SET), ("CLASS", mapping.class_name), ("STATU", _RELEASED)]))
    for one in entries:
        recalled = one.state == RECALLING
        fields = [("MSGFN", _DELETE if recalled else _SET), ("ATNAM", one.characteristic), ("ATWRT", one.word)]
        classified.append(_segment("E1AUSPM", fields))
    idoc.append(classified)
    return idoc


def _control(control: Control, made_at: datetime, number: int) -> Iterator[tuple[str, str]]:
    yield "TABNAM", "EDI_DC40"
    if control.client:
        yield "MANDT", control.client
    yield "DOCNUM", f"{number:016d}"
    yield "DIRECT", _INBOUND
    yield "IDOCTYP", "CLFMAS02"
    yield "MESTYP", "CLFMAS"
    yield "SNDPOR", control.sender_port
    yield "SNDPRT", "LS"
    yield "SNDPRN", control.sender
    yield "RCVPOR", control.receiver_port
    yield "RCVPRT", "LS"
    yield "RCVPRN", control.receiver
    yield "CREDAT", f"{made_at:%Y%m%d}"
    yield "CRETIM", f"{made_at:%H%M%S}"


def _segment(name: str, fields: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> ElementTree.Element:
    segment = ElementTree.Element(name, SEGMENT="1")
    for field, text in fields:
        ElementTree.SubElement(segment, field).text = text
    return segment
