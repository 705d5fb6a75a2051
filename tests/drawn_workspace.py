"""A workspace with a drawn catalog, for tests that need photos."""

from dataclasses import replace
from pathlib import Path

from small_desk import MOMENT
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.learn.plan import Rule
from vitrine.records import Promotion
from vitrine.stores import schema
from vitrine.workspace import Workspace, create


def make_workspace(folder: Path, drawn_folder: Path) -> Workspace:
    """A workspace with the drawn catalog ingested."""
    workspace = create(folder, (drawn_folder / "taxonomy.toml").read_text(encoding="utf-8"), {})
    rows = read_table(drawn_folder / "labels.csv")
    items = items_of_rows(rows, workspace.settings.columns, workspace.taxonomy)
    workspace.ingest(items, PhotoSource(str(drawn_folder / "photos")), place="labels.csv")
    workspace.find_twins()
    return workspace


def publish_all(workspace: Workspace) -> None:
    """Make a champion of the trained one whose heads publish whatever they are surer than not of."""
    model, basis = workspace.model(), workspace.basis()
    assert basis
    certificates = {
        name: replace(
            one, own=replace(one.own, rule=Rule(dict.fromkeys(model.predictor.grammar.values[name], 0.0), 0.0))
        )
        for name, one in model.certificates.items()
    }
    bold = replace(model, certificates=certificates)
    workspace.save_model(bold, basis.learnt)
    promotion = Promotion(2, bold.model_id, model.model_id, "promoted", "{}", MOMENT)
    workspace.catalog.add(schema.promotions, [promotion])
