"""A workspace with a drawn catalog, for tests that need photos."""

from pathlib import Path

from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.workspace import Workspace, create


def make_workspace(folder: Path, drawn_folder: Path) -> Workspace:
    """A workspace with the drawn catalog ingested."""
    workspace = create(folder, (drawn_folder / "taxonomy.toml").read_text(encoding="utf-8"), {})
    rows = read_table(drawn_folder / "labels.csv")
    items = items_of_rows(rows, workspace.settings.columns, workspace.taxonomy)
    workspace.ingest(items, PhotoSource(str(drawn_folder / "photos")), place="labels.csv")
    workspace.find_twins()
    return workspace
