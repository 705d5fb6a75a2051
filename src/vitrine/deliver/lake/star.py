"""The star schema: every table and column of the lake with its meaning; files, checks and the dictionary follow from it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from vitrine.errors import InputError
from vitrine.taxonomy import Taxonomy

TEXT, NUMBER, WHOLE, DAY = pa.string(), pa.float64(), pa.int64(), pa.date32()
MOMENT = pa.timestamp("us", tz="UTC")

PRODUCTS, WIDE, ATTRIBUTES, VALUES, DATES = (
    "dim_product", "products_wide", "dim_attribute", "dim_value", "dim_date",
)  # fmt: skip
ANSWERS, PREDICTIONS, DECISIONS, CERTIFICATES, SCORES = (
    "fact_answers", "fact_predictions", "fact_decisions", "fact_certificates", "fact_scores",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `refers` is the table and column that it leads to, `table.column`."""

    name: str
    type: pa.DataType
    meaning: str
    refers: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table; a row is told by `key`, and with `partition` each value of that column has a folder of its own."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partition: str = ""

    @property
    def schema(self) -> pa.Schema:
        """What is in its files: all columns but the one that its folders name."""
        return pa.schema([pa.field(one.name, one.type) for one in self.columns if one.name != self.partition])


_SKU = Column("sku", TEXT, "the product's key", "dim_product.sku")
_ATTRIBUTE = Column("attribute", TEXT, "which thing is said of the product", "dim_attribute.attribute")
_VALUE = Column("value", TEXT, "the value as the taxonomy has it, in no language")
_VALUE_KEY = Column("value_key", TEXT, "attribute and value in one", "dim_value.value_key")
_HEAD = Column("head_id", TEXT, "the classifier of the attribute that said it")
_MODEL = Column("model_id", TEXT, "the model that the classifier belongs to")


def _day(name: str, meaning: str) -> Column:
    return Column(name, DAY, meaning, "dim_date.day")


def star(taxonomy: Taxonomy) -> dict[str, Table]:
    """All tables by name; those with names of values and attributes have columns for the taxonomy's languages.

    Raises InputError where two attributes cannot both be columns of the wide table.
    """
    tables = [*_dimensions(taxonomy), *_facts()]
    return {table.name: table for table in tables}


def languages(taxonomy: Taxonomy) -> list[str]:
    """Every language in which the taxonomy names something, English among them."""
    found = {"en"}
    for attribute in taxonomy.attributes.values():
        found |= set(attribute.names)
        for names in attribute.value_names.values():
            found |= set(names)
    return sorted(found)


def _dimensions(taxonomy: Taxonomy) -> Iterator[Table]:
    yield Table(
        PRODUCTS,
        "One row a product.",
        ("sku",),
        (
            Column("sku", TEXT, "the product's key"),
            Column("style_id", TEXT, "ties colorways of one design"),
            Column("name", TEXT, "product name"),
            Column("description", TEXT, "product text"),
            Column("brand", TEXT, "brand as the catalog has it"),
            Column("price", NUMBER, "price as the catalog has it"),
            Column("stock", WHOLE, "pieces in stock, where known"),
            Column("family_id", TEXT, "products of one family share photos or a design, and part"),
            Column("added_at", MOMENT, "when it first came in, UTC"),
            _day("added_on", "the day of that"),
            Column("discontinued_at", MOMENT, "when it left the range, UTC; empty while it is in it"),
        ),
    )
    yield Table(WIDE, "One row a product, one column an attribute: the same answers as fact_answers.", ("sku",),
                (_SKU, *_wide(taxonomy)))  # fmt: skip
    named = [Column(f"name_{one}", TEXT, f"name for people, language {one}") for one in languages(taxonomy)]
    yield Table(
        ATTRIBUTES,
        "One row an attribute of the taxonomy.",
        ("attribute",),
        (
            Column("attribute", TEXT, "the attribute's name in the taxonomy"),
            Column("place", WHOLE, "its place in the taxonomy, from 1"),
            Column("applies_when", TEXT, "the attribute that says whether this one applies"),
            *named,
        ),
    )
    yield Table(
        VALUES,
        "One row a value of an attribute.",
        ("value_key",),
        (
            Column("value_key", TEXT, "attribute and value in one: attribute=value"),
            _ATTRIBUTE,
            _VALUE,
            Column("place", WHOLE, "its place among the attribute's values, from 1"),
            *named,
        ),
    )
    yield Table(
        DATES,
        "One row a day, from the first to the last that a table mentions.",
        ("day",),
        (
            Column("day", DAY, "the day, UTC"),
            Column("year", WHOLE, "calendar year"),
            Column("quarter", WHOLE, "1 to 4"),
            Column("month", WHOLE, "1 to 12"),
            Column("iso_year", WHOLE, "the year that the ISO week belongs to"),
            Column("iso_week", WHOLE, "ISO 8601 week, 1 to 53"),
            Column("weekday", WHOLE, "1 Monday to 7 Sunday"),
        ),
    )


def _wide(taxonomy: Taxonomy) -> Iterator[Column]:
    seen = {"sku": "the key"}
    for attribute in taxonomy.attributes.values():
        other = seen.setdefault(attribute.name.casefold(), f"attribute '{attribute.name}'")
        if other != f"attribute '{attribute.name}'":
            raise InputError(
                f"products_wide cannot have a column for attribute '{attribute.name}' beside {other}: SQL ignores case",
                hint="vitrine taxonomy rename-attribute gives one of them another name",
            )
        yield Column(attribute.name, TEXT, f"value of {attribute.display()}; empty where nothing may leave")


def _facts() -> Iterator[Table]:
    yield Table(
        ANSWERS,
        "What may leave: one row for each answer that a person, a table or a certified classifier stands for.",
        ("sku", "attribute"),
        (
            _SKU,
            _ATTRIBUTE,
            _VALUE,
            _VALUE_KEY,
            Column("origin", TEXT, "person, table, or published: by a classifier under its certificate"),
            Column("confidence", NUMBER, "calibrated probability (0..1) of a published answer"),
            _HEAD,
            _MODEL,
            Column("said_by", TEXT, "the person, or the table"),
            Column("said_at", MOMENT, "when it was said, UTC"),
            _day("said_on", "the day of that"),
            Column("certificate", TEXT, "the sentence under which it was published"),
        ),
        "attribute",
    )
    yield Table(
        PREDICTIONS,
        "What the champion says of every product, also where people decide.",
        ("sku", "attribute"),
        (
            _SKU,
            _ATTRIBUTE,
            _VALUE,
            _VALUE_KEY,
            Column("confidence", NUMBER, "calibrated probability, 0..1"),
            Column("decision", TEXT, "published, or to_review: people decide"),
            Column("alternatives", TEXT, "the next likely values with probabilities, JSON"),
            _HEAD,
            _MODEL,
            Column("run_id", TEXT, "the run that said it"),
            Column("predicted_at", MOMENT, "when, UTC"),
            _day("predicted_on", "the day of that"),
        ),
        "attribute",
    )
    yield Table(
        DECISIONS,
        "The journal: every entry of every person, told in today's taxonomy; undone ones too.",
        ("decision_id",),
        (
            Column("decision_id", TEXT, "the entry's key"),
            _SKU,
            _ATTRIBUTE,
            Column("version", WHOLE, "counts the entries of one product and attribute from 1"),
            Column(
                "outcome", TEXT, "decided, unsure, rejected, value_missing, unusable_photo, undone, split or retired"
            ),
            _VALUE,
            _VALUE_KEY,
            Column("comment", TEXT, "what the person wrote"),
            Column("author", TEXT, "who entered it"),
            Column("mode", TEXT, "single, grid, family, audit, sample, review, import or undo"),
            Column("batch_id", TEXT, "the action that it was entered with"),
            Column("predicted_value", TEXT, "what the model had said then"),
            Column("predicted_confidence", NUMBER, "and how sure it was, 0..1"),
            _HEAD,
            Column("blind", pa.bool_(), "the person did not see what the model had said"),
            Column("holds", TEXT, "the entry that holds after this one"),
            Column("decided_at", MOMENT, "when, UTC"),
            _day("decided_on", "the day of that"),
        ),
        "attribute",
    )
    yield Table(
        CERTIFICATES,
        "What is proven of the champion: one row for each attribute, value, all attributes together, and whole products.",
        ("model_id", "scope", "attribute", "value"),
        (
            _MODEL,
            _HEAD,
            Column("scope", TEXT, "attribute (in force), value, together or product"),
            Column("attribute", TEXT, "its name when the model was trained; empty for whole products"),
            Column("value", TEXT, "where the scope is one value"),
            Column("precision", NUMBER, "share of right answers promised, 0..1"),
            Column("confidence", NUMBER, "confidence of the promise, 0..1"),
            Column("tests", WHOLE, "certificates that hold at once"),
            Column("coverage", NUMBER, "share of families published, 0..1"),
            Column("families", WHOLE, "labelled families that were tested"),
            Column("published", WHOLE, "of them published"),
            Column("errors", WHOLE, "of those wrong"),
            Column("upper_bound", NUMBER, "bound on the share of wrong ones, 0..1"),
            Column("labels_needed", WHOLE, "labelled families it would take, where nothing is proven"),
            Column("sentence", TEXT, "the certificate in words"),
        ),
    )
    yield Table(
        SCORES,
        "What the marketplace's models say of sellers and orders at reference dates.",
        ("task", "entity", "reference_date", "model_id"),
        (
            Column("task", TEXT, "churn, activation, delay or segments"),
            Column("entity", TEXT, "the seller, or the order"),
            _day("reference_date", "the morning that the score speaks of"),
            _MODEL,
            Column("seller_id", TEXT, "the seller"),
            Column("score", NUMBER, "probability, or the number of the segment"),
            Column("reasons", TEXT, "the strongest first, JSON"),
            Column("scored_at", MOMENT, "when, UTC"),
        ),
        "task",
    )
