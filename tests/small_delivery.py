"""A workspace of 12 products without photos, whose champion has real certificates: what deliveries need and no more."""

import json
import uuid
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from small_desk import MOMENT, TAXONOMY_TEXT, add_products
from vitrine.demo.day import MAPPING
from vitrine.desk.decisions import Answer, decide
from vitrine.learn.certify import certify
from vitrine.records import AuditRound, Product
from vitrine.stores import schema
from vitrine.workspace import Workspace, create

SKUS = [f"p{i:02d}" for i in range(12)]
NAMES_AT_SAP = {"color": "COR", "heel": "SALTO"}
WORDS_AT_SAP = {  # blue has none
    "color": {"red": "VERMELHO", "pink": "ROSA"}, "heel": {"none": "SEM SALTO", "block": "BLOCO"},
}  # fmt: skip


@lru_cache
def certificate(attribute: str) -> dict[str, Any]:
    """What `certify` proves of answers that are right wherever they are surer than 0.7."""

    def answers(n: int, prefix: str) -> pa.Table:
        confidence = np.linspace(0.5, 1.0, n)
        sku = [f"{prefix}{i}" for i in range(n)]
        columns = {"sku": sku, "family_id": sku, "value": ["red"] * n, "confidence": confidence}
        return pa.table({**columns, "correct": confidence > 0.7})

    return certify(answers(2000, "t"), answers(500, "c"), attribute=attribute).to_json()


def make(folder: Path, settings: dict[str, dict[str, Any]] | None = None) -> Workspace:
    """12 products; the champion md-1 publishes red for all their colors and leaves their heels to people."""
    workspace = create(folder, TAXONOMY_TEXT, settings or {})
    add_products(workspace.catalog, SKUS)
    publish(workspace, "color")
    heads = {
        name: {"head_id": f"hd-{name}", "certificate": certificate(name), "values": {}, "together": certificate(name)}
        for name in ("color", "heel")
    }
    home = workspace.data / "models" / "md-1"
    home.mkdir(parents=True)
    (home / "model.json").write_text(json.dumps({"heads": heads, "product": None}), encoding="utf-8")
    return workspace


def map_to_sap(workspace: Workspace, *attributes: str) -> None:
    """Write sap.toml for files and service, with the characteristics of these attributes, or of all in `NAMES_AT_SAP`."""
    lines = [MAPPING]
    for attribute in attributes or NAMES_AT_SAP:
        words = ", ".join(f'{value} = "{word}"' for value, word in WORDS_AT_SAP[attribute].items())
        name = NAMES_AT_SAP[attribute]
        lines.append(f'[[characteristic]]\nname = "{name}"\nattribute = "{attribute}"\nvalues = {{{words}}}\n')
    (workspace.folder / "sap.toml").write_text("".join(lines), encoding="utf-8")


def ledger(workspace: Workspace) -> dict[tuple[str, str], tuple[str, str]]:
    """(material, characteristic) → the word that SAP was given, and how that stands."""
    rows = workspace.catalog.rows(schema.deliveries)
    return {(row["material"], row["characteristic"]): (row["word"], row["state"]) for row in rows}


def publish(workspace: Workspace, attribute: str) -> None:
    """Let the champion publish all it says of an attribute."""
    table = schema.predictions
    with workspace.catalog.transaction() as connection:
        connection.execute(sa.update(table).where(table.c.attribute == attribute).values(decision="published"))


def say(workspace: Workspace, sku: str, attribute: str, value: str | None, outcome: str = "decided") -> None:
    """Ana decides after whatever was decided before."""
    table = schema.decisions
    of_item = sa.select(table).where(table.c.sku == sku, table.c.attribute == attribute)
    version = workspace.catalog.count(of_item)
    answer = Answer(sku, attribute, outcome, value, version=version)
    decide(workspace.catalog, workspace.taxonomy, [answer], author="ana", batch_id=uuid.uuid4().hex)


def stop(workspace: Workspace, attribute: str) -> None:
    """An audit has stopped the attribute."""
    moment = MOMENT + timedelta(days=1)
    one = AuditRound(attribute, "md-1", 1, f"hd-{attribute}", 0.03, 0.05, "salt", MOMENT, moment)
    workspace.catalog.add(schema.audit_rounds, [one])


def rename_product(workspace: Workspace, sku: str, name: str) -> None:
    """The catalog learns another name."""
    workspace.catalog.put(schema.products, [Product(sku, None, name, None, None, None, MOMENT)])
