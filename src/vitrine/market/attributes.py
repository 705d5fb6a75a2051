"""Image attributes as point-in-time features of sellers, and what they are worth to a model.

An attribute counts for a reference date when it was known before it, and when a product that shows it had been sold
before it. A seller's feature is the share of its products sold so far that show a value, each counted by confidence.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vitrine.errors import InputError, NotFound
from vitrine.market.abt import Abt, abt_id_of
from vitrine.market.metrics import auc, auc_difference
from vitrine.market.sources import Sources
from vitrine.market.train import train

COLUMNS = ("product_id", "attribute", "value", "confidence", "known_at")

_QUERY = """
WITH wanted AS (SELECT DISTINCT reference_date FROM abt),
sold AS (
    SELECT DISTINCT w.reference_date, i.seller_id, i.product_id
    FROM wanted AS w
    JOIN orders AS o ON o.order_purchase_timestamp < w.reference_date
    JOIN order_items AS i ON i.order_id = o.order_id
)
SELECT
    s.reference_date,
    s.seller_id,
    a.attribute,
    a.value,
    sum(a.confidence) AS weight
FROM sold AS s
JOIN attributes AS a ON a.product_id = s.product_id AND a.known_at < s.reference_date
GROUP BY ALL
"""


@dataclass(frozen=True, slots=True)
class Uplift:
    """AUC gained out of time by the features of `attribute` (all of them: ""), with its 95 % interval over sellers."""

    attribute: str
    features: tuple[str, ...]
    n: int
    auc_without: float
    auc_with: float
    gain: float
    interval: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def read_attributes(path: Path) -> pa.Table:
    """A Parquet table with product_id, attribute, value, confidence and known_at; InputError names a missing column."""
    if not path.is_file():
        raise NotFound(f"there is no table at {path}", hint=f"Parquet with the columns {', '.join(COLUMNS)}")
    table = pq.read_table(path)
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise InputError(f"{path} has no column {', '.join(missing)}", hint=f"it needs {', '.join(COLUMNS)}")
    return table.select(COLUMNS)


def with_attributes(abt: Abt, sources: Sources, attributes: pa.Table) -> Abt:
    """`abt` (seller by reference date) with one more column for each value: `image_<attribute>_<value>_share`."""
    with sources.connect() as connection:
        connection.register("abt", abt.table.select([abt.time]).rename_columns(["reference_date"]))
        connection.register("attributes", attributes)
        found = connection.sql(_QUERY).to_arrow_table()
    weights: dict[tuple[Any, str], dict[str, float]] = {}
    totals: dict[tuple[Any, str, str], float] = {}
    names = set()
    for row in found.to_pylist():
        key, name = (row["reference_date"], row["seller_id"]), f"image_{row['attribute']}_{row['value']}_share"
        weights.setdefault(key, {})[name] = row["weight"]
        total = (*key, row["attribute"])
        totals[total] = totals.get(total, 0.0) + row["weight"]
        names.add((name, row["attribute"]))
    keys = list(zip(abt.table.column(abt.time).to_pylist(), abt.table.column("seller_id").to_pylist(), strict=True))
    table = abt.table
    for name, attribute in sorted(names):
        values = [_share(weights.get(key, {}).get(name, 0.0), totals.get((*key, attribute))) for key in keys]
        table = table.append_column(name, pa.array(values, pa.float64()))
    features = [*abt.features, *(name for name, _ in sorted(names))]
    return replace(abt, table=table, features=features, abt_id=abt_id_of(table))


def uplift(
    abt: Abt,
    sources: Sources,
    attributes: pa.Table,
    *,
    trials: int,
    seed: int,
    threads: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Uplift]:
    """What each attribute adds, and all together: the same training with and without, on the same later rows."""
    rich = with_attributes(abt, sources, attributes)
    kinds = sorted(set(attributes.column("attribute").to_pylist()))
    groups = {kind: [f for f in rich.features if f.startswith(f"image_{kind}_")] for kind in kinds}
    wanted = {"": [f for of in groups.values() for f in of], **groups}
    plain = train(abt, trials=trials, seed=seed, threads=threads)
    found = []
    for number, (kind, features) in enumerate(wanted.items(), start=1):
        more = replace(rich, features=[*abt.features, *features])
        trained = train(more, trials=trials, seed=seed, threads=threads)
        found.append(_compared(kind, features, plain.later, trained.later, abt))
        on_progress(number, len(wanted))
    return found


def _compared(kind: str, features: list[str], before: pa.Table, after: pa.Table, abt: Abt) -> Uplift:
    keys = [abt.entity, abt.time]
    both = after.join(
        before.select([*keys, "score"]).rename_columns([*keys, "before"]),
        keys=keys,
        join_type="inner",
        use_threads=False,
    ).sort_by([(key, "ascending") for key in keys])
    y = both.column("label").to_numpy()
    first, second = both.column("score").to_numpy(), both.column("before").to_numpy()
    groups = np.array(both.column(abt.group).to_pylist(), dtype=str)
    gain, interval = auc_difference(y, first, second, groups)
    with_, without = auc(y, first), auc(y, second)
    shown = (round(interval[0], 4), round(interval[1], 4))
    return Uplift(kind, tuple(features), len(y), round(without, 4), round(with_, 4), round(gain, 4), shown)


def _share(weight: float, total: float | None) -> float | None:
    return None if total is None else weight / total
