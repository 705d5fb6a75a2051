"""Several curators as processes: nothing is lost, doubled, lent twice or half done, even when one is killed."""

import json
import multiprocessing
import random
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

import sqlalchemy as sa

from small_desk import TAXONOMY, add_products
from vitrine.desk import grid, queue
from vitrine.desk.decisions import Answer, decide
from vitrine.desk.fill import fill
from vitrine.errors import Conflict
from vitrine.records import now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

CURATORS = 5
PRODUCTS = 40
SWEPT = [f"p{i:02d}" for i in range(1_000)]

processes = multiprocessing.get_context("fork")  # a fresh interpreter would spend its time on imports


def curate(url: str, number: int, log: Path) -> None:
    """Answer questions until none is left, and write down what happened; every answer is sent twice."""
    catalog, name, lines = Catalog(url), f"c{number}", []
    while items := queue.next_items(catalog, TAXONOMY, name, count=2):
        for item in items:
            lines.append(["lent", item.sku, item.attribute, item.version])
            values = TAXONOMY.attributes[item.attribute].values
            answer = Answer(item.sku, item.attribute, value=values[number % len(values)], token=item.token)
            batch_id = str(uuid.uuid4())
            for _ in range(2):
                entry = decide(catalog, TAXONOMY, [answer], author=name, batch_id=batch_id)[0]
            lines.append(["decided", item.sku, item.attribute, entry.version])
    log.write_text(json.dumps(lines), encoding="utf-8")


def sweep(url: str, started: Event) -> None:
    """Accept a large page of the grid."""
    catalog = Catalog(url)
    started.set()
    accept(catalog)


def accept(catalog: Catalog) -> grid.Swept:
    shown = dict.fromkeys(SWEPT, 0)
    return grid.accept(
        catalog, TAXONOMY, "color", "red", shown=shown, wrong=["p03"], author="ana", batch_id="the-sweep"
    )


def filled(url: str, skus: list[str]) -> None:
    catalog = Catalog(url)
    add_products(catalog, skus)
    fill(catalog, TAXONOMY)
    catalog.close()


def test_curators_at_once_answer_every_question_once(catalog_url: str, tmp_path: Path) -> None:
    filled(catalog_url, [f"p{i:02d}" for i in range(PRODUCTS)])
    logs = [tmp_path / f"{number}.json" for number in range(CURATORS)]
    curators = [processes.Process(target=curate, args=(catalog_url, n, log)) for n, log in enumerate(logs)]
    for one in curators:
        one.start()
    for one in curators:
        one.join(timeout=100)
    assert [one.exitcode for one in curators] == [0] * CURATORS
    happened = Counter(tuple(line) for log in logs for line in json.loads(log.read_text(encoding="utf-8")))
    assert max(happened.values()) == 1, "a question was lent or an answer taken twice"
    catalog = Catalog(catalog_url)
    entered = catalog.rows(schema.decisions)
    told = {line[1:] for line in happened if line[0] == "decided"}
    assert {(one["sku"], one["attribute"], one["version"]) for one in entered} == told
    assert len({(sku, attribute) for sku, attribute, _ in told}) == 2 * PRODUCTS
    answered = Counter((one["sku"], one["attribute"], one["author"]) for one in entered)
    assert max(answered.values()) == 1, "somebody reviewed an answer of their own"
    assert catalog.count(schema.leases) == 0
    catalog.close()


def test_a_late_answer_and_the_one_who_gets_the_question_next_do_not_wait_for_each_other(catalog_url: str) -> None:
    filled(catalog_url, ["p00"])
    catalog = Catalog(catalog_url)
    item = queue.next_items(catalog, TAXONOMY, "ana", attribute="color")[0]
    with catalog.transaction() as connection:
        connection.execute(sa.update(schema.leases).values(expires_at=now() - timedelta(seconds=1)))
    answering = threading.Event()

    def wait_once_the_question_is_taken(connection: sa.Connection, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("DELETE FROM leases") and not answering.is_set():
            answering.set()
            time.sleep(0.5)  # ana's answer gets as far as it can meanwhile

    answer = Answer("p00", "color", value="red", token=item.token)
    sa.event.listen(sa.Engine, "before_cursor_execute", wait_once_the_question_is_taken)
    try:
        with ThreadPoolExecutor(1) as others:
            lent = others.submit(queue.next_items, catalog, TAXONOMY, "budi", attribute="color")
            assert answering.wait(timeout=30)
            try:
                entered = decide(catalog, TAXONOMY, [answer], author="ana", batch_id="ana-was-late")
            except Conflict as told:
                assert "went to somebody else" in told.message
                entered = []
            assert [one.sku for one in lent.result(timeout=30)] == ["p00"]
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", wait_once_the_question_is_taken)
    assert catalog.count(schema.decisions) == len(entered)
    catalog.close()


def stop_before_the_commit(url: str, inside: Event) -> None:
    """Accept a large page of the grid, and stand still when all is written and nothing committed."""
    catalog = Catalog(url)

    def stand_still(_: object) -> None:
        inside.set()
        time.sleep(60)

    sa.event.listen(sa.Engine, "commit", stand_still)
    accept(catalog)


def test_a_sweep_that_is_killed_before_its_commit_leaves_nothing(catalog_url: str) -> None:
    filled(catalog_url, SWEPT)
    inside = processes.Event()
    process = processes.Process(target=stop_before_the_commit, args=(catalog_url, inside))
    process.start()
    assert inside.wait(timeout=60)
    process.kill()
    process.join(timeout=60)
    catalog = Catalog(catalog_url)
    assert catalog.count(schema.decisions) == 0
    assert all(row["turn"] is not None for row in catalog.rows(schema.queue))
    assert len(accept(catalog).decisions) == len(SWEPT)
    catalog.close()


def test_a_sweep_that_is_killed_is_done_or_not_and_the_same_action_finishes_it(catalog_url: str) -> None:
    filled(catalog_url, SWEPT)
    seed = random.randrange(10**6)
    delays = random.Random(seed)
    for _ in range(6):
        started = processes.Event()
        process = processes.Process(target=sweep, args=(catalog_url, started))
        process.start()
        assert started.wait(timeout=60)
        time.sleep(delays.uniform(0.0, 0.4))
        process.kill()
        process.join(timeout=60)
        catalog = Catalog(catalog_url)
        closed = sum(row["turn"] is None for row in catalog.rows(schema.queue))
        entered = catalog.count(schema.decisions)
        catalog.close()
        assert entered in (0, len(SWEPT)) and (entered == 0) == (closed == 0), f"seed {seed}"
    catalog = Catalog(catalog_url)
    assert len(accept(catalog).decisions) == len(SWEPT) == catalog.count(schema.decisions)
    catalog.close()
