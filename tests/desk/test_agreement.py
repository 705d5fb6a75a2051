"""Agreement of second answers is what it is: known kappas come back, disputes are listed until somebody settles them."""

from small_desk import TAXONOMY, Desk, add_products
from vitrine.desk import journal, queue
from vitrine.desk.agreement import agreement, cohens_kappa, disputes
from vitrine.desk.decisions import Answer, decide, undo
from vitrine.desk.fill import fill
from vitrine.intake.labels import current_labels, spoken_labels


def sampled(count: int) -> list[str]:
    """Skus that the coin picks for a second answer."""
    names = (f"r{number}" for number in range(10_000))
    return [
        sku
        for sku, _ in zip(
            (n for n in names if journal.coin("review", n, "color", journal.REVIEW_SHARE)), range(count), strict=False
        )
    ]


def answer_twice(desk: Desk, answers: list[tuple[str, str]]) -> list[str]:
    skus = sampled(len(answers))
    add_products(desk.catalog, skus)
    fill(desk.catalog, TAXONOMY)
    first = [Answer(sku, "color", value=one, version=0) for sku, (one, _) in zip(skus, answers, strict=True)]
    decide(desk.catalog, TAXONOMY, first, author="ana", batch_id="first-answers")
    second = dict(zip(skus, (two for _, two in answers), strict=True))
    while items := queue.next_items(desk.catalog, TAXONOMY, "budi", attribute="color", count=20):
        said = [Answer(one.sku, "color", value=second.get(one.sku, "red"), token=one.token) for one in items]
        decide(desk.catalog, TAXONOMY, said, author="budi", batch_id=f"second-{items[0].token.replace('.', '-')}")
    return skus


def test_the_kappa_of_a_known_table(desk: Desk) -> None:
    answers = [("red", "red")] * 8 + [("red", "pink")] * 2 + [("pink", "red")] * 4 + [("pink", "pink")] * 6
    answer_twice(desk, answers)
    found = agreement(desk.catalog, TAXONOMY)
    assert [(one.attribute, one.n, one.agreed) for one in found] == [("color", 20, 0.7)]
    assert found[0].kappa == cohens_kappa(answers) and abs((found[0].kappa or 0) - 0.4) < 1e-9
    assert found[0].agreed_interval[0] < 0.7 < found[0].agreed_interval[1]
    assert found[0].confused == [("pink", "red", 6)]


def test_a_dispute_gives_no_label_until_it_is_settled(desk: Desk) -> None:
    sku = answer_twice(desk, [("red", "pink"), ("blue", "blue")])[0]
    assert [(one.sku, list(one.answers)) for one in disputes(desk.catalog)] == [
        (sku, [("ana", "red"), ("budi", "pink")])
    ]
    assert sku not in labelled(desk)
    dispute = disputes(desk.catalog)[0]
    settled = Answer(sku, "color", value="pink", version=dispute.version)
    decide(desk.catalog, TAXONOMY, [settled], author="citra", batch_id="settled-01")
    assert disputes(desk.catalog) == [] and labelled(desk)[sku] == "pink"
    undo(desk.catalog, "settled-01", author="citra")
    assert sku not in labelled(desk)


def labelled(desk: Desk) -> dict[str, str]:
    rows = current_labels(spoken_labels(desk.catalog)).to_pylist()
    return {row["sku"]: row["value"] for row in rows if row["attribute"] == "color"}
