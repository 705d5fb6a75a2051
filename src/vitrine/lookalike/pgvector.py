"""An index in PostgreSQL with the pgvector extension: points in a table, found by its HNSW graph."""

import re
from typing import Any

import numpy as np
import sqlalchemy as sa

from vitrine.errors import InputError, MissingPart
from vitrine.lookalike.index import Ids, Mask, Points, check_points

_SCHEMA = "vitrine_lookalike"  # apart from the catalog's own tables: everything in it can be dropped
_NAME = re.compile(r"[a-z0-9_]{1,48}")
_MOST_COLUMNS = 2_000  # of a vector that HNSW takes
_GRAPH = "m = 24, ef_construction = 128"
# A graph over so many new points is made at once, which is several times faster than point by point.
_MANY = 5_000
# Candidates kept while the graph is walked. On clustered points the extension's own numbers (m 16, 40 candidates) leave the
# recall@10 far below 0.97.
_WALKED = 400
_ROWS_AT_ONCE = 20_000
# Bytes that the graph keeps of a point beside its numbers while it is made. What does not fit into maintenance_work_mem is
# put in one by one, each with a walk over the disk.
_OF_A_POINT = 1_200
_LEAST_MEMORY, _MOST_MEMORY = 256 << 20, 8 << 30
_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)


class PgVector:
    """The points of one space as `vitrine_lookalike.<name>`; processes that open the same name share it."""

    def __init__(self, dim: int, *, url: str, table: str) -> None:
        """Open or create the table. MissingPart where the database is no PostgreSQL with pgvector 0.8 or later."""
        if not url.startswith("postgresql"):
            raise MissingPart(
                "the index pgvector needs a catalog in PostgreSQL",
                hint='set [lookalike] index = "exact", or [storage] catalog to a postgresql+psycopg:// URL',
            )
        if not _NAME.fullmatch(table) or dim > _MOST_COLUMNS:
            raise InputError(f"no index table {table!r} with {dim} columns: at most {_MOST_COLUMNS:,} columns")
        self.dim = dim
        self._graph = f"{table}_hnsw"
        self._table = f'{_SCHEMA}."{table}"'
        self._engine = sa.create_engine(url)
        sa.event.listen(self._engine, "connect", _configure)
        with self._engine.begin() as connection:
            _require_extension(connection)
            connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}"))
            connection.execute(
                sa.text(
                    f"CREATE TABLE IF NOT EXISTS {self._table} (id bigint PRIMARY KEY, point vector({dim}) NOT NULL)"
                )
            )
            self._add_graph(connection)

    def ids(self) -> Ids:
        """The ids of all points."""
        with self._engine.connect() as connection:
            return np.array(list(connection.scalars(sa.text(f"SELECT id FROM {self._table} ORDER BY id"))), np.int64)

    def put(self, ids: Ids, points: Points) -> None:
        """Add or replace points, in one transaction."""
        check_points(points, self.dim)
        many = len(ids) >= _MANY
        with self._engine.begin() as connection:
            if many:
                connection.execute(sa.text(f"DROP INDEX IF EXISTS {_SCHEMA}.{self._graph}"))
            self._delete(connection, ids)
            driver = connection.connection.driver_connection
            assert driver is not None
            with driver.cursor().copy(f"COPY {self._table} (id, point) FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(_HEADER)
                for start in range(0, len(ids), _ROWS_AT_ONCE):
                    part = slice(start, start + _ROWS_AT_ONCE)
                    copy.write(_rows(ids[part], points[part]))
                copy.write(b"\xff\xff")
            if many:
                self._add_graph(connection)

    def remove(self, ids: Ids) -> None:
        """Take points out."""
        with self._engine.begin() as connection:
            self._delete(connection, ids)

    def search(self, queries: Points, count: int, *, allowed: Mask | None = None) -> tuple[Ids, Points]:
        """The nearest points by the graph; with `allowed` it is walked on until enough are found."""
        check_points(queries, self.dim)
        ids = np.full((len(queries), count), -1, np.int64)
        scores = np.full((len(queries), count), -np.inf, np.float32)
        where, bits = "", None
        if allowed is not None:
            where = "WHERE id < :end AND get_bit(CAST(:bits AS bytea), id) = 1"
            bits = np.packbits(allowed, bitorder="little").tobytes()
        query = sa.text(
            f"SELECT id, point <#> CAST(:query AS vector) AS distance FROM {self._table} {where} "
            "ORDER BY distance LIMIT :count"
        )
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for row, one in enumerate(queries):
                given = {"query": _text(one), "count": count}
                if allowed is not None:
                    given |= {"bits": bits, "end": len(allowed)}
                for place, (found, distance) in enumerate(connection.execute(query, given)):
                    ids[row, place], scores[row, place] = found, -distance
        return ids, scores

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _add_graph(self, connection: sa.Connection) -> None:
        known = connection.scalar(sa.text("SELECT to_regclass(:name)"), {"name": f"{_SCHEMA}.{self._graph}"})
        if known is not None:
            return
        points = connection.scalar(sa.text(f"SELECT count(*) FROM {self._table}")) or 0
        memory = max(_LEAST_MEMORY, min(points * (4 * self.dim + _OF_A_POINT), _MOST_MEMORY))
        connection.execute(sa.text(f"SET LOCAL maintenance_work_mem = '{memory >> 10}kB'"))
        made_by = f"USING hnsw (point vector_ip_ops) WITH ({_GRAPH})"
        connection.execute(sa.text(f"CREATE INDEX IF NOT EXISTS {self._graph} ON {self._table} {made_by}"))

    def _delete(self, connection: sa.Connection, ids: Ids) -> None:
        connection.execute(sa.text(f"DELETE FROM {self._table} WHERE id = ANY(:ids)"), {"ids": ids.tolist()})


def _configure(connection: Any, _record: object) -> None:
    """How the graph is walked: wide, and on until enough is found that is allowed."""
    connection.execute(f"SET hnsw.ef_search = {_WALKED}")
    connection.execute("SET hnsw.iterative_scan = strict_order")
    connection.commit()


def _require_extension(connection: sa.Connection) -> None:
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS vector"))
    except sa.exc.DBAPIError as error:
        raise MissingPart(
            f"PostgreSQL has no extension 'vector': {error.orig}",
            hint='install pgvector on the server, or set [lookalike] index = "exact"',
        ) from None


def _rows(ids: Ids, points: Points) -> bytes:
    """Rows of PostgreSQL's binary COPY: two fields, a bigint and a vector (columns, unused, big-endian floats)."""
    dim = points.shape[1]
    layout = np.dtype(
        [("fields", ">i2"), ("size_id", ">i4"), ("id", ">i8"), ("size", ">i4"), ("dim", ">i2"), ("unused", ">i2"),
         ("point", ">f4", (dim,))]
    )  # fmt: skip
    rows = np.zeros(len(ids), layout)
    rows["fields"], rows["size_id"], rows["size"], rows["dim"] = 2, 8, 4 + 4 * dim, dim
    rows["id"], rows["point"] = ids, points
    return rows.tobytes()


def _text(point: Points) -> str:
    return "[" + ",".join(map(repr, point.tolist())) + "]"
