"""Claims and ledger keep their word on SQLite and PostgreSQL."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from vitrine.automation.claim import Claim, held
from vitrine.automation.ledger import (
    ANSWERED,
    DELIVERED,
    GONE,
    QUARANTINED,
    TAKEN,
    WAITING,
    Ledger,
    counts,
    latency,
)
from vitrine.errors import Conflict
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    catalog = Catalog(catalog_url)
    yield catalog
    catalog.close()


def test_a_claim_is_held_by_one_until_it_is_released(catalog: Catalog) -> None:
    first = Claim(catalog, "watch a")
    with pytest.raises(Conflict, match=f"watch a: {first.holder} has been at it since"):
        Claim(catalog, "watch a")
    Claim(catalog, "watch b").release()
    assert {name: one.alive for name, one in held(catalog).items()} == {"watch a": True}
    first.release()
    Claim(catalog, "watch a").release()
    assert held(catalog) == {}


def test_a_silent_holder_on_another_machine_loses_its_claim_by_the_databases_clock(catalog: Catalog) -> None:
    silent = Claim(catalog, "watch a")
    with catalog.transaction() as connection:
        soon = catalog.moment(connection) + timedelta(seconds=5)
        connection.execute(sa.update(schema.claims).values(process="another|machine|1|2", expires_at=soon))
    with pytest.raises(Conflict):
        Claim(catalog, "watch a")
    with catalog.transaction() as connection:
        connection.execute(sa.update(schema.claims).values(expires_at=catalog.moment(connection)))
    assert not held(catalog)["watch a"].alive
    winner = Claim(catalog, "watch a")
    with catalog.transaction() as connection:
        winner.check(connection)
        with pytest.raises(Conflict, match="another one took over"):
            silent.check(connection)
    silent.release()
    assert held(catalog)["watch a"].alive, "the loser's release must not end the winner's claim"
    winner.release()


def test_what_became_of_files(catalog: Catalog) -> None:
    ledger = Ledger(catalog, "s3://studio")
    with catalog.transaction() as connection:
        ledger.arrive({f"{name}.jpg": "1" for name in "abcde"}, connection)
        Ledger(catalog, "elsewhere").arrive({"a.jpg": "9"}, connection)
    assert [one.path for one in ledger.waiting()] == [f"{name}.jpg" for name in "abcde"]
    with catalog.transaction() as connection:
        ledger.begin(["a.jpg", "b.jpg", "c.jpg"], connection, 1)
        ledger.end(
            [
                {"of_path": "a.jpg", "state": TAKEN, "sku": "A", "photo_id": "1" * 64, "reason": None},
                {"of_path": "b.jpg", "state": TAKEN, "sku": "B", "photo_id": "2" * 64, "reason": None},
                {"of_path": "c.jpg", "state": QUARANTINED, "sku": None, "photo_id": None, "reason": "truncated"},
            ],
            connection,
        )
        ledger.depart(["d.jpg"], connection)
    assert ledger.taken() == ["A", "B"]
    with catalog.transaction() as connection:
        assert ledger.answered(["A"], connection) == 1
    assert counts(catalog)["s3://studio"] == {ANSWERED: 1, TAKEN: 1, QUARANTINED: 1, GONE: 1, WAITING: 1}
    assert ledger.undelivered() == 1 and latency(catalog, "s3://studio").n == 1
    ledger.delivered(ledger.moment())
    assert counts(catalog)["s3://studio"][DELIVERED] == 1
    assert latency(catalog, "s3://studio", until="delivered_at").n == 1
    assert ledger.versions() == {"a.jpg": "1", "b.jpg": "1", "c.jpg": "1", "e.jpg": "1"}
    with catalog.transaction() as connection:
        ledger.arrive({"a.jpg": "2"}, connection)  # another content: it waits again, whatever the first one became
        assert ledger.retry(connection) == 1
    assert {one.path: (one.version, one.attempts) for one in ledger.waiting()} == {
        "a.jpg": ("2", 0),
        "c.jpg": ("1", 0),
        "e.jpg": ("1", 0),
    }
