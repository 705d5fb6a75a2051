"""A product of the drawn catalog: true values, texts and photos, as a pure function of (seed, number)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa

from vitrine.demo.assortment import ATTRIBUTES, COLOR, choose, sample_values
from vitrine.demo.wording import Wording, word

# Styles and twins live within a block of products, so that a product never depends on how many are drawn.
BLOCK = 8
COLORWAYS = {"1": 0.55, "2": 0.25, "3": 0.13, "4": 0.07}


@dataclass(frozen=True, slots=True)
class Shot:
    """One photo of a product: the view it shows and the view that the table says."""

    number: int
    view: str
    written_view: str
    key: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """One product. `style` and `colorway` seed its shape and its colors; a twin shares both with `twin_of`.

    `fault` is one of "", "exact", "near", "unreadable", "too-small", "blank", "blurred", "wrong-view".
    """

    number: int
    sku: str
    style_id: str
    values: Mapping[str, str]
    style: tuple[int, ...]
    colorway: tuple[int, ...]
    wording: Wording
    shots: tuple[Shot, ...]
    fault: str
    twin_of: int | None

    def photo(self, shot: Shot) -> str:
        """The file name of a photo."""
        return f"{self.sku}-{shot.number}.jpg"


def sku_of(number: int) -> str:
    """The sku of a product number."""
    return f"F{number:06d}"


def _sizes(rng: np.random.Generator) -> list[int]:
    """How many colorways each style of a block has."""
    sizes: list[int] = []
    while sum(sizes) < BLOCK:
        sizes.append(min(int(choose(COLORWAYS, rng)), BLOCK - sum(sizes)))
    return sizes


def _fault(rng: np.random.Generator, *, first: bool) -> str:
    """At most one planted fault a product; the first of a block has nothing before it to be a twin of."""
    mark = rng.random()
    kinds = (
        ("exact", 0.0 if first else 0.0115),
        ("near", 0.0 if first else 0.0175),
        ("unreadable", 0.00175),
        ("too-small", 0.00175),
        ("blank", 0.00175),
        ("blurred", 0.00175),
        ("wrong-view", 0.015),
    )
    for kind, share in kinds:
        mark -= share
        if mark < 0:
            return kind
    return ""


def _shots(key: tuple[int, ...], fault: str, rng: np.random.Generator) -> tuple[Shot, ...]:
    """One to three photos, the first from the side; a wrong view hides under the label "side"."""
    count = int(choose({"1": 76, "2": 17, "3": 7}, rng)) if fault not in ("exact", "near") else 1
    if fault == "wrong-view":
        count = max(count, 2)  # the truth stays visible in the first photo
    views = [
        "side",
        *(choose({"side": 45, "detail": 25, "front": 18, "top": 12}, rng) for _ in range(count - 1)),
    ]
    written = list(views)
    if fault == "wrong-view":
        views[-1], written[-1] = ("front" if rng.random() < 0.55 else "top"), "side"
    return tuple(
        Shot(number, view, label, (*key, number))
        for number, (view, label) in enumerate(zip(views, written, strict=True), start=1)
    )


@lru_cache(maxsize=64)
def _block(seed: int, block: int, faults: bool) -> tuple[Product, ...]:
    rng = np.random.default_rng([seed, 1, block])
    products: list[Product] = []
    for order, size in enumerate(_sizes(rng)):
        style = (seed, 2, block, order)
        base = sample_values(np.random.default_rng([*style, 0]))
        used: set[str] = set()
        for _ in range(size):
            number = block * BLOCK + len(products)
            color = choose(COLOR, rng, without=frozenset(used))
            used.add(color)
            fault = _fault(rng, first=not products) if faults else ""
            values = {name: {**base, "color": color}[name] for name in ATTRIBUTES}
            plain = _plain(seed, number, block * 2 * BLOCK + order, values, (*style, 1), fault)
            products.append(_as_twin(plain, products, rng) if fault in ("exact", "near") else plain)
    return tuple(products)


def _plain(
    seed: int, number: int, order: int, values: Mapping[str, str], style: tuple[int, ...], fault: str
) -> Product:
    rng = np.random.default_rng([seed, 3, number])
    return Product(
        number=number,
        sku=sku_of(number),
        style_id=f"V{order:07d}",
        values=values,
        style=style,
        colorway=(seed, 4, number),
        wording=word(values, np.random.default_rng([*style, 7]), rng),
        shots=_shots((seed, 5, number), fault, rng),
        fault=fault,
        twin_of=None,
    )


def _as_twin(plain: Product, earlier: list[Product], rng: np.random.Generator) -> Product:
    """The same design registered again: truth, shape and colors are its source's, its style id its own."""
    sources = [product for product in earlier if not product.fault]
    if not sources:
        shots = tuple(Shot(1, "side", "side", shot.key) for shot in plain.shots)
        return replace(plain, shots=shots, fault="")
    source = sources[int(rng.integers(len(sources)))]
    style_id = f"V{(plain.number // BLOCK) * 2 * BLOCK + BLOCK + plain.number % BLOCK:07d}"
    return replace(
        source,
        number=plain.number,
        sku=plain.sku,
        style_id=style_id,
        shots=(Shot(1, "side", "side", source.shots[0].key),),
        fault=plain.fault,
        twin_of=source.number,
    )


def product(seed: int, number: int, *, faults: bool = True) -> Product:
    """Product `number` (from 0) of the catalog drawn from `seed`."""
    return _block(seed, number // BLOCK, faults)[number % BLOCK]


def truth_of(seed: int, numbers: Iterable[int], *, faults: bool = True) -> pa.Table:
    """The true values of products, without drawing them: `sku`, then one column an attribute.

    >>> truth_of(7, range(3)).column_names[:3]
    ['sku', 'category', 'type']
    """
    chosen = [product(seed, number, faults=faults) for number in numbers]
    columns = {"sku": [item.sku for item in chosen]}
    columns |= {name: [item.values[name] for item in chosen] for name in ATTRIBUTES}
    return pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
