"""A workspace keeps training and serving on one road: same cleaning, same decode, same embedder."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from PIL import Image

import vitrine
from vitrine.errors import Refused
from vitrine.intake.items import items_of_rows
from vitrine.intake.labels import PERSON
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.jobs import run_training
from vitrine.learn.model import load_basis
from vitrine.records import Label, now
from vitrine.stores import schema
from vitrine.workspace import Workspace


def test_a_model_refuses_photos_cleaned_in_another_way(trained: Workspace) -> None:
    settings = trained.folder / "vitrine.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("# border = true", "border = false  #"), encoding="utf-8")
    with pytest.raises(Refused, match="reads vectors of") as refused:
        vitrine.open(trained.folder).classify()
    assert "vitrine train" in str(refused.value.hint)


def test_a_large_photo_gets_the_same_answer_alone_and_in_a_batch(
    trained: Workspace, drawn: tuple[Path, object], tmp_path: Path
) -> None:
    first = next(path for path in sorted((drawn[0] / "photos").glob("*-1.jpg")) if path.stat().st_size > 2_000)
    studio = tmp_path / "studio"
    studio.mkdir()
    Image.open(first).convert("RGB").resize((1_600, 1_600)).save(studio / "NEW.jpg", quality=92)
    (tmp_path / "new.csv").write_text("sku\nNEW\n", encoding="utf-8")
    items = items_of_rows(
        read_table(tmp_path / "new.csv"),
        trained.settings.columns,
        trained.taxonomy,
        PhotoSource(str(studio)).list(),
    )
    trained.ingest(items, PhotoSource(str(studio)), place="new.csv")
    trained.classify()
    together = {row["attribute"]: row for row in trained.predictions().to_pylist() if row["sku"] == "NEW"}
    alone = {row["attribute"]: row for row in trained.classify_photo((studio / "NEW.jpg").read_bytes())}
    assert set(alone) == set(together)
    for name, answer in alone.items():
        assert answer["value"] == together[name]["value"]
        assert np.isclose(answer["confidence"], together[name]["confidence"], atol=1e-6)


def train(workspace: Workspace, attributes: list[str] | None) -> dict[str, Any]:
    return run_training(workspace, attributes=attributes, on_embed=lambda *_: None, on_train=lambda *_: None)


def test_one_attribute_learnt_again_from_the_same_labels_gives_the_same_model(trained: Workspace) -> None:
    champion = trained.model().model_id
    report = train(trained, ["color"])
    assert report["model"] == champion
    assert list(report["attributes"]) == trained.model().attributes


def test_an_attribute_learnt_from_more_labels_leaves_the_other_heads_as_they_are(trained: Workspace) -> None:
    before = trained.model()
    wanted = trained.labels().filter(pc.field("attribute") == "color").column("value").to_pylist()
    labelled = set(trained.labels().filter(pc.field("attribute") == "color").column("sku").to_pylist())
    skus = [sku for sku in trained.products().column("sku").to_pylist()]
    moment = now()
    changed = [Label(sku, "color", wanted[0], PERSON, "by hand", moment) for sku in skus if sku in labelled][::3]
    trained.catalog.add(schema.labels, changed)
    after = trained.model(train(trained, ["color"])["model"])
    assert after.attributes == before.attributes
    ids = [{name: one.id for name, one in model.predictor.classifiers.items()} for model in (before, after)]
    assert {name for name in ids[0] if ids[0][name] != ids[1][name]} == {"color"}


def test_a_head_whose_value_left_the_taxonomy_is_not_taken_over(trained: Workspace) -> None:
    champion = trained.model()
    basis = load_basis(
        champion.model_id,
        trained.data / "models",
    )
    sole = trained.taxonomy.attributes["sole"]
    gone = champion.predictor.classifiers["sole"].values[0]
    without = replace(sole, values=tuple(value for value in sole.values if value != gone))
    taxonomy = replace(trained.taxonomy, attributes={**trained.taxonomy.attributes, "sole": without})
    kept, left_out = basis.kept(taxonomy, ["color"])
    assert "color" not in kept and "sole" not in kept
    assert set(kept) == set(champion.attributes) - {"color", "sole"}
    assert gone in left_out["sole"]
