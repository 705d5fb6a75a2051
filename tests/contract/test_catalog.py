"""The catalog keeps its word: migrations build the schema, writes are whole, what is kept is what was given."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from small_store import new_database
from vitrine.errors import Conflict, StorageError
from vitrine.records import Product
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

MOMENT = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    catalog = Catalog(catalog_url)
    yield catalog
    catalog.close()


def product(sku: str, name: str = "Sapatilha açaí 👠", added_at: datetime = MOMENT) -> Product:
    return Product(sku, None, name, None, None, 89.9, added_at)


def test_the_migrations_build_exactly_the_schema(catalog: Catalog) -> None:
    with catalog.transaction() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_what_is_read_is_what_was_written(catalog: Catalog) -> None:
    catalog.add(schema.products, [product("é-1/👠")])
    row = catalog.rows(schema.products)[0]
    assert (row["sku"], row["name"], row["price"], row["added_at"]) == ("é-1/👠", "Sapatilha açaí 👠", 89.9, MOMENT)


def test_add_leaves_what_is_there_and_put_replaces_it_but_for_when_it_came(catalog: Catalog) -> None:
    assert catalog.add(schema.products, [product("a"), product("b")]) == 2
    later = MOMENT.replace(year=2027)
    assert catalog.add(schema.products, [product("a", "other", later), product("c")]) == 1
    catalog.put(schema.products, [product("b", "other", later)])
    rows = {row["sku"]: (row["name"], row["added_at"]) for row in catalog.rows(schema.products)}
    assert rows == {"a": ("Sapatilha açaí 👠", MOMENT), "b": ("other", MOMENT), "c": ("Sapatilha açaí 👠", MOMENT)}


def test_a_transaction_that_fails_leaves_nothing(catalog: Catalog) -> None:
    with pytest.raises(RuntimeError), catalog.transaction() as connection:
        catalog.add(schema.products, [product("a")], connection=connection)
        raise RuntimeError("in the middle")
    assert catalog.count(schema.products) == 0


def test_an_empty_answer_has_its_columns(catalog: Catalog) -> None:
    table = catalog.read(sa.select(schema.products.c.sku, schema.products.c.price))
    assert (table.num_rows, table.column_names) == (0, ["sku", "price"])


def test_a_file_that_is_no_catalog_says_so(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"this is no database at all, but long enough to be one" * 40)
    with pytest.raises(StorageError, match="is damaged"):
        Catalog(f"sqlite:///{path}")


def test_frozen_reads_see_one_moment_whatever_others_write(catalog: Catalog) -> None:
    catalog.add(schema.products, [product("a")])
    other = Catalog(catalog.url)
    with catalog.frozen():
        assert catalog.count(schema.products) == 1
        other.add(schema.products, [product("b")])
        assert catalog.read(schema.products).num_rows == 1 and catalog.count(schema.products) == 1
        with catalog.reading() as connection:
            assert len(connection.execute(schema.products.select()).all()) == 1
    assert catalog.count(schema.products) == 2
    other.close()


def test_a_database_that_ended_all_connections_is_asked_on_new_ones(postgresql: str) -> None:
    catalog = Catalog(new_database(postgresql))
    assert catalog.count(schema.products) == 0
    name = sa.make_url(catalog.url).database
    ended = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name").bindparams(
        name=name
    )
    with sa.create_engine(postgresql.format(name="postgres")).connect() as connection:
        assert connection.execute(ended).all()
    assert catalog.count(schema.products) == 0
    catalog.close()


def test_of_two_that_wait_for_each_other_one_goes_on_and_the_other_may_try_again(postgresql: str) -> None:
    catalog, table = Catalog(new_database(postgresql)), schema.products
    catalog.add(table, [product("a"), product("b")])
    both_hold_one = Barrier(2, timeout=30)

    def rename(skus: tuple[str, str]) -> str:
        try:
            with catalog.transaction() as connection:
                connection.execute(sa.update(table).where(table.c.sku == skus[0]).values(name=skus[0]))
                both_hold_one.wait()
                connection.execute(sa.update(table).where(table.c.sku == skus[1]).values(name=skus[0]))
        except Conflict as error:
            assert error.hint
            return "refused"
        return skus[0]

    with ThreadPoolExecutor(2) as threads:
        ends = list(threads.map(rename, [("a", "b"), ("b", "a")]))
    assert ends.count("refused") == 1
    (winner,) = set(ends) - {"refused"}
    assert {row["name"] for row in catalog.rows(table)} == {winner}
    catalog.close()
