"""Image attributes count from when they were known and their product had been sold; what they add is measured."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_market import Order, make_market

from vitrine.errors import InputError, NotFound
from vitrine.market.abt import Abt, abt_id_of
from vitrine.market.attributes import COLUMNS, read_attributes, uplift, with_attributes
from vitrine.market.home import Market

BEGIN = datetime(2017, 1, 1)


def attribute(
    product: str, value: str, known: str, *, confidence: float = 0.8, name: str = "photo"
) -> dict[str, object]:
    moment = datetime.fromisoformat(known)
    return dict(zip(COLUMNS, (product, name, value, confidence, moment), strict=True))


def base(rows: list[tuple[str, str, int]]) -> Abt:
    """Rows of (reference date, seller, label)."""
    table = pa.table(
        {
            "reference_date": pa.array([date.fromisoformat(day) for day, _, _ in rows], pa.date32()),
            "seller_id": [seller for _, seller, _ in rows],
            "noise": np.random.default_rng(0).normal(size=len(rows)),
            "label": pa.array([label for _, _, label in rows], pa.int8()),
        }
    )
    return Abt(table, "churn", ["noise"], "seller_id", "reference_date", "seller_id", 30, abt_id_of(table))


def test_only_what_was_known_and_sold_before_the_date_counts(tmp_path: Path) -> None:
    orders = [
        Order("o1", "2017-01-10 10:00:00", items=(("s1", "p1", 10.0, 1.0),)),
        Order("o2", "2017-02-10 10:00:00", items=(("s1", "p2", 10.0, 1.0),)),
    ]
    market = make_market(tmp_path, orders)
    attributes = pa.Table.from_pylist(
        [
            attribute("p1", "sharp", "2017-01-20 00:00:00"),
            attribute("p2", "blurred", "2017-01-01 00:00:00", confidence=0.4),
        ]
    )
    abt = base([("2017-01-15", "s1", 0), ("2017-01-20", "s1", 0), ("2017-02-01", "s1", 1), ("2017-03-01", "s1", 1)])
    rich = with_attributes(abt, market.sources, attributes)
    assert rich.features == ["noise", "image_photo_blurred_share", "image_photo_sharp_share"]
    # known on the 20th at midnight is not known before the morning of the 20th
    assert rich.table.column("image_photo_sharp_share").to_pylist()[:3] == [None, None, 1.0]
    assert rich.table.column("image_photo_sharp_share")[3].as_py() == pytest.approx(0.8 / 1.2)
    assert rich.abt_id != abt.abt_id


def drawn(folder: Path, sellers: int = 160) -> tuple[Market, pa.Table, Abt]:
    """Sellers of one product each; blurred photos make churn likely, the heel has no influence."""
    random = np.random.default_rng(4)
    orders, attributes, rows = [], [], []
    for number in range(sellers):
        blurred, heel = random.random() < 0.5, random.random() < 0.5
        bought = BEGIN + timedelta(hours=int(random.integers(1, 200)))
        orders.append(Order(f"o{number}", str(bought), items=((f"s{number}", f"p{number}", 10.0, 1.0),)))
        known = "2017-01-01 00:00:00"
        attributes.append(attribute(f"p{number}", "blurred" if blurred else "sharp", known))
        attributes.append(attribute(f"p{number}", "high" if heel else "flat", known, name="heel"))
        for month in range(2, 10):
            label = int(random.random() < (0.75 if blurred else 0.25))
            rows.append((f"2017-{month:02d}-01", f"s{number}", label))
    return make_market(folder, orders), pa.Table.from_pylist(attributes), base(rows)


def test_a_planted_uplift_is_found_and_one_that_is_not_there_is_not(tmp_path: Path) -> None:
    market, attributes, abt = drawn(tmp_path)
    found = {one.attribute: one for one in uplift(abt, market.sources, attributes, trials=1, seed=0, threads=1)}
    assert found["photo"].interval[0] > 0.1 and found[""].interval[0] > 0.1
    assert found["heel"].interval[0] < 0.05 < found["photo"].gain
    assert found["photo"].auc_with == pytest.approx(0.75, abs=0.06)


def test_a_table_without_known_at_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"product_id": ["p"], "attribute": ["a"], "value": ["v"], "confidence": [1.0]}), path)
    with pytest.raises(InputError, match="known_at"):
        read_attributes(path)
    with pytest.raises(NotFound):
        read_attributes(tmp_path / "absent.parquet")
