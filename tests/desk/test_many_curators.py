"""Several curators as processes: nothing is lost, doubled, lent twice or half done, even when one is killed."""

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from small_desk import TAXONOMY, add_products
from vitrine.desk import grid
from vitrine.desk.fill import fill
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

TESTS = Path(__file__).parent.parent
CURATORS = 5
PRODUCTS = 60

CURATOR = """
import json, sys, uuid
sys.path.insert(0, sys.argv[1])
from small_desk import TAXONOMY
from vitrine.desk import queue
from vitrine.desk.decisions import Answer, decide
from vitrine.errors import Conflict
from vitrine.stores.catalog import Catalog
catalog, name = Catalog(sys.argv[2]), sys.argv[3]
while items := queue.next_items(catalog, TAXONOMY, name, count=2):
    for item in items:
        print(json.dumps(["lent", item.sku, item.attribute, item.version]))
        values = TAXONOMY.attributes[item.attribute].values
        answer = Answer(item.sku, item.attribute, value=values[hash(name) % len(values)], token=item.token)
        batch_id = str(uuid.uuid4())
        for _ in range(2):  # every action is sent twice, as a client would that heard nothing
            entry = decide(catalog, TAXONOMY, [answer], author=name, batch_id=batch_id)[0]
        print(json.dumps(["decided", item.sku, item.attribute, entry.version]))
"""

SWEEP = """
import sys
sys.path.insert(0, sys.argv[1])
from small_desk import TAXONOMY
from vitrine.desk import grid
from vitrine.stores.catalog import Catalog
catalog = Catalog(sys.argv[2])
shown = {f"p{i:02d}": 0 for i in range(int(sys.argv[3]))}
print("ready", flush=True)
swept = grid.accept(catalog, TAXONOMY, "color", "red", shown=shown, wrong=["p03"], author="ana", batch_id="the-sweep")
print(len(swept.decisions), flush=True)
"""


@pytest.fixture
def filled(catalog_url: str) -> str:
    catalog = Catalog(catalog_url)
    add_products(catalog, [f"p{i:02d}" for i in range(PRODUCTS)])
    fill(catalog, TAXONOMY)
    catalog.close()
    return catalog_url


def test_curators_at_once_answer_every_question_once(filled: str) -> None:
    command = [sys.executable, "-c", CURATOR, str(TESTS), filled]
    curators = [subprocess.Popen([*command, f"c{n}"], stdout=subprocess.PIPE, text=True) for n in range(CURATORS)]
    lines = [json.loads(line) for one in curators for line in one.communicate(timeout=100)[0].splitlines()]
    assert [one.returncode for one in curators] == [0] * CURATORS
    happened = Counter(tuple(line) for line in lines)
    assert max(happened.values()) == 1, "a question was lent or an answer taken twice"
    catalog = Catalog(filled)
    entered = catalog.read(schema.decisions).to_pylist()
    told = {tuple(line[1:]) for line in lines if line[0] == "decided"}
    assert {(one["sku"], one["attribute"], one["version"]) for one in entered} == told
    assert len({(sku, attribute) for sku, attribute, _ in told}) == 2 * PRODUCTS
    by_item: dict[tuple[str, str], list[str]] = {}
    for one in entered:
        by_item.setdefault((one["sku"], one["attribute"]), []).append(one["author"])
    assert all(len(set(authors)) == len(authors) for authors in by_item.values()), "reviewed by its own author"
    assert catalog.count(schema.leases) == 0
    catalog.close()


def test_a_sweep_that_is_killed_is_done_or_not_and_the_same_action_finishes_it(catalog_url: str) -> None:
    catalog = Catalog(catalog_url)
    skus = [f"p{i:02d}" for i in range(1_500)]
    add_products(catalog, skus)
    fill(catalog, TAXONOMY)
    seed = random.randrange(10**6)
    delays = random.Random(seed)
    for _ in range(5):
        command = [sys.executable, "-c", SWEEP, str(TESTS), catalog_url, str(len(skus))]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(delays.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        closed = sum(row["turn"] is None for row in catalog.read(schema.queue).to_pylist())
        assert (catalog.count(schema.decisions) == 0) == (closed == 0), f"seed {seed}"
        assert catalog.count(schema.decisions) in (0, len(skus)), f"seed {seed}"
    shown = dict.fromkeys(skus, 0)
    grid.accept(catalog, TAXONOMY, "color", "red", shown=shown, wrong=["p03"], author="ana", batch_id="the-sweep")
    assert catalog.count(schema.decisions) == len(skus)
    catalog.close()
