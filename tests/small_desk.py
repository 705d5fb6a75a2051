"""A small catalog with predictions and a queue, made without photos: what the desk's rules need and nothing else."""

from dataclasses import dataclass
from datetime import UTC, datetime

from vitrine.records import Member, ModelRecord, Prediction, Product, Promotion
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy, parse

MOMENT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TAXONOMY_TEXT = """
version = 1
[attributes.color.values]
red = {}
blue = {}
pink = {}
[attributes.heel.values]
none = {}
block = {}
"""
TAXONOMY = parse(TAXONOMY_TEXT)


@dataclass(frozen=True)
class Desk:
    """A catalog with 12 products of 8 families, all predicted and all in the queue."""

    catalog: Catalog
    taxonomy: Taxonomy = TAXONOMY


def add_products(catalog: Catalog, skus: list[str], *, decision: str = "to_review") -> None:
    """Products with a prediction for both attributes; later ones are surer."""
    catalog.add(schema.products, [Product(sku, None, f"Shoe {sku}", None, None, None, MOMENT) for sku in skus])
    catalog.put(schema.members, [Member(sku, f"f{i // 3 if i < 6 else i}", "train") for i, sku in enumerate(skus)])
    catalog.add(schema.models, [ModelRecord("md-1", "ds-1", "em-1", TAXONOMY.id, MOMENT)])
    catalog.add(schema.promotions, [Promotion(1, "md-1", None, "promoted", "{}", MOMENT)])
    rows = [
        Prediction(sku, name, TAXONOMY.attributes[name].values[0], 0.3 + 0.6 * i / len(skus), decision, "{}",
                   f"hd-{name}", "md-1", "run-1", MOMENT)
        for i, sku in enumerate(skus) for name in TAXONOMY.attributes
    ]  # fmt: skip
    catalog.put(schema.predictions, rows)
