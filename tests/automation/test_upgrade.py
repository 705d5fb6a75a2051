"""A catalog of the version before is brought up to date whole, and one of a newer version is left alone."""

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import vitrine.stores
from vitrine.backup import backup, restore
from vitrine.errors import Refused
from vitrine.records import Product, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.workspace import Workspace

MIGRATIONS = Path(vitrine.stores.__file__).parent / "migrations"


def create_at(url: str, revision: str) -> None:
    """Make the catalog of an earlier version at `url`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def before_automation() -> str:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return str(ScriptDirectory.from_config(config).get_revision("0011").down_revision)


def test_a_catalog_of_the_version_before_keeps_everything(catalog_url: str) -> None:
    create_at(catalog_url, before_automation())
    engine = sa.create_engine(catalog_url)
    with engine.begin() as connection:
        insert = sa.text("INSERT INTO products (sku, name, added_at) VALUES (:sku, :name, :added_at)")
        connection.execute(insert, {"sku": "é-1", "name": "Sapatilha", "added_at": "2026-11-21 09:00:00"})
    engine.dispose()
    catalog = Catalog(catalog_url)
    assert catalog.read(schema.products).column("sku").to_pylist() == ["é-1"]
    assert catalog.count(schema.answered) == 0
    catalog.add(schema.products, [Product("b", None, None, None, None, None, now())])
    catalog.close()


def test_after_an_upgrade_every_product_is_answered_again_to_the_same_values(trained: Workspace) -> None:
    trained.classify()
    table = schema.predictions
    columns = sa.select(table.c.sku, table.c.attribute, table.c.value, table.c.confidence, table.c.decision)
    query = columns.order_by(table.c.sku, table.c.attribute)
    before = trained.catalog.read(query)
    with trained.catalog.transaction() as connection:  # as the catalog of the version before is brought up to date
        connection.execute(sa.delete(schema.answered))
    assert trained.classify(only_due=True).products == len(set(before.column("sku").to_pylist()))
    assert trained.catalog.read(query).equals(before)


def test_the_way_back_is_the_backup_from_before(trained: Workspace, tmp_path: Path) -> None:
    saved = tmp_path / "before.zip"
    backup(trained, saved)
    trained.classify()
    restore(saved, tmp_path / "back")
    again = Workspace(tmp_path / "back")
    assert again.catalog.count(schema.predictions) == 0
    assert again.labels().num_rows == trained.labels().num_rows
    shutil.rmtree(tmp_path / "back")


def test_a_catalog_of_a_newer_version_is_refused_and_left_alone(catalog_url: str) -> None:
    Catalog(catalog_url).close()
    engine = sa.create_engine(catalog_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Refused, match="the catalog has schema 9999, this version of Vitrine knows schemas up to 00"):
        Catalog(catalog_url)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9999"
    engine.dispose()
