"""A small drawn catalog with all 13 attributes, and a network of 32 × 32 pixels."""

from pathlib import Path

import pytest

from vitrine.demo.catalog import draw_catalog
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.workspace import create


@pytest.fixture(scope="session")
def catalog_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a workspace with 150 drawn products; copy it before writing."""
    drawn = tmp_path_factory.mktemp("drawn-small")
    draw_catalog(drawn, products=150, seed=5, size=96, workers=1)
    folder = tmp_path_factory.mktemp("workspace")
    workspace = create(folder, (drawn / "taxonomy.toml").read_text(encoding="utf-8"), {})
    items = items_of_rows(read_table(drawn / "labels.csv"), workspace.settings.columns, workspace.taxonomy)
    workspace.ingest(items, PhotoSource(str(drawn / "photos")), place="labels.csv")
    workspace.find_twins()
    workspace.catalog.close()
    return folder
