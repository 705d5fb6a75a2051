"""The demo's deliveries: an order that reads clean, photos that are the same every time, swaps where they are said to be."""

from pathlib import Path

from vitrine.demo.deliveries import draw_deliveries
from vitrine.intake.table import read_table
from vitrine.receive.orders import read_orders


def test_deliveries_are_drawn_the_same_every_time_and_every_fourth_is_another_product(tmp_path: Path) -> None:
    one = draw_deliveries(tmp_path / "a", products=60, seed=3, lines=4, size=96)
    again = draw_deliveries(tmp_path / "b", products=60, seed=3, lines=4, size=96)
    assert [x.photo.read_bytes() for x in one] == [x.photo.read_bytes() for x in again]
    assert [x.right for x in one] == [True, True, True, False]
    orders = read_orders(read_table(tmp_path / "a" / "orders.csv"), place="orders.csv")
    assert not orders.problems
    assert [line.line_id for line in orders.lines] == [x.line_id for x in one]
    for line in orders.lines:
        digits = [int(digit) for digit in line.barcode or ""]
        assert len(digits) == 13 and sum(digits[::2]) % 10 == -3 * sum(digits[1::2]) % 10, "an EAN that scanners accept"
