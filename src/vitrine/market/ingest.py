"""Bring the marketplace's files in: give every cell its type, check keys and references, keep what is rejected.

All or nothing: tables are written into a new folder, and `manifest.json` is replaced last. Memory stays bounded at any
number of rows, because the work is done in DuckDB on a scratch file. The same files give the same `source_id`.
"""

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from vitrine.errors import Refused, StorageError
from vitrine.market.check_table import TableReport, check_table, content_id, copy
from vitrine.market.files import Delivered, find
from vitrine.market.schema import TASKS
from vitrine.market.sources import MANIFEST, REJECTED, quoted
from vitrine.stores.whole import whole

Progress = Callable[[int, int], None]

_MEMORY = "1GB"  # what does not fit goes to the scratch folder
# a commit that finds the disk full is a TransactionException, whatever comes after it a FatalException
_STORAGE_FAILURES = (
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.TransactionException,
    duckdb.FatalException,
)
_AGAIN = "free some space and run vitrine market ingest again; what was ingested before is untouched"


@dataclass(slots=True)
class IngestReport:
    """What an ingest did; `lacking` names for each task the tables it needs that are absent."""

    source_id: str
    tables: dict[str, TableReport]
    lacking: dict[str, list[str]]
    changed: bool

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON shows it."""
        return asdict(self)


def ingest(folder: Path, sources: Path, *, on_progress: Progress | None = None) -> IngestReport:
    """Read the official files in `folder` into `sources`; any subset of the tables will do.

    `on_progress(done, total)` counts bytes read. Raises InputError where a file as a whole cannot be used, Refused
    while another ingest runs, StorageError when writing fails; then the sources are as they were.
    """
    delivered = find(folder)
    with _staging(sources) as staging:
        reports = _read_all(delivered, staging, on_progress or (lambda done, total: None))
        contents = {name: report.content_id for name, report in reports.items()}
        contents[REJECTED] = content_id(staging / f"{REJECTED}.parquet")
        source_id = "src-" + hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()[:16]
        changed = _publish(staging, sources, source_id, reports)
    lacking = {task: [name for name in needs if name not in reports] for task, needs in TASKS.items()}
    return IngestReport(source_id, reports, {task: names for task, names in lacking.items() if names}, changed)


@contextmanager
def _staging(sources: Path) -> Iterator[Path]:
    """A new folder beside the current one, for one ingest at a time; what a killed one left is cleared."""
    try:
        sources.mkdir(parents=True, exist_ok=True)
        with (sources / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(f"another ingest into {sources} is running", hint="wait until it is done") from None
            for left in sources.glob(".new-*"):
                shutil.rmtree(left)
            staging = sources / f".new-{uuid.uuid4().hex}"
            staging.mkdir()
            try:
                yield staging
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except (OSError, *_STORAGE_FAILURES) as error:
        raise StorageError(f"could not ingest into {sources}: {error}", hint=_AGAIN) from error


def _read_all(delivered: dict[str, Delivered], staging: Path, on_progress: Progress) -> dict[str, TableReport]:
    sizes = {name: one.path.stat().st_size for name, one in delivered.items()}
    reports: dict[str, TableReport] = {}
    with _scratch(staging) as scratch:
        for name, one in delivered.items():
            before = sum(sizes[earlier] for earlier in reports)
            watch = partial(_watch, on_progress, before, sum(sizes.values()))
            reports[name] = check_table(scratch, one, staging, watch)
            watch(sizes[name])
        copy(scratch, 'SELECT * FROM rejected ORDER BY "table", row, "column"', staging / f"{REJECTED}.parquet")
    for left in staging.glob("scratch*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return reports


def _watch(on_progress: Progress, before: int, total: int, read: int) -> None:
    on_progress(before + read, total)


@contextmanager
def _scratch(staging: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(staging / "scratch.duckdb"))
    try:
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
        connection.execute(f"SET temp_directory = '{quoted(staging / 'scratch-spill')}'")
        columns = '"table" VARCHAR, row BIGINT, "column" VARCHAR, value VARCHAR, reason VARCHAR, raw VARCHAR'
        connection.execute(f"CREATE TABLE rejected ({columns})")
        yield connection
    finally:
        connection.close()


def _publish(staging: Path, sources: Path, source_id: str, reports: dict[str, TableReport]) -> bool:
    """Put the new folder in place and point the manifest at it; False when that is what was there already."""
    manifest = {"source_id": source_id, "tables": {name: asdict(report) for name, report in reports.items()}}
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    path = sources / MANIFEST
    if path.exists() and path.read_text(encoding="utf-8") == text and (sources / source_id).is_dir():
        return False
    before = json.loads(path.read_text(encoding="utf-8"))["source_id"] if path.exists() else source_id
    if not (sources / source_id).is_dir():
        os.replace(staging, sources / source_id)
    with whole(path, hint=_AGAIN) as temporary:
        temporary.write_text(text, encoding="utf-8")
    for folder in sources.glob("src-*"):
        if folder.name not in (source_id, before):  # who reads the one before may finish
            shutil.rmtree(folder)
    return True
