"""The catalog: what is known about products, photos, labels and predictions, in SQLite or PostgreSQL."""

import dataclasses
import fcntl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path
from threading import RLock, local
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DatabaseError, OperationalError

from vitrine.errors import Conflict, MissingPart, Refused, StorageError, sentence
from vitrine.records import now

Row = Mapping[str, Any]
_CHUNK = 2_000
_ROWS_IN_A_BATCH = 50_000
_MIGRATION_LOCK = 0x76_69_74_72
_LOCKS = 0x76_69_74_73
_CONNECTIONS = 30


class Catalog:
    """An open catalog, migrated to this version's schema; every write is one transaction."""

    def __init__(self, url: str) -> None:
        """Open the database at an SQLAlchemy `url`, creating or migrating it as needed."""
        self.url = url
        self._engine = _engine(url)
        self._turns = RLock() if self._engine.dialect.name == "sqlite" else nullcontext()
        self._frozen = local()
        with self._failures():
            _migrate(self._engine)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """All or nothing: what is written inside is there after the block, or none of it is.

        SQLite has one writer at a time, and one that waits looks again in ever longer intervals; threads take turns here.
        """
        with self._turns, self._failures(), _writing(self._engine) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for several reads that belong together; it takes no lock."""
        kept: sa.Connection | None = getattr(self._frozen, "connection", None)
        with self._failures(), nullcontext(kept) if kept is not None else self._engine.connect() as connection:
            yield connection

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within the block this thread reads the catalog as of one moment, by whatever function, and must not write."""
        with self.snapshot() as connection:
            self._frozen.connection = connection
            try:
                yield
            finally:
                del self._frozen.connection

    def add(self, table: sa.Table, rows: Sequence[Any], *, connection: sa.Connection | None = None) -> int:
        """Insert records or mappings whose key is new and leave the others alone; returns how many were new."""
        return self._write(table, rows, connection, replace=False)

    def put(self, table: sa.Table, rows: Sequence[Any], *, connection: sa.Connection | None = None) -> int:
        """Insert records or mappings, replacing those with the same key; returns how many were written."""
        return self._write(table, rows, connection, replace=True)

    def note_sizes(self) -> None:
        """Let the planner know how large the tables are now; until then it plans for empty ones.

        Measured after a bulk load of 390,000 predictions on PostgreSQL: a page of the grid took 58 ms before and 1 ms
        after. On SQLite a sample of each index is looked at (9 ms at 1.5 million predictions).
        """
        with self.transaction() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.execute(sa.text("PRAGMA analysis_limit=1000"))
            connection.execute(sa.text("ANALYZE"))

    def lock(self, table: sa.Table, connection: sa.Connection) -> None:
        """Let nobody else write to `table` until the transaction ends; in SQLite nobody else writes anyway."""
        if self._engine.dialect.name == "postgresql":
            connection.execute(sa.text(f'LOCK TABLE "{table.name}" IN EXCLUSIVE MODE'))

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Whether nobody else does what `name` stands for, on any machine that has this catalog, until the block ends.

        In PostgreSQL the lock is the database's, beside SQLite a file's: a process that dies gives it back at once. A
        machine that vanishes keeps it until the database notices (tcp_keepalives_idle).
        """
        if self._engine.dialect.name != "postgresql":
            with _locked_file(Path(self._engine.url.database or "catalog").with_name(f"{name}.lock")) as mine:
                yield mine
            return
        with self._failures(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.detach()  # closed and not lent on after the block, so that the lock ends with it
            key = (_LOCKS, sa.func.hashtext(name))
            mine = bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(*key))))
            try:
                yield mine
            finally:
                # the end of the connection would do it too, but a moment after the next one asks
                if mine:
                    with suppress(sa.exc.DBAPIError):
                        connection.scalar(sa.select(sa.func.pg_advisory_unlock(*key)))

    def read(self, query: sa.Select[Any] | sa.Table) -> pa.Table:
        """The answer to a query as an Arrow table whose columns have the types of the queried columns."""
        select = sa.select(query) if isinstance(query, sa.Table) else query
        with self.reading() as connection:
            return pa.Table.from_batches(self.batches(select, connection), schema=_arrow_schema(select))

    def rows(self, query: sa.Select[Any] | sa.Table) -> list[dict[str, Any]]:
        """The answer to a query as dictionaries; what is large takes less room as a table (`read`)."""
        select = sa.select(query) if isinstance(query, sa.Table) else query
        with self.reading() as connection:
            return [dict(row) for row in connection.execute(select).mappings()]

    def batches(self, query: sa.Select[Any], connection: sa.Connection) -> Iterator[pa.RecordBatch]:
        """The answer to a query in parts, for what is too much at once; at least one part."""
        schema = _arrow_schema(query)
        yield from (_batch(rows, list(schema)) for rows in self._rows(query, connection))
        yield _batch([], list(schema))

    def _rows(self, query: sa.Select[Any], connection: sa.Connection) -> Iterator[Sequence[Sequence[Any]]]:
        """Rows in parts; SQLite's straight from the driver: a record for each, and each moment alone, took twice as long."""
        if self._engine.dialect.name == "sqlite":
            with connection.execute(query) as result:
                while result.cursor is not None and (rows := result.cursor.fetchmany(_ROWS_IN_A_BATCH)):
                    yield rows
            return
        yield from connection.execution_options(yield_per=_ROWS_IN_A_BATCH).execute(query).partitions()

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A connection that sees everything as of one moment, whatever others write meanwhile."""
        isolation = {"isolation_level": "REPEATABLE READ"} if self._engine.dialect.name == "postgresql" else {}
        with self._failures(), self._engine.connect().execution_options(**isolation) as connection, connection.begin():
            yield connection

    @property
    def revision(self) -> str:
        """The version of the schema."""
        with self._failures(), self._engine.connect() as connection:
            return str(_revision(connection))

    def moment(self, connection: sa.Connection) -> datetime:
        """Now by the clock that all processes of this catalog share: the database's; SQLite has that of its machine."""
        if self._engine.dialect.name == "postgresql":
            clock: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
            return clock
        return now()

    def continue_counting(self, column: sa.Column[int], connection: sa.Connection) -> None:
        """Let the numbers that the database gives go on after those that were written; SQLite does so by itself."""
        if self._engine.dialect.name == "postgresql":
            name = sa.func.pg_get_serial_sequence(column.table.name, column.name)
            last = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
            connection.execute(sa.select(sa.func.setval(name, last, False)))

    def count(self, query: sa.Select[Any] | sa.Table) -> int:
        """How many rows a table or query has."""
        source = query if isinstance(query, sa.Table) else query.subquery()
        with self.reading() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(source)) or 0)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _write(self, table: sa.Table, rows: Sequence[Any], connection: sa.Connection | None, replace: bool) -> int:
        if connection is None:
            with self.transaction() as own:
                return self._write(table, rows, own, replace)
        statement = _insert_statement(table, self._engine.dialect.name, replace)
        iterator = iter(rows)
        written = 0
        while chunk := [_mapping(row) for row in islice(iterator, _CHUNK)]:
            written += connection.execute(statement, chunk, execution_options={"preserve_rowcount": True}).rowcount
        return written

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Storage failures become errors that say what to do; mistakes in our own statements stay as they are."""
        try:
            yield
        except OperationalError as error:
            cause = str(error.orig)
            if "deadlock detected" in cause:  # PostgreSQL lets the other one go on
                raise Conflict(
                    sentence("somebody else wrote to the same rows at the same moment"),
                    hint=sentence("nothing was written; do it again"),
                ) from error
            if "full" in cause or "disk I/O" in cause:
                raise StorageError(
                    f"the catalog {self._shown} could not be written: {cause}",
                    hint="free some space and run the same command again; it continues where it stopped",
                ) from error
            raise StorageError(f"the catalog {self._shown} could not be used: {cause}") from error
        except DatabaseError as error:
            if "not a database" in str(error.orig) or "malformed" in str(error.orig):
                raise StorageError(
                    f"the catalog {self._shown} is damaged: {error.orig}",
                    hint="restore it from a backup, or move it away and ingest again",
                ) from error
            raise

    @property
    def _shown(self) -> str:
        return self._engine.url.render_as_string(hide_password=True)


def _engine(url: str) -> sa.Engine:
    try:
        # a web server asks from 40 threads; a connection beyond the pool would be opened for one request and closed again
        engine = sa.create_engine(url, pool_size=_CONNECTIONS, pool_pre_ping=True)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise MissingPart(f"catalog URL '{url}' cannot be used: {error}", hint="sqlite:///path/to/file") from None
    except ModuleNotFoundError as error:
        extra = "'vitrine[postgres]'" if error.name == "psycopg" else error.name
        raise MissingPart(f"the database driver {error.name} is not installed", hint=f"pip install {extra}") from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _configure_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def _locked_file(path: Path) -> Iterator[bool]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def _writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


def _begin_sqlite(connection: sa.Connection) -> None:
    """A writer takes its lock at once: two that read first and write later would deadlock."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin late and leave schema changes outside
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()


def _migrate(engine: sa.Engine) -> None:
    scripts = _scripts()
    with engine.connect() as connection:
        if _revision(connection) == scripts.get_current_head():
            return  # without a lock: whoever only opens a catalog does not wait for those who write
    with _writing(engine) as connection:
        if engine.dialect.name == "postgresql":  # several processes may open a new catalog at once
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        _check_known(_revision(connection), scripts)
        config = Config()
        config.set_main_option("script_location", scripts.dir)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@cache
def _scripts() -> ScriptDirectory:
    """The migrations, which are many files, read once in a process."""
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _check_known(here: str | None, scripts: ScriptDirectory) -> None:
    """Refuse a catalog that a newer version has migrated already: this one would write what that one cannot read."""
    known = {script.revision for script in scripts.walk_revisions()}
    if here is not None and here not in known:
        raise Refused(
            f"the catalog has schema {here}, this version of Vitrine knows schemas up to {max(known)}",
            hint="update Vitrine on this machine, or restore a backup made with this version",
        )


def _insert_statement(table: sa.Table, dialect: str, replace: bool) -> Any:
    keys = [column.name for column in table.primary_key]
    insert = (postgresql_insert if dialect == "postgresql" else sqlite_insert)(table)
    if not replace:
        return insert.on_conflict_do_nothing(index_elements=keys)
    kept = [*keys, "added_at"]  # when a thing first came in does not change because it came in again
    others = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in kept}
    return insert.on_conflict_do_update(index_elements=keys, set_=others)


def _mapping(row: Any) -> Row:
    if isinstance(row, Mapping):
        return row
    return {f.name: getattr(row, f.name) for f in dataclasses.fields(row)}


def _arrow_schema(query: sa.Select[Any]) -> pa.Schema:
    return pa.schema([pa.field(c.name, _arrow_type(c.type)) for c in query.selected_columns])


def _batch(rows: Sequence[Sequence[Any]], fields: list[pa.Field]) -> pa.RecordBatch:
    columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else (() for _ in fields)
    arrays = [_array(column, field.type) for column, field in zip(columns, fields, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _array(column: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """A column as the driver gives it: SQLite has moments and days as text, and truth as a number."""
    first = next((one for one in column if one is not None), None)
    if isinstance(first, str) and not pa.types.is_string(kind):
        told = pa.array(column, pa.string())
        return (told.cast(pa.timestamp("us")) if pa.types.is_timestamp(kind) else told).cast(kind)
    if pa.types.is_boolean(kind) and not isinstance(first, bool):
        return pa.array(column, pa.int64()).cast(kind)
    return pa.array(column, kind)


def _arrow_type(kind: sa.types.TypeEngine[Any]) -> pa.DataType:
    if isinstance(kind, sa.TypeDecorator):
        return _arrow_type(kind.impl_instance)
    if isinstance(kind, sa.Boolean):
        return pa.bool_()
    if isinstance(kind, sa.Integer):
        return pa.int64()
    if isinstance(kind, sa.Float):
        return pa.float64()
    if isinstance(kind, sa.Date):
        return pa.date32()
    if isinstance(kind, sa.DateTime):
        return pa.timestamp("us", tz="UTC")
    if isinstance(kind, sa.LargeBinary):
        return pa.binary()
    return pa.string()
