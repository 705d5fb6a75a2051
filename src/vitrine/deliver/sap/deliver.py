"""Bring SAP's classification of materials in line, by files or through a service."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vitrine.deliver.report import Change, DeliveryReport
from vitrine.deliver.sap import by_idoc
from vitrine.deliver.sap.by_service import LONGEST_WORD as LONGEST_IN_SERVICE
from vitrine.deliver.sap.by_service import Classification, already_there, send
from vitrine.deliver.sap.idoc import LONGEST_WORD as LONGEST_IN_IDOC
from vitrine.deliver.sap.ledger import RECALLED, SENDING, Ledger
from vitrine.deliver.sap.mapping import GUIDE, SapMapping, read_sap_mapping
from vitrine.deliver.sap.odata import Service
from vitrine.deliver.sap.plan import Plan, plan
from vitrine.errors import InputError

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

SHOWN = 100
_PASSWORD = "VITRINE_SAP_PASSWORD"
_CHARACTERISTICS = "API_CLFN_CHARACTERISTIC_SRV"


def deliver_sap(workspace: "Workspace", *, dry_run: bool = False) -> DeliveryReport:
    """Send what is new or changed and recall what was withdrawn (see `vitrine.deliver.deliver`).

    Answers without a word in the mapping file stay and are problems of the report.
    """
    settings = workspace.settings.sap
    mapping = read_sap_mapping(workspace.folder / settings.mapping, workspace.taxonomy)
    if settings.way == "idoc":
        return _by_idoc(workspace, mapping, dry_run)
    return _by_service(workspace, mapping, dry_run)


def mistrust(workspace: "Workspace") -> int:
    """Let the next delivery send, or compare, everything again, as after SAP was restored; returns how many entries."""
    return Ledger(workspace.catalog, _place(workspace)).mistrust()


def _place(workspace: "Workspace") -> str:
    """What the ledger calls the place that the settings name."""
    settings = workspace.settings.sap
    if settings.way == "idoc":
        return str((workspace.folder / settings.folder).resolve())
    return settings.service.rstrip("/") + (f"?sap-client={settings.client}" if settings.client else "")


def _by_idoc(workspace: "Workspace", mapping: SapMapping, dry_run: bool) -> DeliveryReport:
    if mapping.idoc is None:
        raise InputError(
            f"{workspace.settings.sap.mapping} has no section idoc with ports and partners",
            hint=f"{GUIDE} shows a whole file",
        )
    folder = Path(_place(workspace))
    ledger = Ledger(workspace.catalog, str(folder))
    if not dry_run:
        by_idoc.settle(ledger, folder)
    made = plan(workspace, mapping, ledger, longest=LONGEST_IN_IDOC)
    files = [] if dry_run else by_idoc.send(made, ledger, mapping, folder)
    return DeliveryReport(
        "sap", len(made.send), made.kept, len(made.recall), made.problems.count, str(folder), dry_run,
        _changes(made), made.problems.found, {"files": [str(path) for path in files]},
    )  # fmt: skip


def _by_service(workspace: "Workspace", mapping: SapMapping, dry_run: bool) -> DeliveryReport:
    settings = workspace.settings.sap
    if not settings.service:
        raise InputError(
            "it is not said where the service is",
            hint='in vitrine.toml, section [sap]: service = "https://host/sap/opu/odata/sap/YOUR_SRV"',
        )
    service = _service(workspace, mapping, settings.service)
    beside = settings.characteristics or f"{service.url.rpartition('/')[0]}/{_CHARACTERISTICS}"
    classification = Classification(service, _service(workspace, mapping, beside), mapping)
    ledger = Ledger(workspace.catalog, _place(workspace))
    made = plan(workspace, mapping, ledger, longest=LONGEST_IN_SERVICE)
    kept, (sent, recalled) = made.kept, (0, 0)
    if dry_run:
        there = already_there(made, classification)
        made.send = [one for one in made.send if one not in there]
        made.recall = [one for one in made.recall if one not in there]
        kept, sent, recalled = kept + len(there), len(made.send), len(made.recall)
    else:
        sent, recalled = send(made, ledger, classification, made.problems)
    return DeliveryReport(
        "sap", sent, kept, recalled, made.problems.count, ledger.place, dry_run, _changes(made), made.problems.found
    )


def _service(workspace: "Workspace", mapping: SapMapping, url: str) -> Service:
    settings = workspace.settings.sap
    return Service(
        url,
        user=settings.user,
        password=_password(workspace),
        client=settings.client,
        language=mapping.language,
        timeout=settings.timeout,
        retries=settings.retries,
    )


def _password(workspace: "Workspace") -> str:
    """The variable's or the file's; it is nowhere else."""
    given = os.environ.get(_PASSWORD)
    if given is not None:
        return given
    name = workspace.settings.sap.password_file
    if not name:
        raise InputError(
            "there is no password for SAP",
            hint=f"set {_PASSWORD}, or name a file with password_file in section sap of vitrine.toml",
        )
    path = workspace.folder / name
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the password file {path} cannot be read: {error}", hint=f"or set {_PASSWORD}") from None


def _changes(made: Plan) -> list[Change]:
    """The first changes, by material."""
    found = []
    for entries in made.by_material().values():
        for one in entries:
            before = made.before.get((one.material, one.characteristic))
            old = before.word if before is not None and before.state != RECALLED else None
            found.append(Change(one.sku, one.attribute, old, one.word if one.state == SENDING else None))
        if len(found) >= SHOWN:
            break
    return found[:SHOWN]
