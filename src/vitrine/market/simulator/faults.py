"""Faults planted in the simulated files, as real deliveries have them, with a list of what ingest must say about each.

Faulty rows come on top of the sound ones, so that the truth about those stays as it is; decimal commas alone are in
sound rows, which ingest reads.
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vitrine.market.simulator.draws import Draws, Integers
from vitrine.market.simulator.tables import texts

_EVERY = 400  # one order in so many lends its row to each kind of fault
_ELSEWHERE = 1 << 41  # row numbers of orders that exist nowhere


@dataclass(slots=True)
class Faults:
    """Plants faults and counts them by (table, kind); kinds are what ingest reports, `repeated` and `decimal comma`."""

    draws: Draws
    planted: dict[tuple[str, str], int] = field(default_factory=dict)

    def plant(self, tables: dict[str, pa.Table], rows: Integers) -> dict[str, pa.Table]:
        """The order tables of the orders `rows` with faulty rows added."""
        orders, items = tables["orders"], tables["order_items"]
        items = pa.concat_tables([items, *self._items(items)])
        faulty = [self._impossible(orders, rows), self._repeated("orders", orders, rows)]
        commas = self._with_commas(items)
        return {**tables, "orders": pa.concat_tables([orders, *faulty]), "order_items": commas}

    def _chosen(self, kind: str, rows: Integers) -> Integers:
        return np.flatnonzero(self.draws.uniform(f"fault/{kind}", rows) < 1 / _EVERY)

    def _count(self, table: str, kind: str, number: int) -> None:
        self.planted[table, kind] = self.planted.get((table, kind), 0) + number

    def _repeated(self, name: str, table: pa.Table, rows: Integers) -> pa.Table:
        chosen = self._chosen(f"{name} repeated", rows)
        self._count(name, "repeated", len(chosen))
        return table.take(chosen)

    def _impossible(self, orders: pa.Table, rows: Integers) -> pa.Table:
        """Orders of their own that arrive a week before they were placed."""
        chosen = self._chosen("impossible", rows)
        self._count("orders", "order_delivered_customer_date lies before order_purchase_timestamp", len(chosen))
        some = orders.take(chosen)
        week = pa.scalar(np.timedelta64(7 * 86_400, "s"))
        before = pc.subtract(some["order_purchase_timestamp"], week)
        some = _with(some, "order_id", texts(self.draws.ids("order", _ELSEWHERE + rows[chosen])))
        return _with(some, "order_delivered_customer_date", before)

    def _items(self, items: pa.Table) -> list[pa.Table]:
        """Items repeated, of unknown orders, and with a price below zero, on item numbers that no order has."""
        keys = self._item_rows(items)
        repeated = items.take(self._chosen("items repeated", keys))
        self._count("order_items", "repeated", repeated.num_rows)
        chosen = self._chosen("orphan", keys)
        orphans = items.take(chosen)
        orphans = _with(orphans, "order_id", texts(self.draws.ids("order", 2 * _ELSEWHERE + keys[chosen])))
        self._count("order_items", "order_id is not in orders", len(chosen))
        negative = items.take(self._chosen("negative", keys))
        negative = _with(negative, "order_item_id", pa.array(np.full(negative.num_rows, 99)))
        negative = _with(negative, "price", pc.negate(negative["price"]))
        self._count("order_items", "price lies below 0", negative.num_rows)
        return [repeated, orphans, negative]

    def _item_rows(self, items: pa.Table) -> Integers:
        """A number for each item that hangs on its order and position, not on the chunk it is in."""
        text = items["order_id"].combine_chunks().to_numpy(zero_copy_only=False).astype("S32")
        start = np.array([int(one[:12], 16) for one in text], dtype=np.int64)
        numbers: Integers = items["order_item_id"].to_numpy()
        return start * 8 + numbers

    def _with_commas(self, items: pa.Table) -> pa.Table:
        price = items["price"].cast(pa.string())
        keys = self._item_rows(items)
        comma = pa.array(self.draws.uniform("fault/comma", keys) < 1 / _EVERY)
        written = pc.if_else(comma, pc.replace_substring(price, ".", ","), price)
        self._count("order_items", "decimal comma", pc.sum(pc.match_substring(written, ",")).as_py() or 0)
        return _with(items, "price", written)


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, values)
