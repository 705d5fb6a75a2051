"""The small catalog of `small_desk`, with its queue filled."""

from collections.abc import Iterator

import pytest
from small_desk import TAXONOMY, Desk, add_products

from vitrine.desk.fill import fill
from vitrine.stores.catalog import Catalog


@pytest.fixture
def desk(catalog_url: str) -> Iterator[Desk]:
    catalog = Catalog(catalog_url)
    add_products(catalog, [f"p{i:02d}" for i in range(12)])
    fill(catalog, TAXONOMY)
    yield Desk(catalog)
    catalog.close()
