"""The analytical base table: one row a key, features known at the reference date, a label where it is mature."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Abt:
    """A base table and the meaning of its columns.

    `entity` is the key column, `time` the reference date (date32), `group` the column to split by (seller_id);
    `label` (int8) is the column to predict, absent for segments. `abt_id` is made from the content. A column that is
    none of these is kept for rules and reports; nothing learns from it (the metadata's `aside` names it).
    """

    table: pa.Table
    task: str
    features: list[str]
    entity: str
    time: str
    group: str
    horizon_days: int
    abt_id: str

    @classmethod
    def read(cls, path: Path) -> "Abt":
        """The base table that `vitrine market abt` wrote at `path`; its Arrow metadata names the columns."""
        table = pq.read_table(path)
        given = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        keys = {
            given["entity"],
            given["time"],
            given["group"],
            "seller_id",
            "label",
            *given.get("aside", "").split(","),
        }
        features = [name for name in table.column_names if name not in keys]
        return cls(
            table,
            given["task"],
            features,
            given["entity"],
            given["time"],
            given["group"],
            int(given["horizon_days"]),
            abt_id_of(table),
        )


def abt_id_of(table: pa.Table) -> str:
    """`abt-…`, from the content and the metadata, so that the same rows have the same id."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return f"abt-{sha256(sink.getvalue()).hexdigest()[:16]}"
