"""The loop on a real workspace: what people say is learnt, a changed taxonomy too, and nothing that a machine published."""

import pytest
import sqlalchemy as sa

from vitrine.desk.change_taxonomy import Wish, change
from vitrine.desk.decisions import Answer, decide
from vitrine.errors import Refused
from vitrine.intake.retell import RENAME
from vitrine.jobs import new_labels, run_retraining
from vitrine.learn.promote import champion_of
from vitrine.records import ModelRecord, now
from vitrine.stores import schema
from vitrine.workspace import Workspace


def silent(done: int, total: int) -> None:
    """Nobody watches."""


def test_too_few_new_labels_are_not_learnt_and_published_answers_are_no_labels(trained: Workspace) -> None:
    before = trained.labels().num_rows
    trained.classify()
    report = run_retraining(trained, attributes=None, if_new=1, on_embed=silent, on_train=silent)
    assert report["new_labels"] == 0 and report["trained"] is None
    assert trained.labels().num_rows == before
    skus = trained.products().column("sku").to_pylist()[:3]
    answers = [Answer(sku, "color", value="red", version=0) for sku in skus]
    decide(trained.catalog, trained.taxonomy, answers, author="ana", batch_id="action-1")
    report = run_retraining(trained, attributes=None, if_new=4, on_embed=silent, on_train=silent)
    assert report["new_labels"] == 3 and report["trained"] is None
    trained.catalog.add(schema.models, [ModelRecord("churn-1", "abt-1", None, None, now(), "market-churn")])
    assert new_labels(trained) == 3, "a newer model of the marketplace has learnt nothing of photos"


def test_a_renamed_value_is_learnt_alone_and_its_model_takes_over(trained: Workspace) -> None:
    catalog, before = trained.catalog, trained.model()
    wish = Wish(RENAME, "color", ("black",), ("jet",))
    change(catalog, trained.folder / "taxonomy.toml", wish, author="ana")
    with pytest.raises(Refused, match="was trained on taxonomy"):
        trained.model()
    report = run_retraining(trained, attributes=["color"], if_new=0, on_embed=silent, on_train=silent)
    assert report["promoted"] and report["refused"] is None
    after = trained.model()
    assert champion_of(catalog) == after.model_id != before.model_id
    kept = {
        name
        for name in before.attributes
        if after.predictor.classifiers[name].id == before.predictor.classifiers[name].id
    }
    assert kept == set(before.attributes) - {"color"}
    colors = after.predictor.classifiers["color"].values
    assert "jet" in colors and "black" not in colors
    trained.classify()
    said = trained.predictions(attribute="color").column("value").to_pylist()
    assert "jet" in said and "black" not in said
    raw = catalog.read(sa.select(schema.labels.c.value).where(schema.labels.c.attribute == "color"))
    assert "black" in raw.column("value").to_pylist()
