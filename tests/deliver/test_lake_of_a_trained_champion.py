"""What a champion trained on drawn products publishes leaves under the certificate that training proved."""

import duckdb

from vitrine.deliver import deliver
from vitrine.workspace import Workspace


def test_every_published_answer_has_the_sentence_of_its_head(trained: Workspace) -> None:
    trained.classify()
    deliver(trained, "lake")
    lake = duckdb.connect()
    lake.execute((trained.folder / "lake" / "views.sql").read_text(encoding="utf-8"))
    sentences = {name: one.own.sentence() for name, one in trained.model().certificates.items()}
    published = lake.sql(
        "select attribute, certificate, min(confidence) from fact_answers where origin = 'published' group by all"
    ).fetchall()
    assert published and all(sentences[name] == certificate for name, certificate, _ in published)
    proven = lake.sql("select attribute, sentence from fact_certificates where scope = 'attribute'").fetchall()
    assert dict(proven) == sentences
    counted = lake.sql("select count(*) from fact_predictions where decision = 'published'").fetchall()[0][0]
    answers = lake.sql("select count(*) from fact_answers where origin = 'published'").fetchall()[0][0]
    labelled = lake.sql(
        """select count(*) from fact_predictions p semi join fact_answers a using (sku, attribute)
           where p.decision = 'published' and not exists (select 1 from fact_answers o where o.sku = p.sku
                 and o.attribute = p.attribute and o.origin = 'published')"""
    ).fetchall()[0][0]
    assert answers == counted - labelled  # a table's word stands above what is published
