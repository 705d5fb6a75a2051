"""Which photos speak for a product, and how they become one vector."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitrine.learn.fuse import fuse, photos_to_fuse

VECTORS = {"p1": [1.0, 0.0], "p2": [0.0, 1.0], "p3": [1.0, 1.0]}


class Known:
    """Vectors of three photos."""

    def take(self, photo_ids: Sequence[str]) -> NDArray[np.float32]:
        return np.array([VECTORS[photo_id] for photo_id in photo_ids], dtype=np.float32)


def links(*rows: tuple[str, str, str | None]) -> pa.Table:
    return pa.Table.from_pylist([{"sku": s, "photo_id": p, "view": v} for s, p, v in rows])


def test_side_views_speak_for_a_product_and_others_only_where_there_is_none() -> None:
    table = links(("a", "p2", "side"), ("a", "p1", None), ("a", "p3", "top"), ("b", "p3", "front"), ("c", "p1", "Side"))
    assert photos_to_fuse(table) == {"a": ["p1", "p2"], "b": ["p3"], "c": ["p1"]}


def test_a_products_vector_is_the_mean_of_its_photos_whatever_the_others_have() -> None:
    together = fuse([["p1", "p2"], ["p3"]], Known())
    assert together.tolist() == [[0.5, 0.5], [1.0, 1.0]]
    assert fuse([["p1", "p2"]], Known()).tolist() == [[0.5, 0.5]]
