"""The ledger: what a place was given. What is about to be sent is entered first, so that a crash forgets nothing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import sqlalchemy as sa

from vitrine.desk.journal import chunks
from vitrine.records import Delivered, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

SENDING, SENT, RECALLING, RECALLED = "sending", "sent", "recalling", "recalled"
OPEN = (SENDING, RECALLING)
_CONFIRMED = {SENDING: SENT, RECALLING: RECALLED}


class Ledger:
    """The entries of one place."""

    def __init__(self, catalog: Catalog, place: str) -> None:
        """Open the ledger of `place`: a folder, or the URL of a service with its client."""
        self._catalog, self.place = catalog, place

    def of_characteristic(self, name: str) -> pa.Table:
        """All entries of a characteristic (schema `vitrine.records.Delivered`)."""
        table = schema.deliveries
        return self._catalog.read(sa.select(table).where(table.c.place == self.place, table.c.characteristic == name))

    def of_materials(self, materials: Iterable[str]) -> list[Delivered]:
        """All entries of these materials, by material and characteristic."""
        table = schema.deliveries
        found = []
        for some in chunks(sorted(set(materials))):
            query = sa.select(table).where(table.c.place == self.place, table.c.material.in_(some))
            found += self._catalog.rows(query.order_by(table.c.material, table.c.characteristic))
        return [Delivered(**row) for row in found]

    def unfinished(self) -> list[Delivered]:
        """What a delivery before this one had begun and not confirmed."""
        table = schema.deliveries
        query = sa.select(table).where(table.c.place == self.place, table.c.state.in_(OPEN))
        rows = self._catalog.read(query.order_by(table.c.shipment, table.c.material, table.c.characteristic))
        return [Delivered(**row) for row in rows.to_pylist()]

    def mistrust(self) -> int:
        """What was sent may have got lost there: nothing counts as sent any more; returns how many entries that are."""
        table = schema.deliveries
        lost = (table.c.place == self.place) & (table.c.state == SENT)
        with self._catalog.transaction() as connection:
            return connection.execute(sa.update(table).where(lost).values(state=SENDING, shipment="")).rowcount

    def begin(self, entries: Sequence[Delivered]) -> None:
        """Enter what is about to be sent or recalled, in one transaction."""
        self._catalog.put(schema.deliveries, entries)

    def confirm(self, entries: Sequence[Delivered]) -> None:
        """The place has them now: `sending` becomes `sent`, `recalling` becomes `recalled`."""
        moment = now()
        self._catalog.put(
            schema.deliveries, [replace(one, state=_CONFIRMED[one.state], delivered_at=moment) for one in entries]
        )

    def give_back(self, entries: Collection[Delivered], before: Mapping[tuple[str, str], Delivered]) -> None:
        """The place refused them: what stood there `before` still does."""
        table = schema.deliveries
        known = [before[key] for one in entries if (key := (one.material, one.characteristic)) in before]
        with self._catalog.transaction() as connection:
            for one in entries:
                of_key = (table.c.material == one.material) & (table.c.characteristic == one.characteristic)
                connection.execute(sa.delete(table).where(table.c.place == self.place, of_key))
            self._catalog.put(table, known, connection=connection)
