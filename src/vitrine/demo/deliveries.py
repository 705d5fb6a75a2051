"""Draw deliveries: an order, and a new photo of what arrived for each of its lines, now and then of another product."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitrine.demo.draw import draw
from vitrine.demo.faults import encode
from vitrine.demo.product import Shot, product

SUPPLIERS = ("Curtume Alvorada", "Calçados Serra Azul", "Manufatura Ipê")
COLUMNS = ("order", "line", "supplier", "sku", "barcode", "description", "quantity", "unit")
WRONG_EVERY = 4
_APART = 7  # products of one style are neighbors in number
_FIRST_SHOT = 90  # no photo of the catalog has this number


@dataclass(frozen=True, slots=True)
class Delivery:
    """The photo of what arrived for an order line, and whether it is what was ordered."""

    line_id: str
    sku: str
    photo: Path
    right: bool


def draw_deliveries(folder: Path, *, products: int, seed: int, lines: int = 24, size: int = 480) -> list[Delivery]:
    """Write `orders.csv` and `deliveries/*.jpg` into `folder` for some of the drawn products; the same every time."""
    (folder / "deliveries").mkdir(parents=True, exist_ok=True)
    numbers = [number % products for number in range(0, _APART * lines, _APART)]
    made = []
    with (folder / "orders.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for line, number in enumerate(numbers, 1):
            ordered = product(seed, number)
            right = line % WRONG_EVERY != 0
            arrived = number if right else (number + products // 2) % products
            path = folder / "deliveries" / f"line-{line:02d}.jpg"
            path.write_bytes(_photo(seed, arrived, line, size))
            supplier = SUPPLIERS[line % len(SUPPLIERS)]
            quantity = 6 * (1 + line % 4)
            cells = ("4711", line, supplier, ordered.sku, _barcode(number), ordered.wording.name, quantity, "pairs")
            table.writerow(cells)
            made.append(Delivery(f"4711/{line}", ordered.sku, path, right))
    return made


def _photo(seed: int, number: int, line: int, size: int) -> bytes:
    shot = Shot(_FIRST_SHOT + line, "side", "side", (seed, 97, number, line))
    picture, quality = draw(product(seed, number), shot, size)
    return encode(np.asarray(picture), quality)


def _barcode(number: int) -> str:
    """An EAN-13 of the range that shops may use among themselves."""
    digits = f"2{number:011d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
