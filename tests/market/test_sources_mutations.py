"""Whatever happens to a file on its way, ingest reads it, explains it, or refuses it; it never loses a row in silence."""

import tempfile
from pathlib import Path

import pyarrow.compute as pc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitrine.errors import InputError
from vitrine.market.home import Market

HEADER = "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value"
ROWS = [f"o{n // 2},{1 + n % 2},p{n % 3},s{n % 2},2017-05-0{1 + n % 9} 10:00:00,{19 + n}.90,7.80" for n in range(12)]
SOUND = "\n".join([HEADER, *ROWS]) + "\n"

cell = st.sampled_from(
    ["", " ", "0", "-1", "1,5", '"1,5"', "1.234,50", "NaN", "é", "2017-13-01", "1e308", "nan", "1" * 40, "\x00", '"']
)
mutation = st.one_of(
    st.tuples(st.just("cell"), st.integers(0, 11), st.integers(0, 6), cell),
    st.tuples(st.just("twice"), st.integers(0, 11)),
    st.tuples(st.just("drop cell"), st.integers(0, 11), st.integers(0, 6)),
    st.tuples(st.just("insert"), st.integers(0, len(SOUND)), st.binary(min_size=1, max_size=4)),
)


def mutated(mutations: list[tuple[object, ...]]) -> bytes:
    """The sound file after row mutations, then byte mutations."""
    rows = [row.split(",") for row in ROWS]
    extra = []
    for kind, *where in mutations:
        if kind == "cell":
            row, column, value = where
            rows[row][min(column, len(rows[row]) - 1)] = value
        elif kind == "drop cell":
            row, column = where
            rows[row] = rows[row][: min(column, len(rows[row]) - 1)] or [""]
        elif kind == "twice":
            extra.append([*rows[where[0]]])
    lines = [",".join(row) or "x" for row in rows + extra]  # an empty line is no row
    data = "\n".join([HEADER, *lines]).encode()
    for kind, *where in mutations:
        if kind == "insert":
            place, inserted = where
            data = data[:place] + inserted + data[place:]
    return data


@given(st.lists(mutation, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_row_is_kept_collapsed_rejected_or_the_file_refused(mutations: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "olist_order_items_dataset.csv").write_bytes(mutated(mutations))
        market = Market.open(folder)
        try:
            report = market.ingest(Path(folder)).tables["order_items"]
        except InputError as error:
            assert "olist_order_items_dataset.csv" in error.message
            return
        # two stray quotes make one cell of the rows between them, and inserted bytes may be line ends
        if not any(kind == "insert" or '"' in where for kind, *where in mutations):
            expected = 12 + sum(kind == "twice" for kind, *_ in mutations)
            assert report.rows + report.repeated + report.rejected == expected
        table = market.sources.read("order_items")
        assert table.num_rows == report.rows
        assert table["price"].null_count == 0 and (report.rows == 0 or pc.min(table["price"]).as_py() >= 0)
        keys = table.group_by(["order_id", "order_item_id"]).aggregate([])
        assert keys.num_rows == report.rows
        rejected = market.sources.rejected()
        assert rejected.num_rows == report.rejected
        assert all(reason for reason in rejected["reason"].to_pylist())
