"""Write tables piece by piece, as CSV the way the official files are or as Parquet."""

from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

Format = Literal["csv", "parquet"]


class TableFiles:
    """Open files in a folder, one a table; each gets its header from its first piece."""

    def __init__(self, folder: Path, form: Format) -> None:
        """Write into `folder`, which exists."""
        self._folder = folder
        self._form = form
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> "TableFiles":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def write(self, name: str, piece: pa.Table) -> None:
        """Append `piece` to the table's file; all pieces of a table have the same schema."""
        if name not in self._writers:
            path = self._folder / f"{name}.{self._form}"
            kind = pa_csv.CSVWriter if self._form == "csv" else pq.ParquetWriter
            self._writers[name] = kind(path, piece.schema)
        self._writers[name].write_table(piece)
