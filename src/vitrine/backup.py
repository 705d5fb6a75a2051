"""Back a workspace up into one file, and restore it into an empty folder, on the same database or another one.

The file is a ZIP archive: every table as Parquet, the settings, the taxonomy, models, data sets and evaluations as they
lie there, and last a manifest with the SHA-256 of each, whose presence means that the backup is whole. Sessions, leases,
claims and what is made again (places in indexes) are left out. It holds password hashes, so only its owner may read it.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
import tomlkit

from vitrine import __version__, config
from vitrine.errors import InputError, NotFound, Refused
from vitrine.intake.ingest import blob_key
from vitrine.records import now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.stores.whole import whole
from vitrine.workspace import Workspace

MANIFEST = "manifest.json"
_FORMAT = 1
_LEFT_OUT = ("sessions", "leases", "places", "claims", "failed_attempts")
_FOLDERS = ("models", "networks", "datasets", "evaluations", "mlflow")
_TRACKING = ".vitrine/mlflow.sqlite"
_LOOKED_FOR = 200
_ROWS_AT_ONCE = 20_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What is in a backup: rows by table, files beside them, photos, and its size in bytes."""

    path: str
    tables: dict[str, int]
    files: int
    photos: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was restored; `photos_missing` of the first 200 photos are not where the settings say."""

    folder: str
    made_at: str
    tables: dict[str, int]
    files: int
    photos: int
    photos_missing: int


def backup(
    workspace: Workspace, path: Path, *, photos: bool = False, on_progress: Progress = lambda done, total: None
) -> BackupReport:
    """Write a backup to `path` as of one moment; the work in the workspace may go on. Cleaned photos only with `photos`.

    Raises InputError where `path` exists, StorageError on a full disk; nothing half-written stays.
    """
    if path.exists():
        raise InputError(f"{path} exists already", hint="choose another name: a backup is never overwritten")
    with whole(path, hint="free some space, or write it elsewhere") as temporary:
        os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            written = _Writer(archive)
            tables = _write_tables(workspace.catalog, written)
            files = sum(1 for name, file in _files(workspace) if written.add(name, file))
            kept = _write_photos(workspace, written, on_progress) if photos else 0
            manifest = {
                "format": _FORMAT,
                "vitrine": __version__,
                "revision": workspace.catalog.revision,
                "made_at": now().isoformat(),
                "tables": tables,
                "members": written.hashes,
            }
            archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
        size = temporary.stat().st_size
    return BackupReport(str(path), tables, files, kept, size)


def restore(path: Path, folder: Path, *, catalog_url: str | None = None) -> RestoreReport:
    """Restore a backup into an empty `folder`, and its tables into the database of its settings or at `catalog_url`.

    Raises InputError for a file that is no whole backup, Refused where the folder or the database is not empty or the
    backup is of another version of the schema. Nothing is left behind then.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is not empty", hint="a backup is restored into a new folder")
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        with _opened(path) as archive:
            manifest = _manifest(archive, path)
            members = [name for name in manifest["members"] if name.startswith("files/")]
            for name in members:
                target = temporary / PurePosixPath(name).relative_to("files")
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    _copy_checked(archive, name, manifest["members"][name], file, path)
            if catalog_url is not None:
                _point_at(temporary / config.FILE, catalog_url)
            workspace = Workspace(temporary)
            tables = _load_tables(workspace.catalog, archive, manifest, path)
            kept = _load_photos(workspace, archive, manifest, path)
            missing = _missing_photos(workspace)
            workspace.catalog.close()
        if folder.exists():
            folder.rmdir()
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return RestoreReport(str(folder), manifest["made_at"], tables, len(members), kept, missing)


class _Writer:
    """Adds members to an archive and remembers their SHA-256."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.hashes: dict[str, str] = {}

    def add(self, name: str, file: Path) -> bool:
        """Add a file under a name."""
        with file.open("rb") as source, self._archive.open(name, "w", force_zip64=True) as target:
            self.hashes[name] = _copy(source, target)
        return True

    def add_bytes(self, name: str, data: bytes) -> None:
        """Add bytes under a name."""
        self._archive.writestr(name, data)
        self.hashes[name] = hashlib.sha256(data).hexdigest()


def _write_tables(catalog: Catalog, written: _Writer) -> dict[str, int]:
    """Every table as of one moment, as Parquet; returns the rows of each."""
    counts = {}
    with catalog.snapshot() as connection, tempfile.TemporaryDirectory(prefix="vitrine-backup-") as folder:
        for table in _tables():
            file = Path(folder) / f"{table.name}.parquet"
            counts[table.name] = _write_table(catalog, sa.select(table), connection, file)
            written.add(f"tables/{table.name}.parquet", file)
            file.unlink()
    return counts


def _write_table(catalog: Catalog, query: sa.Select[Any], connection: sa.Connection, file: Path) -> int:
    rows = 0
    batches = catalog.batches(query, connection)
    first = next(batches)
    with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
        for batch in (first, *batches):
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _tables() -> list[sa.Table]:
    """What is backed up, each after the tables that it refers to."""
    return [table for table in schema.metadata.sorted_tables if table.name not in _LEFT_OUT]


def _files(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    for name in (config.FILE, "taxonomy.toml"):
        yield f"files/{name}", workspace.folder / name
    for name in _FOLDERS:
        for file in sorted((workspace.data / name).rglob("*")):
            if file.is_file() and not file.name.startswith("."):
                yield f"files/{file.relative_to(workspace.folder).as_posix()}", file
    if (workspace.folder / _TRACKING).exists():
        with tempfile.TemporaryDirectory(prefix="vitrine-backup-") as folder:
            copy = Path(folder) / "mlflow.sqlite"
            with closing(sqlite3.connect(workspace.folder / _TRACKING)) as source, closing(sqlite3.connect(copy)) as to:
                source.backup(to)
            yield f"files/{_TRACKING}", copy


def _photo_keys(workspace: Workspace) -> list[str]:
    photo_ids = workspace.catalog.read(sa.select(schema.photos.c.photo_id).order_by(schema.photos.c.photo_id))
    return [blob_key(photo_id, workspace.cleaning) for photo_id in photo_ids.column("photo_id").to_pylist()]


def _write_photos(workspace: Workspace, written: _Writer, on_progress: Progress) -> int:
    keys = _photo_keys(workspace)
    for done, key in enumerate(keys, 1):
        written.add_bytes(f"photos/{key}", workspace.photos.get(key))
        on_progress(done, len(keys))
    return len(keys)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise NotFound(f"there is no backup {path}") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path} is no whole backup: {error}", hint="vitrine backup writes one") from None


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
        names = [*manifest["members"]]
        known = manifest["format"]
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no whole backup: {error}", hint="vitrine backup writes one") from None
    if known != _FORMAT:
        raise Refused(f"{path} has format {known}, this version of Vitrine reads {_FORMAT}", hint="update Vitrine")
    for name in names:
        parts = PurePosixPath(name).parts
        if parts[0] not in ("files", "tables", "photos") or ".." in parts or "\\" in name or name.startswith("/"):
            raise InputError(f"{path} has a member with the name {name[:80]!r}, which no backup has")
    return manifest


def _load_tables(catalog: Catalog, archive: zipfile.ZipFile, manifest: dict[str, Any], path: Path) -> dict[str, int]:
    if manifest["revision"] != catalog.revision:
        raise Refused(
            f"{path} has schema {manifest['revision']}, this version of Vitrine {catalog.revision}",
            hint=f"restore it with Vitrine {manifest['vitrine']}, then open the folder with this one",
        )
    if used := next((table.name for table in _tables() if catalog.count(table)), None):
        raise Refused(f"the database has {used} already", hint="restore into an empty one: --catalog URL")
    counts = {}
    with catalog.transaction() as connection, tempfile.TemporaryDirectory(prefix="vitrine-restore-") as folder:
        for table in _tables():
            name = f"tables/{table.name}.parquet"
            file = Path(folder) / "table.parquet"
            with file.open("wb") as target:
                _copy_checked(archive, name, manifest["members"][name], target, path)
            counts[table.name] = _load_table(catalog, table, pq.ParquetFile(file), connection)
        catalog.continue_counting(schema.events.c.position, connection)
    return counts


def _load_table(catalog: Catalog, table: sa.Table, source: pq.ParquetFile, connection: sa.Connection) -> int:
    rows = 0
    for batch in source.iter_batches(_ROWS_AT_ONCE):
        rows += catalog.add(table, pa.Table.from_batches([batch]).to_pylist(), connection=connection)
    return rows


def _load_photos(workspace: Workspace, archive: zipfile.ZipFile, manifest: dict[str, Any], path: Path) -> int:
    names = [name for name in manifest["members"] if name.startswith("photos/")]
    for name in names:
        data = archive.read(name)
        _check_hash(hashlib.sha256(data).hexdigest(), manifest["members"][name], name, path)
        workspace.photos.put(name.removeprefix("photos/"), data)
    return len(names)


def _missing_photos(workspace: Workspace) -> int:
    return sum(not workspace.photos.has(key) for key in _photo_keys(workspace)[:_LOOKED_FOR])


def _point_at(settings: Path, url: str) -> None:
    document = tomlkit.parse(settings.read_text(encoding="utf-8"))
    document.setdefault("storage", tomlkit.table())["catalog"] = url
    settings.write_text(tomlkit.dumps(document), encoding="utf-8")


def _copy_checked(archive: zipfile.ZipFile, name: str, digest: str, target: IO[bytes], path: Path) -> None:
    try:
        with archive.open(name) as source:
            found = _copy(source, target)
    except (KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged at {name}: {error}", hint="restore another backup") from None
    _check_hash(found, digest, name, path)


def _check_hash(found: str, digest: str, name: str, path: Path) -> None:
    if found != digest:
        raise InputError(f"{path} is damaged at {name}: its SHA-256 is another one", hint="restore another backup")


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while data := source.read(1 << 20):
        digest.update(data)
        target.write(data)
    return digest.hexdigest()
