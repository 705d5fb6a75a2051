"""Other worlds to compute the features in: the marketplace as it was known at a date, and with another future.

`worlds/truncated/*.sql` are the tables as a copy made at the cut would have them: rows and steps of later are absent.
`worlds/mutated/*.sql` keep all that was known at the cut and change everything else. A feature that is the same in all of
them saw nothing of the future. A table without a file (sellers, products) is the same in every world: it has no time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from importlib.resources import files

import duckdb

from vitrine.market.duck import DuckDB

WORLDS = ("truncated", "mutated")
_MACROS = (
    # a number below n that depends on the row, the purpose and the seed
    "CREATE OR REPLACE MACRO roll(id, purpose, n) AS "
    "CAST(hash(concat(id, ' ', purpose, ' ', (SELECT seed FROM main.cut))) % n AS INTEGER)",
    # a step that is known stays; one that is not is moved behind the cut, lost, or found
    "CREATE OR REPLACE MACRO moved(step, id, purpose) AS CASE "
    "WHEN step < (SELECT cut_on FROM main.cut) THEN CAST(step AS TIMESTAMP) "
    "WHEN roll(id, purpose || ' lost', 3) = 0 THEN NULL "
    "ELSE CAST((SELECT cut_on FROM main.cut) + to_days(roll(id, purpose, 90)) AS TIMESTAMP) END",
)


@contextmanager
def world(connection: duckdb.DuckDBPyConnection, kind: str, cut: date, *, seed: int = 0) -> Iterator[DuckDB]:
    """The feature queries over the marketplace in world `kind` at `cut`; the connection's own tables stay as they are."""
    connection.execute("CREATE OR REPLACE TABLE main.cut (cut_on DATE, seed INTEGER)")
    connection.execute("INSERT INTO main.cut VALUES (?, ?)", [cut, seed])
    for macro in _MACROS:
        connection.execute(macro)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {kind}")
    present = {name for (name,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    for file in (files("vitrine.market") / "worlds" / kind).iterdir():
        name = file.name.removesuffix(".sql")
        if name in present:
            text = file.read_text(encoding="utf-8")
            connection.execute(f"CREATE OR REPLACE VIEW {kind}.{name} AS {text}")
    connection.execute(f"SET search_path = '{kind},main'")
    try:
        yield DuckDB(connection)
    finally:
        connection.execute("SET search_path = 'main'")
