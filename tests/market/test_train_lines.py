"""Champions stand in lines: a market's tasks and the photos do not meet, and an older catalog keeps its history."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import vitrine.stores.catalog as catalogs
from vitrine.errors import NotFound
from vitrine.learn.promote import champion_history, champion_of, promote, roll_back
from vitrine.records import ModelRecord, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog


def test_lines_have_champions_of_their_own(tmp_path: Path) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    catalog.add(schema.models, [ModelRecord("photo-1", "ds-1", "drawn", "tx-1", now())])
    catalog.add(schema.models, [ModelRecord("churn-1", "abt-1", None, None, now(), "market-churn")])
    promote(catalog, "photo-1", None)
    assert champion_of(catalog, line="market-churn") is None
    promote(catalog, "churn-1", None, line="market-churn")
    assert (champion_of(catalog), champion_of(catalog, line="market-churn")) == ("photo-1", "churn-1")
    assert [entry.position for entry in champion_history(catalog, line="market-churn")] == [1]
    with pytest.raises(NotFound, match="no earlier champion"):
        roll_back(catalog, line="market-churn")


def test_a_catalog_of_the_first_release_keeps_its_champions(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    engine = sa.create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(Path(catalogs.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        moment = "2026-11-01 10:00:00.000000"
        insert = "INSERT INTO models VALUES (:model, 'ds-1', 'e-1', 't-1', :moment)"
        connection.execute(sa.text(insert), [{"model": one, "moment": moment} for one in ("m-1", "m-2")])
        insert = "INSERT INTO promotions VALUES (:at, :model, :before, 'promoted', '{}', :moment)"
        rows = [
            {"at": 1, "model": "m-1", "before": None, "moment": moment},
            {"at": 2, "model": "m-2", "before": "m-1", "moment": moment},
        ]
        connection.execute(sa.text(insert), rows)
    catalog = Catalog(url)
    assert [entry.model_id for entry in champion_history(catalog)] == ["m-1", "m-2"]
    assert catalog.read(schema.models).column("line").to_pylist() == ["photos", "photos"]
    assert roll_back(catalog).model_id == "m-1"
