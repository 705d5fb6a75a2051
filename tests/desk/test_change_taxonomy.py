"""The taxonomy changes under a catalog in use: what was said is told in the new values, and only riddles are asked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from small_desk import MOMENT, add_products
from vitrine import taxonomy
from vitrine.desk import audit, change_taxonomy, journal, queue
from vitrine.desk.change_taxonomy import Wish, change, undo
from vitrine.desk.decisions import Answer, decide
from vitrine.desk.fill import fill
from vitrine.errors import InputError, NotFound, Refused
from vitrine.intake.labels import current_labels, spoken_labels
from vitrine.intake.retell import MERGE, RENAME, RENAME_ATTRIBUTE, RETIRE, SPLIT
from vitrine.records import Audit, AuditCohort, AuditRound, Label
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.workspace import Workspace, create

TEXT = """# ours since 2019
version = 1

[attributes.color]
names = {en = "Color", pt = "Cor"}

[attributes.color.values]
red = {pt = "vermelho"}   # of the summer
blue = {}
pink = {synonyms = ["rosa"]}

[attributes.heel.values]
none = {}
block = {}

[attributes.covering]
applies_when = {attribute = "heel", values = ["block"]}
[attributes.covering.values]
cork = {}
wood = {}

[[exclude]]
color = ["red", "pink"]
heel = ["none"]
"""


@dataclass(frozen=True)
class Shop:
    """A catalog with 12 products, a table's labels for six and two decisions, and its taxonomy.toml."""

    catalog: Catalog
    path: Path

    @property
    def taxonomy(self) -> taxonomy.Taxonomy:
        return taxonomy.load(self.path)

    def change(self, *wish: object, dry_run: bool = False) -> change_taxonomy.Changed:
        return change(self.catalog, self.path, Wish(*wish), author="ana", dry_run=dry_run)

    def labels(self, attribute: str = "color") -> dict[str, str]:
        rows = current_labels(spoken_labels(self.catalog)).to_pylist()
        return {row["sku"]: row["value"] for row in rows if row["attribute"] == attribute}

    def asked(self, reason: str) -> list[str]:
        rows = self.catalog.rows(schema.queue)
        return sorted(row["sku"] for row in rows if row["reason"] == reason and row["turn"] is not None)


@pytest.fixture
def shop(catalog_url: str, tmp_path: Path) -> Iterator[Shop]:
    path = tmp_path / "taxonomy.toml"
    path.write_text(TEXT, encoding="utf-8")
    shop = Shop(Catalog(catalog_url), path)
    add_products(shop.catalog, [f"p{i:02d}" for i in range(12)])
    values = ["red", "red", "pink", "blue", "blue", "pink"]
    shop.catalog.add(
        schema.labels, [Label(f"p{i:02d}", "color", v, "table", "t", MOMENT) for i, v in enumerate(values)]
    )
    answers = [Answer("p06", "color", value="red", version=0), Answer("p00", "color", value="pink", version=0)]
    decide(shop.catalog, shop.taxonomy, answers, author="ana", batch_id="action-1")
    fill(shop.catalog, shop.taxonomy)
    yield shop
    shop.catalog.close()


BEFORE = {"p00": "pink", "p01": "red", "p02": "pink", "p03": "blue", "p04": "blue", "p05": "pink", "p06": "red"}


def test_a_renamed_value_is_told_everywhere_and_nobody_is_asked(shop: Shop) -> None:
    before = shop.catalog.read(schema.queue).num_rows
    made = shop.change(RENAME, "color", ("red",), ("crimson",))
    assert (made.labels, made.decisions, made.asked, made.learn_again) == (2, 1, 0, ["color"])
    assert shop.labels() == {sku: "crimson" if value == "red" else value for sku, value in BEFORE.items()}
    assert shop.catalog.read(schema.queue).num_rows == before
    assert {row["value"] for row in shop.catalog.rows(schema.decisions)} == {"red", "pink"}
    color = shop.taxonomy.attributes["color"]
    assert color.values == ("crimson", "blue", "pink") and color.read("red") == color.read("vermelho") == "crimson"
    assert shop.taxonomy.exclusions[0].first_values == ("crimson", "pink")
    assert "# ours since 2019" in shop.path.read_text() and "# of the summer" in shop.path.read_text()
    said = {row["value"] for row in shop.catalog.rows(schema.predictions) if row["attribute"] == "color"}
    assert said == {"crimson"}


def test_merged_values_are_one(shop: Shop) -> None:
    made = shop.change(MERGE, "color", ("pink",), ("red",))
    assert made.asked == 0 and set(shop.labels().values()) == {"red", "blue"} and len(shop.labels()) == 7
    assert shop.taxonomy.attributes["color"].read("rosa") == "red"
    assert shop.taxonomy.exclusions[0].first_values == ("red",)


def test_a_split_asks_about_what_had_the_value_and_nothing_else_and_hides_what_the_model_says(shop: Shop) -> None:
    made = shop.change(SPLIT, "color", ("red",), ("wine", "coral"))
    assert made.asked == 2 and shop.asked(SPLIT) == ["p01", "p06"]
    assert shop.labels() == {sku: value for sku, value in BEFORE.items() if value != "red"}
    items = queue.next_items(shop.catalog, shop.taxonomy, "budi", attribute="color", count=2)
    assert [(item.sku, item.reason, item.predicted) for item in items] == [("p01", SPLIT, None), ("p06", SPLIT, None)]
    answers = [Answer(item.sku, "color", value="wine", token=item.token) for item in items]
    decide(shop.catalog, shop.taxonomy, answers, author="budi", batch_id="action-2")
    assert shop.labels()["p06"] == shop.labels()["p01"] == "wine"
    fill(shop.catalog, shop.taxonomy)
    assert shop.asked(SPLIT) == []


def test_a_question_of_a_split_outlives_a_new_queue(shop: Shop) -> None:
    shop.change(SPLIT, "color", ("red",), ("wine", "coral"))
    fill(shop.catalog, shop.taxonomy)
    open_ = [row for row in shop.catalog.rows(schema.queue) if row["turn"] is not None]
    assert {"p01", "p06"} <= {row["sku"] for row in open_ if row["attribute"] == "color"}


def test_a_retired_value_is_no_label_any_more(shop: Shop) -> None:
    shop.change(RETIRE, "color", ("pink",))
    assert shop.labels() == {sku: value for sku, value in BEFORE.items() if value != "pink"}
    assert shop.asked("retired") == ["p00", "p02", "p05"]


def test_a_table_does_not_speak_again_where_a_person_had_said_what_is_no_more(shop: Shop) -> None:
    """The table said red, the person pink; pink is retired: red is not right for that."""
    shop.change(RETIRE, "color", ("pink",))
    assert "p00" not in shop.labels()


def test_what_is_said_after_a_change_is_told_as_it_is(shop: Shop) -> None:
    shop.change(RENAME, "color", ("red",), ("crimson",))
    shop.change(RENAME, "color", ("blue",), ("red",))
    answer = Answer("p07", "color", value="red", version=0)
    decide(shop.catalog, shop.taxonomy, [answer], author="ana", batch_id="action-2")
    assert (shop.labels()["p07"], shop.labels()["p03"], shop.labels()["p01"]) == ("red", "red", "crimson")


def test_an_attribute_gets_another_name_with_all_that_is_known_of_it(shop: Shop) -> None:
    shop.change(RENAME, "color", ("red",), ("crimson",))
    shop.change(RENAME_ATTRIBUTE, "color", (), ("shade",))
    assert shop.labels("shade")["p01"] == "crimson" and shop.labels() == {}
    assert list(shop.taxonomy.attributes) == ["shade", "heel", "covering"]
    assert shop.taxonomy.exclusions[0].first_values == ("crimson", "pink")
    undo(shop.catalog, shop.path, author="ana")
    undo(shop.catalog, shop.path, author="ana")
    assert shop.labels() == BEFORE and shop.path.read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize(
    "wish",
    [
        (RENAME, "color", ("red",), ("crimson",)),
        (MERGE, "color", ("red", "pink"), ("warm",)),
        (SPLIT, "color", ("red",), ("wine", "coral")),
        (RETIRE, "color", ("red",)),
        (RENAME_ATTRIBUTE, "heel", (), ("salto",)),
    ],
)
def test_a_change_taken_back_leaves_what_there_was(shop: Shop, wish: tuple[object, ...]) -> None:
    taxonomy_id = shop.taxonomy.id
    shop.change(*wish)
    undo(shop.catalog, shop.path, author="ana")
    assert shop.labels() == BEFORE and shop.taxonomy.id == taxonomy_id
    assert [one.kind for one in change_taxonomy.history(shop.catalog)] == [wish[0], "undo"]
    with pytest.raises(NotFound):
        undo(shop.catalog, shop.path, author="ana")


def test_a_dry_run_says_all_and_changes_nothing(shop: Shop) -> None:
    tables = (schema.queue, schema.predictions, schema.retold, schema.taxonomy_changes)
    before = [sorted(map(str, shop.catalog.rows(table))) for table in tables]
    tried = shop.change(SPLIT, "color", ("red",), ("wine", "coral"), dry_run=True)
    assert (tried.applied, tried.labels, tried.decisions, tried.asked) == (False, 2, 1, 2)
    assert "+wine = {}" in change_taxonomy.difference(tried, shop.path)
    assert [sorted(map(str, shop.catalog.rows(table))) for table in tables] == before
    assert shop.path.read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ((RENAME, "color", ("green",), ("lime",)), "color has no value 'green'"),
        ((RENAME, "colour", ("red",), ("lime",)), "attribute 'colour' is not in the taxonomy"),
        ((RENAME, "color", ("red",), ("blue",)), "has a value 'blue' already"),
        ((MERGE, "color", ("red",), ("warm",)), "red is one value"),
        ((SPLIT, "color", ("red",), ("wine",)), "a split needs two values"),
        ((RETIRE, "heel", ("block",)), "would name no value any more"),
        ((RENAME_ATTRIBUTE, "color", (), ("heel",)), "there is an attribute 'heel' already"),
        ((RENAME, "covering", ("not applicable",), ("x",)), "is part of the rules"),
    ],
)
def test_what_cannot_be_changed_is_refused_and_leaves_everything(
    shop: Shop, wish: tuple[object, ...], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        shop.change(*wish)
    assert shop.path.read_text(encoding="utf-8") == TEXT and change_taxonomy.history(shop.catalog) == []


def test_an_undo_leaves_what_was_edited_elsewhere_in_the_file(shop: Shop) -> None:
    shop.change(RENAME, "color", ("red",), ("crimson",))
    shop.path.write_text(shop.path.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    undo(shop.catalog, shop.path, author="ana")
    assert shop.labels() == BEFORE
    assert without_version(shop.path.read_text(encoding="utf-8")) == without_version(TEXT) + "# mine\n"


def test_a_line_that_was_edited_is_not_overwritten_by_an_undo(shop: Shop) -> None:
    shop.change(RENAME, "color", ("red",), ("crimson",))
    text = shop.path.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("crimson = "))
    edited = text.replace(line, line + "  # mine")
    shop.path.write_text(edited, encoding="utf-8")
    with pytest.raises(Refused, match="was edited since change 1"):
        undo(shop.catalog, shop.path, author="ana")
    assert shop.path.read_text(encoding="utf-8") == edited and len(change_taxonomy.history(shop.catalog)) == 1


EARLIER = {
    "rename": (RENAME, "color", ("red",), ("crimson",)),
    "merge": (MERGE, "color", ("red", "pink"), ("warm",)),
    "split": (SPLIT, "color", ("red",), ("wine", "coral")),
    "retire": (RETIRE, "color", ("red",)),
}


@pytest.mark.parametrize("wish", EARLIER.values(), ids=EARLIER)
@pytest.mark.parametrize(
    "later",
    [(RENAME, "color", ("blue",), ("navy",)), (RENAME, "heel", ("block",), ("bloco",)),
     (RENAME_ATTRIBUTE, "color", (), ("shade",))],
    ids=["value", "other-attribute", "name"],
)  # fmt: skip
def test_an_earlier_change_is_taken_back_as_if_it_had_never_been(
    shop: Shop, wish: tuple[object, ...], later: tuple[object, ...]
) -> None:
    shop.change(*wish)
    shop.change(*later)
    made = undo(shop.catalog, shop.path, author="ana", number=1)
    name = "shade" if later[0] == RENAME_ATTRIBUTE else "color"
    assert made.attribute == name and made.learn_again == [name]
    assert shop.labels(name) == {k: "navy" if v == "blue" and "blue" in later[2] else v for k, v in BEFORE.items()}
    assert "red" in shop.taxonomy.attributes[name].values and "# ours since 2019" in shop.path.read_text()
    undo(shop.catalog, shop.path, author="ana")
    assert shop.labels() == BEFORE and without_version(shop.path.read_text(encoding="utf-8")) == without_version(TEXT)


def test_the_name_of_an_attribute_is_taken_back_from_under_later_changes_of_its_values(shop: Shop) -> None:
    shop.change(RENAME_ATTRIBUTE, "color", (), ("shade",))
    shop.change(RENAME, "shade", ("blue",), ("navy",))
    undo(shop.catalog, shop.path, author="ana", number=1)
    assert shop.labels("shade") == {} and set(shop.labels().values()) == {"red", "pink", "navy"}
    assert next(iter(shop.taxonomy.attributes)) == "color" and "navy" in shop.taxonomy.attributes["color"].values


def test_a_change_that_others_build_on_says_which_stand_in_the_way(shop: Shop) -> None:
    shop.change(RENAME, "color", ("red",), ("crimson",))
    shop.change(MERGE, "color", ("crimson", "pink"), ("warm",))
    shop.change(RENAME, "heel", ("block",), ("bloco",))
    text = shop.path.read_text(encoding="utf-8")
    with pytest.raises(Refused, match=r"change 2 \(merge of color: crimson, pink\) builds on change 1") as refused:
        undo(shop.catalog, shop.path, author="ana", number=1)
    assert "vitrine taxonomy undo 2" in refused.value.hint
    assert shop.path.read_text(encoding="utf-8") == text
    undo(shop.catalog, shop.path, author="ana", number=2)
    undo(shop.catalog, shop.path, author="ana", number=1)
    assert shop.labels() == BEFORE
    for number, error, says in ((1, Refused, "taken back already, by change 5"), (4, Refused, "takes another one back"),
                                (9, NotFound, "no change 9")):  # fmt: skip
        with pytest.raises(error, match=says):
            undo(shop.catalog, shop.path, author="ana", number=number)


def test_a_name_that_was_given_to_another_value_since_stands_in_the_way(shop: Shop) -> None:
    shop.change(RENAME, "color", ("red",), ("crimson",))
    shop.change(RENAME, "color", ("blue",), ("red",))
    with pytest.raises(Refused, match="change 2"):
        undo(shop.catalog, shop.path, author="ana", number=1)


def without_version(text: str) -> str:
    return re.sub(r"^version = \d+\n", "", text, count=1, flags=re.MULTILINE)


def test_a_change_that_was_killed_before_the_file_was_written_is_finished_by_the_next_command(shop: Shop) -> None:
    shop.change(RENAME, "color", ("red",), ("crimson",))
    shop.path.write_text(TEXT, encoding="utf-8")
    shop.change(RENAME, "color", ("blue",), ("navy",))
    assert shop.taxonomy.attributes["color"].values == ("crimson", "navy", "pink")


def test_a_change_that_was_killed_before_the_file_was_written_is_finished_by_whoever_opens_the_workspace(
    tmp_path: Path,
) -> None:
    workspace = create(tmp_path, TEXT, {})
    add_products(workspace.catalog, ["p00"])
    path = tmp_path / "taxonomy.toml"
    change(workspace.catalog, path, Wish(RENAME, "color", ("red",), ("crimson",)), author="ana")
    path.write_text(TEXT, encoding="utf-8")
    again = Workspace(tmp_path)
    assert again.catalog.count(schema.taxonomy_changes) == 1
    assert "crimson" in again.taxonomy.attributes["color"].values
    for one in (workspace, again):
        one.catalog.close()


def test_a_rename_is_no_error_of_the_head(shop: Shop) -> None:
    shop.catalog.add(schema.audit_rounds, [AuditRound("color", "md-1", 1, "hd-color", 0.03, 0.05, "s", MOMENT, None)])
    shop.catalog.add(schema.audit_cohorts, [AuditCohort("color", "md-1", 1, MOMENT, 1.0)])
    shop.catalog.add(schema.audits, [Audit(f"p{i:02d}", "color", "md-1", 1, "red", MOMENT) for i in (7, 8)])
    answers = [Answer("p07", "color", value="red", version=0), Answer("p08", "color", value="blue", version=0)]
    decide(shop.catalog, shop.taxonomy, answers, author="ana", batch_id="action-2")
    shop.change(RENAME, "color", ("red",), ("crimson",))
    one = audit.status(shop.catalog, shop.taxonomy)[0]
    assert (one.audits, one.errors) == (2, 1)
    with shop.catalog.reading() as connection:
        entry = journal.entries_of(connection, [("p07", "color")])["p07", "color"][0]
    assert (entry.value, entry.predicted_value) == ("crimson", "crimson")
