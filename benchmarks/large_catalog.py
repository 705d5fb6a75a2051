"""A catalog of the size the desk is made for: products, families, predictions of 13 attributes, a filled queue.

Drawn numbers without photos: what is measured on it is time, never accuracy.

    python benchmarks/large_catalog.py --products 120000 --url sqlite:////tmp/large.sqlite
"""

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from vitrine.desk.fill import fill
from vitrine.desk.surroundings import Surroundings
from vitrine.records import Member, ModelRecord, Product, Promotion, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy, parse

ATTRIBUTES = 13
VALUES = 8
PUBLISHED_FROM = 0.8
MODEL = "md-large"


def taxonomy_text() -> str:
    """13 attributes with 8 values each, as taxonomy.toml."""
    values = "\n".join(f"v{value} = {{}}" for value in range(VALUES))
    return "version = 1\n" + "\n".join(f"[attributes.a{n:02d}.values]\n{values}" for n in range(ATTRIBUTES))


def taxonomy() -> Taxonomy:
    """The same, read."""
    return parse(taxonomy_text())


def build(url: str, products: int) -> Catalog:
    """The catalog at `url`, built where it is empty."""
    catalog = Catalog(url)
    if catalog.count(schema.queue):
        return catalog
    random = np.random.default_rng(0)
    moment = now()
    skus = [f"S{n:06d}" for n in range(products)]
    families = np.repeat(np.arange(products), random.integers(1, 5, products))[:products]
    catalog.add(schema.products, [Product(sku, None, f"Shoe {sku}", None, None, 99.9, moment) for sku in skus])
    catalog.put(schema.members, [Member(sku, f"f-{families[n]}", "train") for n, sku in enumerate(skus)])
    catalog.add(schema.models, [ModelRecord(MODEL, "ds-large", "em-large", taxonomy().id, moment)])
    catalog.add(schema.promotions, [Promotion(1, MODEL, None, "promoted", "{}", moment)])
    with catalog.transaction() as connection:
        for number in range(ATTRIBUTES):
            rows = list(_predictions(skus, number, random))
            catalog.add(schema.predictions, rows, connection=connection)
    vectors = random.standard_normal((products, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    begun = time.perf_counter()
    surroundings = Surroundings(tuple(skus), vectors, random.integers(0, max(1, products // 100), products))
    opened = fill(catalog, taxonomy(), surroundings)
    print(f"queue of {opened:,} filled in {time.perf_counter() - begun:.1f} s")
    return catalog


def _predictions(skus: list[str], number: int, random: np.random.Generator) -> Iterator[dict[str, Any]]:
    confidence = np.round(1 - random.beta(1.1, 5, len(skus)), 6).tolist()
    value = random.integers(0, VALUES, len(skus)).tolist()
    moment = now()
    for sku, sure, which in zip(skus, confidence, value, strict=True):
        yield {
            "sku": sku,
            "attribute": f"a{number:02d}",
            "head_id": f"hd-{number}",
            "value": f"v{which}",
            "confidence": sure,
            "decision": "published" if sure >= PUBLISHED_FROM else "to_review",
            "alternatives": f'{{"v{(which + 1) % VALUES}": {round(1 - sure, 4)}}}',
            "model_id": MODEL,
            "run_id": "run-large",
            "predicted_at": moment,
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=120_000)
    parser.add_argument("--url", required=True)
    options = parser.parse_args()
    started = time.perf_counter()
    build(options.url, options.products).close()
    print(f"{options.products:,} products × {ATTRIBUTES} attributes in {time.perf_counter() - started:.0f} s")
