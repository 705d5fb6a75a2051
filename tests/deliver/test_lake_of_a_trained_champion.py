"""What a champion trained on drawn products publishes leaves under the certificate of the head that said it."""

import duckdb
import sqlalchemy as sa

from drawn_workspace import publish_all
from vitrine.deliver import deliver
from vitrine.stores import schema
from vitrine.workspace import Workspace


def test_every_published_answer_has_the_sentence_of_its_head(trained: Workspace) -> None:
    publish_all(trained)
    with trained.catalog.transaction() as connection:  # what a table labels leaves as the table's word
        connection.execute(sa.delete(schema.labels))
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
