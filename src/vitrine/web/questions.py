"""A question as a curator sees it: the item that the queue lends, with the choices in order and the evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vitrine.desk import queue
from vitrine.desk.queue import Item
from vitrine.stores import schema
from vitrine.taxonomy import Attribute
from vitrine.web.evidence import Evidence, Neighborhood
from vitrine.web.examples import Example, Examples
from vitrine.web.people import Person
from vitrine.web.queries.answers import said_labels

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

_EXAMPLES = 3
_PATIENCE = 0.05  # seconds: after a server's start the first questions come without examples rather than late


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that can be chosen; `confidence` is None where it is not shown or not known, `rule` where none is written.

    `examples` show it well; none is of the family of the product asked about.
    """

    value: str
    name: str
    confidence: float | None
    rule: str | None
    examples: list[Example]


@dataclass(frozen=True, slots=True)
class Size:
    """A photo's id and size in pixels, so that a page can keep its place."""

    photo_id: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Question:
    """One item with everything a page needs; `choices` begin with the likely ones, then follow the taxonomy.

    `said` is what tables say of it; it is empty for a blind item, as is the evidence.
    """

    item: Item
    attribute_name: str
    photos: list[Size]
    choices: list[Choice]
    said: list[str]
    evidence: list[Evidence]


def ask_next(
    workspace: "Workspace",
    neighborhood: Neighborhood,
    examples: Examples,
    person: Person,
    *,
    attribute: str | None,
    count: int,
) -> list[Question]:
    """Lend the next questions to a person; fewer or none when there are no more."""
    items = queue.next_items(workspace.catalog, workspace.taxonomy, person.name, attribute=attribute, count=count)
    sizes = _sizes(workspace, [photo_id for item in items for photo_id in item.photos])
    return [_question(workspace, neighborhood, examples, person, item, sizes) for item in items]


def _question(
    workspace: "Workspace",
    neighborhood: Neighborhood,
    examples: Examples,
    person: Person,
    item: Item,
    sizes: dict[str, Size],
) -> Question:
    attribute = workspace.taxonomy.attribute(item.attribute)
    shown = examples.of(attribute.name, asked=item.sku, patience=_PATIENCE)
    return Question(
        item=item,
        attribute_name=attribute.display(person.language),
        photos=[sizes[photo_id] for photo_id in item.photos if photo_id in sizes],
        choices=choices(attribute, item, shown, person.language),
        said=[] if item.blind else _said(workspace, attribute, item.sku, person.language),
        # what look-alikes are would give a blind answer away
        evidence=[] if item.blind else neighborhood.evidence(item.sku, item.attribute),
    )


def choices(attribute: Attribute, item: Item, shown: Mapping[str, list[Example]], language: str) -> list[Choice]:
    """All values of an attribute: what the model finds likely first, the most likely on top, the rest in taxonomy order.

    Each with the first of its examples among `shown` (value → examples).
    """
    likely = dict(item.alternatives)
    if item.predicted is not None and item.confidence is not None:
        likely[item.predicted] = item.confidence
    ranked = sorted((value for value in likely if value in attribute.values), key=lambda value: -likely[value])
    ordered = [*ranked, *(value for value in attribute.values if value not in likely)]
    return [
        Choice(
            value=value,
            name=attribute.display_value(value, language),
            confidence=likely.get(value),
            rule=attribute.rules.get(value),
            examples=shown.get(value, [])[:_EXAMPLES],
        )
        for value in ordered
    ]


def _said(workspace: "Workspace", attribute: Attribute, sku: str, language: str) -> list[str]:
    table = schema.labels
    told = workspace.catalog.rows(said_labels().where(table.c.sku == sku, table.c.attribute == attribute.name))
    return list(dict.fromkeys(attribute.display_value(row["value"], language) for row in told))


def _sizes(workspace: "Workspace", photo_ids: list[str]) -> dict[str, Size]:
    table = schema.photos
    query = sa.select(table.c.photo_id, table.c.width, table.c.height).where(table.c.photo_id.in_(photo_ids))
    return {row["photo_id"]: Size(**row) for row in workspace.catalog.rows(query)}
