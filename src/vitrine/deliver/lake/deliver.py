"""Bring the lake in line with the catalog: a new version where anything changed, nothing where nothing did."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vitrine.deliver.lake import star
from vitrine.deliver.lake.dictionary import describe, write_pages
from vitrine.deliver.lake.publish import DICTIONARY, POINTER, Lake
from vitrine.deliver.lake.rows import rows
from vitrine.deliver.lake.stage import Staged, stage
from vitrine.deliver.report import Change, DeliveryReport

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

SHOWN = 100


def deliver_lake(workspace: "Workspace", *, dry_run: bool = False) -> DeliveryReport:
    """Publish a version of the lake at `[export] lake` (see `vitrine.deliver.deliver`).

    `sent`, `unchanged` and `recalled` count answers against the version before. A new version comes too where only
    other tables changed; the same content gives none.
    """
    settings = workspace.settings.export
    lake = Lake(settings.lake if "://" in settings.lake else str(workspace.folder / settings.lake))
    pointer = lake.current()
    before = lake.manifest(pointer) if pointer else None
    tables = star.star(workspace.taxonomy)
    with _staging(workspace.data / "lake-staging") as folder:
        with workspace.catalog.frozen():
            staged = stage(rows(workspace), tables, folder)
        sent, unchanged, recalled, changes = _compare(staged, lake, pointer, before)
        name = _next(pointer, staged)
        dictionary = describe(tables, name, before["dictionary"] if before else None)
        same = before is not None and staged.content_id == before["content_id"] and _same(dictionary, before)
        if not same and not dry_run:
            pointer = lake.publish(staged, name, _extras(dictionary, folder), _views(lake.url, tables),
                                   keep=settings.keep)  # fmt: skip
    return DeliveryReport(
        "lake", sent, unchanged, recalled, 0, lake.url, dry_run, changes,
        details={"version": pointer["version"] if pointer else None, "new": not same, "rows": staged.rows()},
    )  # fmt: skip


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards; what a killed process left there goes first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _next(pointer: Mapping[str, Any] | None, staged: Staged) -> str:
    """A number that counts up, and the content: two writers at once make two folders."""
    number = int(pointer["version"].partition("-")[0]) + 1 if pointer else 1
    return f"{number:06d}-{staged.content_id[:8]}"


def _same(dictionary: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether tables, columns and their meanings are the same; since when is not asked."""
    told = []
    for one in (dictionary, before["dictionary"]):
        tables = json.loads(json.dumps(one["tables"]))
        for table in tables:
            for column in table["columns"]:
                del column["since"]
        told.append(tables)
    return bool(told[0] == told[1])


def _extras(dictionary: Mapping[str, Any], folder: Path) -> list[Path]:
    path = folder / DICTIONARY
    path.write_text(json.dumps(dictionary, ensure_ascii=False, indent=1), encoding="utf-8")
    return [path, *write_pages(dictionary, folder)]


def _compare(
    staged: Staged, lake: Lake, pointer: Mapping[str, Any] | None, before: Mapping[str, Any] | None
) -> tuple[int, int, int, list[Change]]:
    """Answers that are new or changed, that stayed, and that are gone; and the first of the differences."""
    old = {one["path"]: one for one in before["files"] if one["table"] == star.ANSWERS} if before else {}
    new = {one.path: one for one in staged.files if one.table == star.ANSWERS}
    sent = unchanged = recalled = 0
    changes: list[Change] = []
    for path in sorted(old.keys() | new.keys()):
        if path in old and path in new and old[path]["sha256"] == new[path].sha256:
            unchanged += new[path].rows
            continue
        was = lake.read(f"{pointer['path']}/{path}") if pointer and path in old else None
        told = _differences(_said(was), _said((staged.folder / path).read_bytes() if path in new else None))
        counts = told["kind"].value_counts().to_pylist()
        count = {one["values"]: one["counts"] for one in counts}
        sent, recalled = sent + count.get("sent", 0), recalled + count.get("recalled", 0)
        unchanged += count.get("unchanged", 0)
        attribute = _attribute(path)
        shown = told.filter(pc.not_equal(told["kind"], "unchanged")).slice(0, SHOWN - len(changes))
        changes += [Change(row["sku"], attribute, row["old"], row["new"]) for row in shown.to_pylist()]
    return sent, unchanged, recalled, changes


def _said(data: bytes | None) -> pa.Table:
    if data is None:
        return pa.table({"sku": pa.array([], pa.string()), "value": pa.array([], pa.string())})
    return pq.ParquetFile(BytesIO(data)).read(["sku", "value"])


def _differences(old: pa.Table, new: pa.Table) -> pa.Table:
    with duckdb.connect() as connection:
        connection.register("old", old)
        connection.register("new", new)
        return connection.sql(
            """
            select sku, old.value as old, new.value as new,
                   case when new.value is null then 'recalled' when old.value is distinct from new.value then 'sent'
                        else 'unchanged' end as kind
            from old full join new using (sku) order by sku
            """
        ).to_arrow_table()


def _attribute(path: str) -> str:
    found = re.search(r"attribute=([^/]*)/", path)
    return unquote(found.group(1)) if found else ""


def _views(url: str, tables: Mapping[str, star.Table]) -> str:
    """SQL for DuckDB: one view a table, all of the version that is current when the file is read."""
    place = url.replace("'", "''")
    lines = [
        "-- duckdb: .read views.sql; all views show one version, read this file again for a newer one",
        f"SET VARIABLE vitrine_lake = '{place}';",
        "SET VARIABLE vitrine_version = "
        f"(SELECT path FROM read_json(getvariable('vitrine_lake') || '/{POINTER}', columns = {{path: 'VARCHAR'}}));",
    ]
    for table in tables.values():
        files = f"/{table.name}/{'*/' if table.partition else ''}*.parquet"
        lines.append(
            f"CREATE OR REPLACE TEMP VIEW {table.name} AS SELECT * FROM read_parquet("
            f"getvariable('vitrine_lake') || '/' || getvariable('vitrine_version') || '{files}', "
            f"hive_partitioning = {str(bool(table.partition)).lower()}, hive_types_autocast = false);"
        )
    return "\n".join(lines) + "\n"
