"""From the photo desk to the marketplace: what is known of each product, and since when, as one more table of it."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vitrine.desk.answers import answers
from vitrine.errors import NotFound
from vitrine.market.schema import table
from vitrine.stores.whole import whole

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

# The desk's moments are UTC; the marketplace's clock is local and names no zone. No zone is more than 14 hours ahead of
# UTC, so a value that counts 14 hours later never counts before it was known, wherever the marketplace is.
_FARTHEST_ZONE = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class AttributesReport:
    """How many values of how many products were written, and where."""

    rows: int
    products: int
    output: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def write_attributes(workspace: "Workspace", folder: Path) -> AttributesReport:
    """Write `product_attributes.parquet` into `folder`, for `vitrine market ingest`; a product's id is its sku.

    They are the answers that hold: of people, of tables, and published under a certificate; what a person doubts is left
    out. Each counts from the moment it was said, never from an earlier one; what was said before it is not told. People
    and tables have confidence 1. Raises NotFound where `folder` is none, or nothing holds yet.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is no folder", hint="give the folder with the marketplace's files")
    found = answers(workspace.catalog, workspace.taxonomy)
    found = found.filter(pc.is_null(found["doubt"]))
    if not found.num_rows:
        raise NotFound("no product has an answer that holds", hint="vitrine classify publishes answers")
    known_at = pc.add(found["said_at"], pa.scalar(_FARTHEST_ZONE)).cast(pa.timestamp("us"))
    columns = [found["sku"], found["attribute"], found["value"], pc.fill_null(found["confidence"], 1.0), known_at]
    path = folder / f"{table('product_attributes').file}.parquet"
    with whole(path, hint="free some space and run vitrine market attributes again") as temporary:
        pq.write_table(pa.table(columns, schema=table("product_attributes").arrow), temporary, compression="zstd")
    return AttributesReport(found.num_rows, pc.count_distinct(found["sku"]).as_py(), str(path))
