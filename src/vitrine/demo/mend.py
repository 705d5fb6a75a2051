"""Play the person who looks at every label that the check points at, and corrects those that are wrong."""

import csv
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from vitrine.checks.check import Report
from vitrine.demo.catalog import Planted

POINTING = ("likely-wrong-label", "off-taxonomy")


@dataclass(frozen=True, slots=True)
class Mended:
    """The table as it is afterwards, how many labels somebody looked at, and how many of them were wrong."""

    table: Path
    looked_at: int
    corrected: int


def mend(drawn: Path, planted: Planted, checked: Report) -> Mended:
    """Write `drawn/labels-mended.csv`: wrong labels that `checked` points at as they were drawn, all others as they are."""
    pointed = {(one.product, one.attribute) for one in checked.findings if one.code in POINTING and one.attribute}
    planted_labels = planted.wrong_labels.to_pylist() + planted.off_taxonomy.to_pylist()
    wrong = pointed & {(row["sku"], row["attribute"]) for row in planted_labels}
    truth = {row["sku"]: row for row in pq.read_table(drawn / "truth" / "truth.parquet").to_pylist()}
    table = drawn / "labels-mended.csv"
    with open(drawn / "labels.csv", encoding="utf-8", newline="") as said, table.open("w", encoding="utf-8") as file:
        rows = csv.DictReader(said)
        written = csv.DictWriter(file, rows.fieldnames or (), lineterminator="\n")
        written.writeheader()
        for row in rows:
            sku = row["sku"]
            written.writerow({name: truth[sku][name] if (sku, name) in wrong else said for name, said in row.items()})
    return Mended(table, len(pointed), len(wrong))
