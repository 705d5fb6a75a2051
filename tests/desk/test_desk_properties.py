"""Whatever curators do in whatever order: the journal grows, what holds follows from it, the queue follows too."""

import shutil
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from small_desk import TAXONOMY, add_products
from vitrine.desk import journal, queue
from vitrine.desk.decisions import OUTCOMES, Answer, decide, undo
from vitrine.desk.fill import fill
from vitrine.errors import Conflict, Refused
from vitrine.intake.labels import current_decisions
from vitrine.records import Decision
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

PEOPLE = ("ana", "budi", "citra")
SKUS = tuple(f"p{i:02d}" for i in range(6))
PAIRS = tuple((sku, attribute) for sku in SKUS for attribute in TAXONOMY.attributes)

people = st.sampled_from(PEOPLE)
outcomes = st.sampled_from(OUTCOMES)
pairs = st.sampled_from(PAIRS)


def _new_catalog() -> Path:
    path = Path(tempfile.mkdtemp(prefix="vitrine-property-")) / "catalog.sqlite"
    if not _TEMPLATE:
        catalog = Catalog(f"sqlite:///{path}")
        add_products(catalog, list(SKUS))
        fill(catalog, TAXONOMY)
        catalog.close()
        _TEMPLATE.append(path.read_bytes())
    path.write_bytes(_TEMPLATE[0])
    return path


_TEMPLATE: list[bytes] = []


class Curators(RuleBasedStateMachine):
    """Three people and a machine that fills the queue again now and then."""

    @initialize()
    def open(self) -> None:
        self.path = _new_catalog()
        self.catalog = Catalog(f"sqlite:///{self.path}")
        self.actions: list[tuple[str, str, list[Answer], list[Decision]]] = []
        self.undone: set[str] = set()
        self.items: list[tuple[str, queue.Item]] = []
        self.entered = 0

    def teardown(self) -> None:
        self.catalog.close()
        shutil.rmtree(self.path.parent)

    def _answer(self, pair: tuple[str, str], outcome: str, which: int, **seen: object) -> Answer:
        values = TAXONOMY.attributes[pair[1]].values
        value = values[which % len(values)] if outcome in (journal.DECIDED, journal.REJECTED) else None
        return Answer(*pair, outcome, value, **seen)  # type: ignore[arg-type]

    def _enter(self, author: str, answers: list[Answer]) -> bool:
        batch_id = f"action-{len(self.actions):04d}"
        try:
            entries = decide(self.catalog, TAXONOMY, answers, author=author, batch_id=batch_id)
        except Conflict:
            return False
        self.actions.append((author, batch_id, answers, entries))
        self.entered += len(entries)
        return True

    def _version(self, pair: tuple[str, str]) -> int:
        table = schema.decisions
        return self.catalog.count(sa.select(table).where(table.c.sku == pair[0], table.c.attribute == pair[1]))

    @rule(
        author=people,
        some=st.lists(pairs, min_size=1, max_size=4, unique=True),
        outcome=outcomes,
        which=st.integers(0, 2),
    )
    def decides_what_it_sees(self, author: str, some: list[tuple[str, str]], outcome: str, which: int) -> None:
        answers = [self._answer(pair, outcome, which, version=self._version(pair)) for pair in some]
        assert self._enter(author, answers)

    @rule(author=people, pair=pairs, outcome=outcomes, which=st.integers(0, 2), ago=st.integers(1, 3))
    def decides_on_an_old_page(self, author: str, pair: tuple[str, str], outcome: str, which: int, ago: int) -> None:
        version = self._version(pair) - ago
        assert not self._enter(author, [self._answer(pair, outcome, which, version=version)])

    @rule(holder=people, count=st.integers(1, 3))
    def takes_questions(self, holder: str, count: int) -> None:
        lent = {(item.sku, item.attribute, item.version) for _, item in self.items}
        for item in queue.next_items(self.catalog, TAXONOMY, holder, count=count):
            assert (item.sku, item.attribute, item.version) not in lent, "lent twice"
            assert item.version == self._version((item.sku, item.attribute))
            assert not item.blind or item.predicted is None
            self.items.append((holder, item))

    @precondition(lambda self: self.items)
    @rule(data=st.data(), outcome=outcomes, which=st.integers(0, 2))
    def answers_a_question(self, data: st.DataObject, outcome: str, which: int) -> None:
        holder, item = self.items.pop(data.draw(st.integers(0, len(self.items) - 1)))
        pair = item.sku, item.attribute
        timely = item.version == self._version(pair)
        assert self._enter(holder, [self._answer(pair, outcome, which, token=item.token)]) == timely

    @precondition(lambda self: self.items)
    @rule()
    def gives_all_back(self) -> None:
        for holder, item in self.items:
            queue.release(self.catalog, holder, [item.token])
        self.items = []

    @precondition(lambda self: self.actions)
    @rule(data=st.data())
    def says_it_again(self, data: st.DataObject) -> None:
        author, batch_id, answers, entries = data.draw(st.sampled_from(self.actions))
        assert decide(self.catalog, TAXONOMY, answers, author=author, batch_id=batch_id) == entries

    @precondition(lambda self: self.actions)
    @rule(data=st.data(), who=people)
    def undoes(self, data: st.DataObject, who: str) -> None:
        author, batch_id, _, entries = data.draw(st.sampled_from(self.actions))
        try:
            undo(self.catalog, batch_id, author=who)
        except Refused:
            assert who != author
            return
        if batch_id not in self.undone:
            self.undone.add(batch_id)
            self.entered += len(entries)

    @rule()
    def classifies_again(self) -> None:
        fill(self.catalog, TAXONOMY)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert self.catalog.count(schema.decisions) == self.entered

    @invariant()
    def what_holds_follows_from_the_journal(self) -> None:
        """Read from the newest entries, and worked out from those that were never undone, it is the same."""
        held = {(row["sku"], row["attribute"]): row["decision_id"] for row in self.catalog.rows(current_decisions())}
        kept: dict[tuple[str, str], list[Decision]] = {}
        for _, batch_id, _, entries in self.actions:
            for entry in entries if batch_id not in self.undone else ():
                kept.setdefault((entry.sku, entry.attribute), []).append(entry)
        expected = {pair: one.decision_id for pair, entries in kept.items() if (one := journal.holds(entries))}
        assert held == expected

    @invariant()
    def the_queue_is_what_filling_it_anew_would_make(self) -> None:
        def opened() -> set[tuple[object, ...]]:
            rows = self.catalog.rows(schema.queue)
            return {(r["sku"], r["attribute"], r["turn"], r["not_for"]) for r in rows if r["turn"] is not None}

        before = opened()
        fill(self.catalog, TAXONOMY)
        assert opened() == before


Curators.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestCurators = pytest.mark.slow(Curators.TestCase)
