"""What a champion trained on drawn products publishes leaves under the certificate of the head that said it."""

from dataclasses import replace

import duckdb
import sqlalchemy as sa

from small_desk import MOMENT
from vitrine.deliver import deliver
from vitrine.learn.plan import Rule
from vitrine.records import Promotion
from vitrine.stores import schema
from vitrine.workspace import Workspace


def make_bold(workspace: Workspace) -> None:
    """A champion whose heads publish whatever they are surer than not of, on products that no table labels."""
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
    with workspace.catalog.transaction() as connection:
        connection.execute(sa.delete(schema.labels))


def test_every_published_answer_has_the_sentence_of_its_head(trained: Workspace) -> None:
    make_bold(trained)
    trained.classify()
    deliver(trained, "lake")
    lake = duckdb.connect()
    lake.execute((trained.folder / "lake" / "views.sql").read_text(encoding="utf-8"))
    sentences = {name: one.own.sentence() for name, one in trained.model().certificates.items()}
    published = lake.sql("select distinct attribute, certificate from fact_answers").fetchall()
    assert published and all(sentences[name] == certificate for name, certificate in published)
    proven = lake.sql("select attribute, sentence from fact_certificates where scope = 'attribute'").fetchall()
    assert dict(proven) == sentences
    said = lake.sql("select sku, attribute, value from fact_predictions where decision = 'published' order by all")
    left = lake.sql("select sku, attribute, value from fact_answers where origin = 'published' order by all")
    assert said.fetchall() == left.fetchall()
